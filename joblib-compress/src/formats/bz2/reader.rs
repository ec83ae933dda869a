//! bzip2 files read by several threads, block by block, whoever wrote them.
//!
//! Blocks begin with 48 known bits, at any bit. Those bits may occur inside a block too, so what
//! is found is a guess: a block that does not decompress to its checksum, and end exactly where the
//! next one was found, is read again by the caller, who then knows where it really ends.

use std::collections::VecDeque;
use std::io::{self, BufRead, Cursor, Read};
use std::mem;

use bzip2::{Decompress, Error};

use super::bits::{self, MARK, Mark};
use super::{Bz2, KNOWN};
use crate::stream::{Step, corrupt, cut};
use crate::threads::{Decode, Ordered, Part, Verdict};
use crate::{Compressor, DecodeOptions};

/// A block is never longer, in bytes: 900,000 symbols of at most 20 bits, and its tables.
const MOST_BLOCK: usize = 2_300_000;

/// Bytes taken from the source at a time, and what may be behind us before it is given up.
const STEP: usize = 256 << 10;

/// Bits of a stream's header, `BZh` and the level.
const HEADER: usize = 32;

/// Bits of a checksum.
const CHECKSUM: usize = 32;

pub(super) struct Bz2Reader<'r> {
    options: DecodeOptions,
    source: Box<dyn BufRead + 'r>,
    /// What was taken from the source and is not behind us.
    data: Vec<u8>,
    /// The source is at its end.
    is_all: bool,
    queue: Ordered<Decode<Bz2>>,
    /// What the threads have, and the ends of streams in between.
    cuts: VecDeque<Cut>,
    /// What the next cut begins with.
    next: Place,
    /// What follows the cuts that were checked.
    done: Place,
    /// The checksum of the blocks of this stream so far.
    checksum: u32,
    /// The source failed, but blocks from before are not given yet.
    failure: Option<io::Error>,
    state: State,
    /// What is being given.
    current: Box<dyn Read + 'r>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// No stream is complete yet.
    First,
    Later,
    /// One thread reads the rest.
    TakenOver,
    Failed,
}

/// A block, or the end of a stream, in bits of the data.
#[derive(Clone, Copy, Debug)]
struct Cut {
    mark: Mark,
    level: u8,
    from: usize,
    to: usize,
}

/// What begins at a bit of the data.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// A stream, or nothing any more.
    Header(usize),
    /// A block or the end of a stream, of that level.
    Mark(usize, Mark, u8),
}

impl Place {
    fn bit(&mut self) -> &mut usize {
        let (Self::Header(at) | Self::Mark(at, ..)) = self;
        at
    }
}

impl<'r> Bz2Reader<'r> {
    pub(super) fn new(source: Box<dyn BufRead + 'r>, options: &DecodeOptions) -> Self {
        let threads = options.threads;
        let options = DecodeOptions { threads: 1, output_limit: None, ..*options };
        Self {
            options,
            source,
            data: Vec::new(),
            is_all: false,
            queue: Ordered::new(threads, move || Decode { compressor: Bz2, options }),
            cuts: VecDeque::new(),
            next: Place::Header(0),
            done: Place::Header(0),
            checksum: 0,
            failure: None,
            state: State::First,
            current: Box::new(io::empty()),
        }
    }

    /// Goes on behind what was given; false if there is nothing.
    fn begin_next(&mut self) -> io::Result<bool> {
        match self.state {
            State::TakenOver => return Ok(false),
            State::Failed => return Err(corrupt(KNOWN.name, "it was given up before")),
            State::First | State::Later => self.give_blocks()?,
        }
        let begun = self.begin();
        if begun.is_err() {
            self.state = State::Failed;
        }
        self.forget();
        begun
    }

    fn begin(&mut self) -> io::Result<bool> {
        match (self.cuts.pop_front(), self.done) {
            (Some(cut), _) if cut.mark == Mark::End => self.end_stream(cut)?,
            (Some(cut), _) => self.begin_block(cut)?,
            (None, Place::Header(at)) if at / 8 < self.data.len() => self.take_over(at / 8)?,
            (None, Place::Header(at)) if self.state == State::First => self.take_over(at / 8)?,
            (None, Place::Header(_)) => return Ok(false),
            (None, Place::Mark(at, Mark::Block, level)) => self.search_block(at, level)?,
            (None, Place::Mark(_, Mark::End, _)) => return Err(cut(KNOWN.name)),
        }
        Ok(true)
    }

    fn end_stream(&mut self, cut: Cut) -> io::Result<()> {
        if mem::take(&mut self.checksum) != bits::number(&self.data, cut.from + MARK) {
            return Err(corrupt(KNOWN.name, Error::Data));
        }
        self.state = State::Later;
        self.done = Place::Header(cut.to);
        Ok(())
    }

    fn begin_block(&mut self, cut: Cut) -> io::Result<()> {
        let part = self.queue.take().expect("one part for each block")?;
        match part.verdict {
            Verdict::Whole => self.current = Box::new(Cursor::new(part.output)),
            Verdict::Long => self.current = self.by_one_thread(Cursor::new(part.input))?,
            Verdict::Damaged => return self.search_block(cut.from, cut.level),
        }
        self.end_block(cut.from);
        let (_, mark) = bits::find(&self.data, cut.to).expect("where it was found before");
        self.done = Place::Mark(cut.to, mark, cut.level);
        Ok(())
    }

    fn end_block(&mut self, from: usize) {
        self.checksum = self.checksum.rotate_left(1) ^ bits::number(&self.data, from + MARK);
    }

    /// Finds by decompression where the block at bit `from` ends, and begins it. What the threads
    /// have was cut at the wrong places.
    fn search_block(&mut self, from: usize, level: u8) -> io::Result<()> {
        self.cuts.clear();
        while self.queue.take().is_some() {}
        while self.data.len() < from / 8 + MOST_BLOCK && self.gather()? {}
        let (to, mark) = self.end_of_block(from, level)?;
        let stream = bits::stream(&self.data, from, to, level);
        self.current = self.by_one_thread(Cursor::new(stream))?;
        self.end_block(from);
        self.next = Place::Mark(to, mark, level);
        self.done = self.next;
        Ok(())
    }

    /// The bit at which the block at bit `from` ends, and what is there; or what one thread would
    /// say of the block.
    fn end_of_block(&self, from: usize, level: u8) -> io::Result<(usize, Mark)> {
        // Whole bytes: the bits that are missing in the last one are not zero.
        let bytes = ((self.data.len() * 8 - from) / 8).min(MOST_BLOCK - 1);
        let stream = bits::open_stream(&self.data, from, from + bytes * 8, level);
        let last = last_byte_of_block(&stream)?;
        // The block ends with one of the bits of this byte.
        match bits::find(&stream, last * 8 + 1) {
            Some((at, mark)) if at <= last * 8 + 8 => Ok((from + at - HEADER, mark)),
            _ if bytes < MOST_BLOCK - 1 => Err(cut(KNOWN.name)),
            _ => Err(corrupt(KNOWN.name, Error::Data)),
        }
    }

    /// Lets one thread read what is at the byte `at` and all that follows.
    fn take_over(&mut self, at: usize) -> io::Result<()> {
        let data = mem::take(&mut self.data).split_off(at);
        let source = mem::replace(&mut self.source, Box::new(io::empty()));
        self.current = self.by_one_thread(Cursor::new(data).chain(source))?;
        self.state = State::TakenOver;
        Ok(())
    }

    fn by_one_thread(&self, source: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Bz2.decoder(Box::new(source), &self.options).map_err(io::Error::other)
    }

    /// Gives the threads as much to do as they may have.
    fn give_blocks(&mut self) -> io::Result<()> {
        while self.failure.is_none() && !self.queue.is_full() {
            match self.cut_next() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => self.failure = Some(error),
            }
        }
        if self.cuts.is_empty() {
            return self.failure.take().map_or(Ok(()), Err);
        }
        Ok(())
    }

    /// Makes the next cut; false if there is none to be made.
    fn cut_next(&mut self) -> io::Result<bool> {
        match self.next {
            Place::Header(at) => {
                // The mark behind the header, and what `find` wants behind a mark.
                let (level, mark) = (at / 8 + 3, at + HEADER);
                while self.data.len() < mark / 8 + 8 && self.gather()? {}
                let found = bits::find(&self.data, mark).filter(|(bit, _)| *bit == mark);
                let is_header = self.data[at / 8..].starts_with(b"BZh");
                let Some((_, mark_there)) = found.filter(|_| is_header) else { return Ok(false) };
                let level = self.data[level];
                if !(b'1'..=b'9').contains(&level) {
                    return Ok(false);
                }
                self.next = Place::Mark(mark, mark_there, level);
                self.cut_next()
            }
            Place::Mark(from, mark @ Mark::Block, level) => {
                let Some((to, following)) = self.find(from + MARK + CHECKSUM)? else {
                    return Ok(false);
                };
                let input = bits::stream(&self.data, from, to, level);
                self.queue.give(Part { input, ..Part::default() })?;
                self.cuts.push_back(Cut { mark, level, from, to });
                self.next = Place::Mark(to, following, level);
                Ok(true)
            }
            Place::Mark(from, mark @ Mark::End, level) => {
                let to = (from + MARK + CHECKSUM).next_multiple_of(8);
                while self.data.len() * 8 < to && self.gather()? {}
                if self.data.len() * 8 < to {
                    return Ok(false);
                }
                self.cuts.push_back(Cut { mark, level, from, to });
                self.next = Place::Header(to);
                Ok(true)
            }
        }
    }

    /// The next mark at bit `from` or later, but not further away than a block is long.
    fn find(&mut self, from: usize) -> io::Result<Option<(usize, Mark)>> {
        let mut searched = from;
        while searched / 8 < from / 8 + MOST_BLOCK {
            if let Some(found) = bits::find(&self.data, searched) {
                return Ok(Some(found));
            }
            searched = searched.max(self.data.len().saturating_sub(7) * 8);
            if !self.gather()? {
                break;
            }
        }
        Ok(None)
    }

    /// Takes some more of the source; false at its end.
    fn gather(&mut self) -> io::Result<bool> {
        if !self.is_all {
            let before = self.data.len();
            (&mut self.source).take(STEP as u64).read_to_end(&mut self.data)?;
            self.is_all = self.data.len() == before;
        }
        Ok(!self.is_all)
    }

    /// Gives up the data that is behind us, now and then.
    fn forget(&mut self) {
        let bytes = *self.done.bit() / 8;
        if bytes < STEP || self.state == State::TakenOver {
            return;
        }
        self.data.drain(..bytes);
        *self.done.bit() -= bytes * 8;
        *self.next.bit() -= bytes * 8;
        for cut in &mut self.cuts {
            cut.from -= bytes * 8;
            cut.to -= bytes * 8;
        }
    }
}

/// The index of the byte with which the first block of `stream` ends, if that block is sound and
/// another or the end of the stream follows.
fn last_byte_of_block(stream: &[u8]) -> io::Result<usize> {
    let mut codec = Decompress::new(false);
    let mut output = vec![0; 64 << 10];
    let mut last = None;
    for (index, byte) in stream.iter().enumerate() {
        // The mark that follows is at most this far away; one that is none is an error by then.
        if last.is_some_and(|last| index > last + MARK / 8) {
            break;
        }
        let mut input = std::slice::from_ref(byte);
        loop {
            let progress = codec.step(input, &mut output, false);
            let progress = progress.map_err(|cause| corrupt(KNOWN.name, cause))?;
            input = &input[progress.read..];
            if progress.written > 0 {
                // A block is put out when all of it is there.
                last.get_or_insert(index);
            } else if input.is_empty() {
                break;
            }
        }
    }
    last.ok_or_else(|| cut(KNOWN.name))
}

impl Read for Bz2Reader<'_> {
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
