//! A reader that lets several threads decompress files whose streams say how long they are.

use std::io::{self, BufRead, Cursor, Read};
use std::mem;

use super::decode::{Decode, Part, Verdict};
use super::ordered::Ordered;
use crate::stream::corrupt;
use crate::{Compressor, DecodeOptions};

/// How long the stream at the beginning of some data is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Length {
    /// That many bytes, which need not be there yet.
    Is(usize),
    /// More data would tell.
    NeedsMore,
    /// It does not say so, or is no stream.
    Unknown,
}

/// Streams are joined until they have that many bytes: a thread should have something to do.
const LEAST_INPUT: usize = 128 << 10;

/// A longer stream is read by one thread, and so is all that follows it.
const MOST_INPUT: usize = 4 << 20;

/// Bytes taken from the source at a time.
const STEP: usize = 64 << 10;

/// Cuts its source between streams, has the parts decompressed by threads, and gives them in
/// order.
///
/// Where anything is out of the ordinary, be it damage, padding or a stream that is too long, the
/// reader of one thread takes over from the beginning of that part, so that result and error are
/// its own.
pub(crate) struct PartsReader<'r, C: Compressor> {
    compressor: C,
    /// Those of one thread.
    options: DecodeOptions,
    length: fn(&[u8]) -> Length,
    queue: Ordered<Decode<C>>,
    /// Given away when all of it is in parts, or one thread takes over.
    source: Option<Box<dyn BufRead + 'r>>,
    /// What of the source is in no part yet: begins where a stream does.
    gathered: Vec<u8>,
    /// Where in it the first stream begins whose end is not known yet.
    walked: usize,
    /// Nothing more will be cut off.
    uncut: bool,
    /// The source failed, but parts from before are not given yet.
    failure: Option<io::Error>,
    /// A thread broke down: what would follow has a hole.
    lost: bool,
    /// What is being given.
    current: Box<dyn Read + 'r>,
}

impl<'r, C: Compressor + Copy> PartsReader<'r, C> {
    /// `length` gets data that begins where a stream does.
    pub(crate) fn new(
        compressor: C,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
        length: fn(&[u8]) -> Length,
    ) -> Self {
        let threads = options.threads;
        let options = DecodeOptions { threads: 1, output_limit: None, ..*options };
        Self {
            compressor,
            options,
            length,
            queue: Ordered::new(threads, move || Decode { compressor, options }),
            source: Some(source),
            gathered: Vec::new(),
            walked: 0,
            uncut: false,
            failure: None,
            lost: false,
            current: Box::new(io::empty()),
        }
    }

    /// Goes to the next part; false if there is none.
    fn begin_next(&mut self) -> io::Result<bool> {
        self.give_parts()?;
        match self.take()? {
            Some(part) => self.begin(part)?,
            None if self.source.is_none() => return Ok(false),
            None => self.take_over(Vec::new())?,
        }
        Ok(true)
    }

    fn begin(&mut self, part: Part) -> io::Result<()> {
        match part.verdict {
            Verdict::Whole => self.current = Box::new(Cursor::new(part.output)),
            Verdict::Long => self.current = self.by_one_thread(Cursor::new(part.input))?,
            Verdict::Damaged => self.take_over(part.input)?,
        }
        Ok(())
    }

    /// Lets one thread read `input` and all that follows it.
    fn take_over(&mut self, mut input: Vec<u8>) -> io::Result<()> {
        while let Some(part) = self.take()? {
            input.extend(part.input);
        }
        input.append(&mut self.gathered);
        let rest = self.source.take().unwrap_or_else(|| Box::new(io::empty()));
        self.current = self.by_one_thread(Cursor::new(input).chain(rest))?;
        Ok(())
    }

    fn by_one_thread(&self, source: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        self.compressor.decoder(Box::new(source), &self.options).map_err(io::Error::other)
    }

    /// The oldest part given to the threads.
    fn take(&mut self) -> io::Result<Option<Part>> {
        if self.lost {
            return Err(corrupt(self.compressor.name(), "it was given up before"));
        }
        let part = self.queue.take().transpose();
        self.lost = part.is_err();
        part
    }

    /// Gives the threads as much to do as they may have.
    fn give_parts(&mut self) -> io::Result<()> {
        while !self.uncut && self.failure.is_none() && !self.queue.is_full() {
            match self.next_part() {
                Ok(Some(input)) => self.queue.give(Part { input, ..Part::default() })?,
                Ok(None) => self.uncut = true,
                Err(error) => self.failure = Some(error),
            }
        }
        if self.queue.waiting() == 0 {
            return self.failure.take().map_or(Ok(()), Err);
        }
        Ok(())
    }

    /// Cuts off the next part; `None` if what comes must be read by one thread.
    ///
    /// The last stream whose end is known stays: only the reader of one thread knows what may
    /// follow it other than a stream.
    fn next_part(&mut self) -> io::Result<Option<Vec<u8>>> {
        while self.gathered.len() - self.walked <= MOST_INPUT {
            let rest = &self.gathered[self.walked..];
            match (self.length)(rest) {
                Length::Is(len) if len <= rest.len() => {
                    let before = self.walked;
                    self.walked += len;
                    if before >= LEAST_INPUT {
                        return Ok(Some(self.cut_off(before)));
                    }
                }
                Length::Unknown => return Ok(None),
                Length::Is(_) | Length::NeedsMore => {
                    if !self.gather()? {
                        return Ok(self.last_part());
                    }
                }
            }
        }
        Ok(None)
    }

    fn cut_off(&mut self, len: usize) -> Vec<u8> {
        let rest = self.gathered.split_off(len);
        self.walked -= len;
        mem::replace(&mut self.gathered, rest)
    }

    /// Takes some more of the source; false at its end.
    fn gather(&mut self) -> io::Result<bool> {
        let Some(source) = &mut self.source else { return Ok(false) };
        let before = self.gathered.len();
        source.take(STEP as u64).read_to_end(&mut self.gathered)?;
        Ok(self.gathered.len() > before)
    }

    /// All that is left, unless the threads have nothing to do anyway.
    fn last_part(&mut self) -> Option<Vec<u8>> {
        if self.queue.waiting() == 0 {
            return None;
        }
        (self.uncut, self.source) = (true, None);
        Some(mem::take(&mut self.gathered))
    }
}

impl<C: Compressor + Copy> Read for PartsReader<'_, C> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        loop {
            let read = self.current.read(output)?;
            if read > 0 || !self.begin_next()? {
                return Ok(read);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::{EncodeOptions, Encoder, Levels, Result};

    /// Streams are what they hold, and all of the same length.
    #[derive(Clone, Copy, Debug)]
    struct Plain(&'static AtomicUsize);

    const LEN: usize = 150_000;

    impl Compressor for Plain {
        fn name(&self) -> &str {
            "plain"
        }
        fn extensions(&self) -> &[&str] {
            &[]
        }
        fn magic(&self) -> &[&[u8]] {
            &[b"plain"]
        }
        fn levels(&self) -> Levels {
            Levels { min: 1, max: 1, default: 1 }
        }
        fn encoder<'w>(
            &self,
            _: Box<dyn io::Write + 'w>,
            _: &EncodeOptions,
        ) -> Result<Box<dyn Encoder + 'w>> {
            unreachable!("only read")
        }
        fn decoder<'r>(
            &self,
            source: Box<dyn BufRead + 'r>,
            _: &DecodeOptions,
        ) -> Result<Box<dyn Read + 'r>> {
            if std::thread::current().name() == Some("joblib-compress") {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
            Ok(source)
        }
    }

    #[test]
    fn parts_are_read_by_threads_and_few_are_ahead() {
        static BY_THREADS: AtomicUsize = AtomicUsize::new(0);
        let content: Vec<u8> = (0..LEN * 20 + 7).map(|at| (at / 1_000) as u8).collect();
        let options = DecodeOptions::new().threads(2);
        let length = |data: &[u8]| match data.len() {
            0 => Length::NeedsMore,
            _ => Length::Is(LEN),
        };
        let mut reader =
            PartsReader::new(Plain(&BY_THREADS), Box::new(&content[..]), &options, length);
        let mut output = vec![0; 1];
        reader.read_exact(&mut output).unwrap();
        assert_eq!(reader.queue.waiting(), 3, "two for each thread, of which one is being given");
        assert!(reader.gathered.len() <= LEN + STEP);
        reader.read_to_end(&mut output).unwrap();
        assert!(output == content);
        assert_eq!(BY_THREADS.load(Ordering::SeqCst), 20, "the last with what is behind it");
    }
}
