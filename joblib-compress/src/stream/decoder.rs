//! A reader that decompresses.

use std::fmt::Display;
use std::io::{self, BufRead, Read};

use super::Step;

/// Reads streams of one format, one after the other, to the end of the source.
pub(crate) struct StepDecoder<'r, C, F> {
    name: &'static str,
    source: Box<dyn BufRead + 'r>,
    /// Makes the codec of the next stream.
    make: F,
    codec: C,
    /// Zero bytes may follow a stream, as tapes and block devices leave them: a multiple of this
    /// many, or none if 0.
    padding: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// A stream has begun, or must begin.
    Inside,
    /// A stream is complete: another may follow.
    Between,
    /// The codec gave up. It is not asked again: what it would do is undefined for some.
    Failed,
}

impl<'r, C: Step, F: Fn() -> io::Result<C>> StepDecoder<'r, C, F> {
    pub(crate) fn new(
        name: &'static str,
        source: Box<dyn BufRead + 'r>,
        make: F,
    ) -> io::Result<Self> {
        let codec = make()?;
        Ok(Self { name, source, make, codec, padding: 0, state: State::Inside })
    }

    /// Lets zero bytes follow a stream, a multiple of `unit`.
    pub(crate) fn allow_padding(mut self, unit: usize) -> Self {
        self.padding = unit;
        self
    }

    /// Goes to the next stream; false if the source ends here instead.
    fn begin_next(&mut self) -> io::Result<bool> {
        if self.padding > 0 && !self.skip_zeros()?.is_multiple_of(self.padding) {
            return self.fail("its padding has a wrong length").map(|_| false);
        }
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.codec = (self.make)()?;
        self.state = State::Inside;
        Ok(true)
    }

    /// Goes to the next byte that is not zero; returns how many were.
    fn skip_zeros(&mut self) -> io::Result<usize> {
        let mut skipped = 0;
        loop {
            let zeros = self.source.fill_buf()?.iter().take_while(|&&byte| byte == 0).count();
            if zeros == 0 {
                return Ok(skipped);
            }
            self.source.consume(zeros);
            skipped += zeros;
        }
    }

    /// One step of the codec; returns how much of `output` it filled.
    fn step(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let input = self.source.fill_buf()?;
        let last = input.is_empty();
        let progress = match self.codec.step(input, output, last) {
            Ok(progress) => progress,
            Err(cause) => return self.fail(cause),
        };
        self.source.consume(progress.read);
        if progress.done {
            self.state = State::Between;
        } else if progress.written == 0 && last {
            return Err(cut(self.name));
        } else if progress.written == 0 && progress.read == 0 {
            return self.fail("the codec makes no progress");
        }
        Ok(progress.written)
    }

    fn fail(&mut self, cause: impl Display) -> io::Result<usize> {
        self.state = State::Failed;
        Err(corrupt(self.name, cause))
    }
}

impl<C: Step, F: Fn() -> io::Result<C>> Read for StepDecoder<'_, C, F> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Failed => return self.fail("it was given up before"),
                State::Between => {
                    if !self.begin_next()? {
                        return Ok(0);
                    }
                }
                State::Inside => {}
            }
            let written = self.step(output)?;
            if written > 0 {
                return Ok(written);
            }
        }
    }
}

/// The stream is not what its format allows.
pub(crate) fn corrupt(name: &str, cause: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged {name} stream: {cause}"))
}

/// The source ended inside a stream.
pub(crate) fn cut(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {name} stream ends too early"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Progress;

    /// Fails at its first step and would go on as if nothing had happened.
    struct FailsOnce(bool);

    impl Step for FailsOnce {
        fn step(&mut self, input: &[u8], output: &mut [u8], _last: bool) -> io::Result<Progress> {
            if !std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("checksum"));
            }
            let len = input.len().min(output.len());
            Ok(Progress { read: len, written: len, done: true })
        }
    }

    #[test]
    fn a_codec_that_failed_is_not_asked_again() {
        let source = Box::new(&b"data"[..]);
        let mut reader = StepDecoder::new("toy", source, || Ok(FailsOnce(false))).unwrap();
        let messages: Vec<String> =
            (0..2).map(|_| reader.read(&mut [0; 9]).unwrap_err().to_string()).collect();
        let expected =
            ["damaged toy stream: checksum", "damaged toy stream: it was given up before"];
        assert_eq!(messages, expected);
    }
}
