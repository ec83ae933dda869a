//! A reader of lz4 frames.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::{Error, FrameDecoder};

use crate::formats::known::LZ4;
use crate::stream::{corrupt, cut};

/// Reads frames, one after the other, to the end of the source.
///
/// [`FrameDecoder`] takes a source that ends between two blocks for the end of the frame, so this
/// watches whether the source ended or the frame did.
pub(super) struct Lz4Decoder<'r> {
    frames: FrameDecoder<Watched<'r>>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// A frame has begun, or must begin.
    Inside,
    /// A frame is complete: another may follow.
    Between,
    /// A frame was damaged.
    Failed,
}

impl<'r> Lz4Decoder<'r> {
    pub(super) fn new(source: Box<dyn BufRead + 'r>) -> Self {
        let frames = FrameDecoder::new(Watched { source, ended: false });
        Self { frames, state: State::Inside }
    }

    fn fail(&mut self, error: io::Error) -> io::Result<usize> {
        match error.get_ref().and_then(|cause| cause.downcast_ref()) {
            Some(&Error::SkippableFrame(len)) => self.skip(len),
            Some(cause) => {
                self.state = State::Failed;
                Err(corrupt(LZ4.name, cause))
            }
            None if error.kind() == io::ErrorKind::UnexpectedEof => Err(cut(LZ4.name)),
            None => Err(error),
        }
    }

    fn skip(&mut self, len: u32) -> io::Result<usize> {
        let mut frame = self.frames.get_mut().take(len.into());
        if io::copy(&mut frame, &mut io::sink())? < len.into() {
            return Err(cut(LZ4.name));
        }
        self.state = State::Between;
        Ok(0)
    }

    /// What the frames say, and 0 at the end of each.
    fn step(&mut self, output: &mut [u8]) -> io::Result<usize> {
        match self.frames.read(output) {
            Ok(0) if self.frames.get_ref().ended => Err(cut(LZ4.name)),
            Ok(0) => {
                self.state = State::Between;
                Ok(0)
            }
            Ok(read) => Ok(read),
            Err(error) => self.fail(error),
        }
    }
}

impl Read for Lz4Decoder<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Failed => return Err(corrupt(LZ4.name, "it was given up before")),
                State::Between if self.frames.get_mut().source.fill_buf()?.is_empty() => {
                    return Ok(0);
                }
                State::Between | State::Inside => self.state = State::Inside,
            }
            let read = self.step(output)?;
            if read > 0 {
                return Ok(read);
            }
        }
    }
}

/// A source that remembers whether it came to its end.
struct Watched<'r> {
    source: Box<dyn BufRead + 'r>,
    ended: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(output)?;
        self.ended = read == 0 && !output.is_empty();
        Ok(read)
    }
}
