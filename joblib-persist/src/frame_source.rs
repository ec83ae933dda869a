//! Reading a value from frames and blocks.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use crate::array::Elements;
use crate::de::{Blocks, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{Fresh, read_together};
use crate::format::checksum::{self, BlockChecksum, PIECE};
use crate::format::envelope::{
    self, FOOTER_LEN, FRAME_HEADER_LEN, Footer, FrameHeader, HEADER_LEN, Next,
};
use crate::format::padding;
use crate::mapped::{Map, Place, Unpacker};

/// The most bytes of a block that are read and then hashed while still in the cache.
const CHUNK: usize = 256 * 1024;

/// Blocks of this many bytes are read by several threads, if there may be several.
const TOGETHER_MIN: usize = 4 << 20;

const CHECKSUM_LEN: usize = 8;

/// How a value is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// Whether blocks are compared with their checksums.
    pub(crate) verify: bool,
    /// Whether blocks that nobody wants are, too.
    pub(crate) verify_skipped: bool,
    pub(crate) threads: usize,
    /// The most bytes of frames and blocks that are read into memory.
    pub(crate) memory_limit: u64,
}

/// The blocks of a value that were passed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passed {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
    /// How many have no checksum to be compared with.
    pub(crate) unknown: u64,
}

/// Where the bytes of values come from.
pub(crate) trait Input: Read {
    /// How many bytes are left at most, if that is known.
    fn remaining(&self) -> Option<u64>;

    /// Passes over `len` bytes.
    fn skip(&mut self, len: u64) -> io::Result<()>;

    /// Whether [`read_fresh`](Self::read_fresh) is faster than reading into zeros.
    fn reads_fresh(&self) -> bool {
        false
    }

    /// Fills the next `len` bytes of memory that nobody wrote to yet, and returns them.
    fn read_fresh<'f>(&mut self, fresh: &'f mut Fresh<'_>, len: usize) -> io::Result<&'f mut [u8]> {
        let bytes = fresh.zeros(len);
        self.read_exact(bytes)?;
        Ok(bytes)
    }

    /// The file that the bytes are in as they are, and where the next one is.
    fn file(&mut self) -> io::Result<Option<(&File, u64)>> {
        Ok(None)
    }
}

/// Fills memory that nobody wrote to yet, and shows what came while it is still in the cache.
pub(crate) fn fill_fresh(
    input: &mut dyn Input,
    fresh: &mut Fresh<'_>,
    mut see: impl FnMut(&[u8]),
) -> io::Result<()> {
    while fresh.left() > 0 {
        let len = fresh.left().min(CHUNK);
        see(input.read_fresh(fresh, len)?);
    }
    Ok(())
}

/// Any reader.
pub(crate) struct Plain<R>(pub(crate) R);

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(bytes)
    }
}

impl<R: Read> Input for Plain<R> {
    fn remaining(&self) -> Option<u64> {
        None
    }

    fn skip(&mut self, len: u64) -> io::Result<()> {
        if io::copy(&mut self.0.by_ref().take(len), &mut io::sink())? == len {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

/// Gives the frames and blocks of one value. Takes no byte that is not the value's.
pub(crate) struct FrameSource<'r> {
    input: &'r mut dyn Input,
    /// The payload of the current frame, and behind it what was read along with it.
    buffer: Vec<u8>,
    payload: usize,
    /// What follows the current frame.
    next: Next,
    /// The header of the next frame, if it was read.
    header: Option<FrameHeader>,
    /// How many bytes of the value were read.
    offset: u64,
    frames: u32,
    blocks: u32,
    /// The checksum of the current block so far; absent if it is not to be compared.
    checksum: Option<BlockChecksum>,
    reading: Reading,
    /// How many more bytes may be read into memory.
    room: u64,
    passed: Passed,
    /// The file of which this is the first value, if its arrays are to be mapped.
    map: Option<Arc<Map>>,
    /// Takes the arrays that are to be mapped, if there is no map of their file.
    unpacker: Option<&'r Unpacker>,
    /// How many arrays were mapped.
    mapped: u32,
}

impl<'r> FrameSource<'r> {
    /// Starts to read a value.
    pub(crate) fn open(input: &'r mut dyn Input, reading: Reading) -> Result<Self> {
        let mut source = FrameSource {
            input,
            buffer: Vec::new(),
            payload: 0,
            next: Next::Frame,
            header: None,
            offset: 0,
            frames: 0,
            blocks: 0,
            checksum: None,
            reading,
            room: reading.memory_limit,
            passed: Passed::default(),
            map: None,
            unpacker: None,
            mapped: 0,
        };
        source.read_header()?;
        source.advance()?;
        Ok(source)
    }

    /// Has arrays mapped that ask for it.
    pub(crate) fn with_map(mut self, map: Option<Arc<Map>>) -> Self {
        self.map = map;
        self
    }

    /// Has arrays that ask for a map put where they can be mapped, if they are not in one.
    pub(crate) fn with_unpacker(mut self, unpacker: Option<&'r Unpacker>) -> Self {
        self.unpacker = unpacker;
        self
    }

    /// How many arrays were mapped.
    pub(crate) fn mapped(&self) -> u32 {
        self.mapped
    }

    /// The blocks that were passed over.
    pub(crate) fn passed(&self) -> Passed {
        self.passed
    }

    /// Ends the value, of whose current frame `used` bytes were used.
    pub(crate) fn finish(mut self, used: usize) -> Result<()> {
        if self.next == Next::Block && self.header.is_some() {
            self.advance()?;
        } else if used != self.payload {
            return Err(leftover());
        }
        if self.next != Next::Footer || (self.payload != 0 && used != self.payload) {
            return Err(leftover());
        }
        let bytes = self.buffer[self.payload..].first_chunk().copied().unwrap_or([0; FOOTER_LEN]);
        let found = Footer::decode(&bytes)?;
        let read = Footer { value_len: self.offset, frames: self.frames, blocks: self.blocks };
        if found != read {
            return Err(Error::damaged(
                "the footer does not match the frames and blocks before it",
            ));
        }
        Ok(())
    }

    fn read_header(&mut self) -> Result<()> {
        // The magic first: a foreign stream may be shorter than a header, and is not damaged.
        let mut bytes = [0; HEADER_LEN + FRAME_HEADER_LEN];
        let read = read_up_to(self.input, &mut bytes).map_err(|e| Error::io("reading", e))?;
        envelope::check_start(&bytes[..read])?;
        if read < bytes.len() {
            return Err(Error::reading("its header", io::ErrorKind::UnexpectedEof.into()));
        }
        let (header, frame) = bytes.split_at(HEADER_LEN);
        envelope::check_header(header.first_chunk().unwrap_or(&[0; HEADER_LEN]))?;
        self.header = Some(FrameHeader::decode(*frame.first_chunk().unwrap_or(&[0; 12]))?);
        self.offset = bytes.len() as u64;
        Ok(())
    }

    /// Goes on to the frame whose header was read, and reads what follows its payload along.
    fn advance(&mut self) -> Result<()> {
        let header = self.header.take().ok_or_else(leftover)?;
        let along = match header.next {
            Next::Frame => FRAME_HEADER_LEN,
            Next::Block => 0,
            Next::Footer => FOOTER_LEN,
        };
        self.keep(header.len)?;
        self.read_exact_into_buffer(header.len + along)?;
        let (payload, along) = self.buffer.split_at(header.len);
        header.check(payload)?;
        if header.next == Next::Frame {
            self.header = Some(FrameHeader::decode(*along.first_chunk().unwrap_or(&[0; 12]))?);
        }
        self.payload = header.len;
        self.next = header.next;
        self.frames = self.frames.wrapping_add(1);
        Ok(())
    }

    /// Notes that this many bytes will be in memory.
    fn keep(&mut self, bytes: usize) -> Result<()> {
        let limit = self.reading.memory_limit;
        let too_large = || Error::new(ErrorKind::MemoryLimit { limit });
        self.room = self.room.checked_sub(bytes as u64).ok_or_else(too_large)?;
        Ok(())
    }

    fn read_exact_into_buffer(&mut self, len: usize) -> Result<()> {
        self.buffer.resize(len, 0);
        self.input.read_exact(&mut self.buffer).map_err(|e| Error::reading("a frame", e))?;
        self.offset += len as u64;
        Ok(())
    }

    fn read_array<const N: usize>(&mut self, place: &'static str) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes).map_err(|e| Error::reading(place, e))?;
        self.offset += N as u64;
        Ok(bytes)
    }

    /// Reads what follows a block: its checksum and the header of the next frame.
    fn end_block(&mut self) -> Result<u64> {
        let bytes: [u8; CHECKSUM_LEN + FRAME_HEADER_LEN] =
            self.read_array("the end of an array")?;
        let (checksum, header) = bytes.split_at(CHECKSUM_LEN);
        self.header = Some(FrameHeader::decode(*header.first_chunk().unwrap_or(&[0; 12]))?);
        self.payload = 0;
        self.buffer.clear();
        Ok(u64::from_le_bytes(*checksum.first_chunk().unwrap_or(&[0; 8])))
    }

    /// Has several threads read what is worth it, and returns how many bytes that was.
    fn fill_together(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let begins_piece = self.checksum.as_ref().is_none_or(BlockChecksum::is_between_pieces);
        if self.reading.threads < 2 || bytes.len() < TOGETHER_MIN || !begins_piece {
            return Ok(0);
        }
        let place = "an array";
        let Some((file, at)) = self.input.file().map_err(|e| Error::reading(place, e))? else {
            return Ok(0);
        };
        let whole = bytes.len() - bytes.len() % PIECE;
        let hash = self.checksum.is_some().then_some(checksum::xxh3 as fn(&[u8]) -> u64);
        let digests = read_together(file, at, &mut bytes[..whole], self.reading.threads, hash)
            .map_err(|e| Error::reading(place, e))?;
        if let Some(checksum) = &mut self.checksum {
            digests.into_iter().for_each(|digest| checksum.add_piece(digest));
        }
        self.input.skip(whole as u64).map_err(|e| Error::reading(place, e))?;
        Ok(whole)
    }

    fn fill_alone(&mut self, bytes: &mut [u8]) -> Result<()> {
        for chunk in bytes.chunks_mut(CHUNK) {
            self.input.read_exact(chunk).map_err(|e| Error::reading("an array", e))?;
            if let Some(checksum) = &mut self.checksum {
                checksum.update(chunk);
            }
        }
        Ok(())
    }

    /// Compares the block that ends here.
    fn compare(&mut self, recorded: u64) -> Result<()> {
        let found = self.checksum.take().map(BlockChecksum::finish);
        let is_wrong = found.is_some_and(|found| found != recorded) && !cfg!(fuzzing);
        if is_wrong && recorded != checksum::UNKNOWN {
            return Err(Error::damaged("the checksum of an array does not match"));
        }
        Ok(())
    }
}

#[cold]
fn leftover() -> Error {
    Error::damaged("the frames do not end where the value does")
}

/// Reads until `bytes` is full or the input ends.
fn read_up_to(input: &mut dyn Input, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl Source for FrameSource<'_> {
    #[inline]
    fn frame(&self) -> &[u8] {
        &self.buffer[..self.payload]
    }

    fn next_frame(&mut self) -> Result<()> {
        if self.next == Next::Block && self.header.is_none() {
            return Err(Error::damaged("a block that belongs to no array"));
        }
        self.advance()?;
        if self.payload == 0 { Err(leftover()) } else { Ok(()) }
    }

    fn is_mapped(&self) -> bool {
        self.map.is_some() || self.unpacker.is_some()
    }

    fn memory_left(&self) -> Option<u64> {
        (self.reading.memory_limit != u64::MAX).then_some(self.room)
    }

    fn blocks(&mut self) -> Result<&mut dyn Blocks> {
        Ok(self)
    }
}

impl Blocks for FrameSource<'_> {
    fn begin(&mut self, kept: usize) -> Result<u64> {
        if self.next != Next::Block || self.header.is_some() {
            return Err(Error::damaged("an array without a block"));
        }
        self.keep(kept)?;
        self.blocks = self.blocks.wrapping_add(1);
        let mut zeros = [0; 64];
        let zeros = &mut zeros[..padding(self.offset)];
        self.input.read_exact(zeros).map_err(|e| Error::reading("front of an array", e))?;
        self.offset += zeros.len() as u64;
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(Error::damaged("the padding of an array is not zero"));
        }
        self.checksum = self.reading.verify.then(BlockChecksum::default);
        Ok(self.offset)
    }

    fn skip(&mut self, len: usize) -> Result<u64> {
        if self.reading.verify_skipped {
            let mut scratch = vec![0; len.min(CHUNK)];
            let mut left = len;
            while left > 0 {
                let now = left.min(CHUNK);
                self.fill_alone(&mut scratch[..now])?;
                left -= now;
            }
        } else {
            self.input.skip(len as u64).map_err(|e| Error::reading("an array", e))?;
            self.checksum = None;
        }
        self.offset += len as u64;
        let recorded = self.end_block()?;
        self.compare(recorded)?;
        self.passed.blocks += 1;
        self.passed.bytes += len as u64;
        self.passed.unknown += u64::from(recorded == checksum::UNKNOWN);
        Ok(recorded)
    }

    fn fetch(&mut self, _number: u64) -> Result<()> {
        Err(Error::damaged("an array outside its file"))
    }

    fn map(&mut self, len: usize) -> Result<(Arc<Map>, Place)> {
        self.mapped += 1;
        if let Some(map) = self.map.clone() {
            let place = Place { offset: self.offset, has_checksum: true };
            return self.skip(len).map(|_| (map, place));
        }
        let unpacker = self.unpacker.ok_or_else(|| Error::damaged("an array outside its map"))?;
        unpacker.put(len, self)
    }
}

impl Elements for FrameSource<'_> {
    fn available(&self) -> Option<u64> {
        self.input.remaining()
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.offset += bytes.len() as u64;
        let together = self.fill_together(bytes)?;
        self.fill_alone(&mut bytes[together..])
    }

    fn takes_fresh(&self) -> bool {
        self.reading.threads < 2 && self.input.reads_fresh()
    }

    fn fill_fresh(&mut self, fresh: &mut Fresh<'_>) -> Result<()> {
        self.offset += fresh.left() as u64;
        let see = |chunk: &[u8]| self.checksum.iter_mut().for_each(|sum| sum.update(chunk));
        fill_fresh(self.input, fresh, see).map_err(|e| Error::reading("an array", e))
    }

    fn finish(&mut self) -> Result<()> {
        let recorded = self.end_block()?;
        self.compare(recorded)
    }
}
