//! Writing a value in frames and blocks.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::array::Block;
use crate::error::{Error, Result};
use crate::format::checksum::{self, BlockChecksum, PIECE};
use crate::format::envelope::{self, FRAME_HEADER_LEN, Footer, FrameHeader, Next};
use crate::format::{FRAME_MAX, padding};
use crate::ser::{Mark, Sink};

/// The buffer is handed on when it holds this much, and blocks of this much go past it.
const BUFFER: usize = 128 * 1024;

/// The most bytes of a block that are written and then hashed while still in the cache. This order
/// is the faster one: the system fetches from memory at a higher rate than hashing does.
const CHUNK: usize = 256 * 1024;

/// Blocks of this many bytes are hashed by another thread, if there may be one.
const BESIDE_MIN: usize = 4 << 20;

/// Where the bytes of values go.
pub(crate) trait Output: Write {
    /// Says that `len` bytes will follow in one piece: a file can be given the room at once.
    fn expect(&mut self, len: u64) -> io::Result<()>;

    /// Writes `len` zeros, or leaves them to the file system.
    #[cfg(feature = "mmap")]
    fn zeros(&mut self, len: u64) -> io::Result<()>;
}

/// Any writer.
pub(crate) struct Plain<W>(pub(crate) W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Output for Plain<W> {
    fn expect(&mut self, _len: u64) -> io::Result<()> {
        Ok(())
    }

    #[cfg(feature = "mmap")]
    fn zeros(&mut self, len: u64) -> io::Result<()> {
        io::copy(&mut io::Read::take(io::repeat(0), len), self).map(drop)
    }
}

/// Cuts the items of one value into frames.
pub(crate) struct FrameSink<'w> {
    output: &'w mut dyn Output,
    /// Finished frames and small blocks, then the header and the payload of the current frame.
    buffer: Vec<u8>,
    /// Where the payload of the current frame starts in the buffer.
    payload: usize,
    /// How many bytes of the value went to the output.
    written: u64,
    frames: u32,
    blocks: u32,
    /// Whether another thread may compute checksums.
    beside: bool,
}

impl<'w> FrameSink<'w> {
    pub(crate) fn new(output: &'w mut dyn Output) -> Self {
        let mut buffer = Vec::with_capacity(512);
        buffer.extend_from_slice(&envelope::header());
        let mut sink = FrameSink {
            output,
            buffer,
            payload: 0,
            written: 0,
            frames: 0,
            blocks: 0,
            beside: false,
        };
        sink.begin_frame();
        sink
    }

    /// Has another thread compute the checksums of large blocks while this one writes them.
    pub(crate) fn with_checksums_beside(mut self, beside: bool) -> Self {
        self.beside = beside;
        self
    }

    /// Ends the value.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.end_frame(Next::Footer);
        let value_len = self.offset() + envelope::FOOTER_LEN as u64;
        let footer = Footer { value_len, frames: self.frames, blocks: self.blocks };
        self.buffer.extend_from_slice(&footer.encode());
        self.write_buffer()
    }

    fn begin_frame(&mut self) {
        self.buffer.extend_from_slice(&[0; FRAME_HEADER_LEN]);
        self.payload = self.buffer.len();
        self.frames = self.frames.wrapping_add(1);
    }

    fn end_frame(&mut self, next: Next) {
        let (before, payload) = self.buffer.split_at_mut(self.payload);
        let header = FrameHeader::of(payload, next).encode();
        before[self.payload - FRAME_HEADER_LEN..].copy_from_slice(&header);
    }

    fn offset(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    #[cold]
    #[inline(never)]
    fn next_frame(&mut self) -> Result<()> {
        self.end_frame(Next::Frame);
        if self.buffer.len() >= BUFFER {
            self.write_buffer()?;
        }
        self.begin_frame();
        Ok(())
    }

    fn write_buffer(&mut self) -> Result<()> {
        self.output.write_all(&self.buffer).map_err(writing)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Ends the current frame with an array, and goes to where its block starts.
    fn begin_block(&mut self) {
        self.end_frame(Next::Block);
        self.blocks = self.blocks.wrapping_add(1);
        let padded = self.buffer.len() + padding(self.offset());
        self.buffer.resize(padded, 0);
    }

    /// Instead of [`Sink::block`]: `len` zeros, which will be something else before anybody
    /// compares them with a checksum.
    #[cfg(feature = "mmap")]
    pub(crate) fn blank_block(&mut self, len: u64) -> Result<()> {
        self.begin_block();
        self.write_buffer()?;
        self.output.zeros(len).map_err(writing)?;
        self.written += len;
        self.buffer.extend_from_slice(&checksum::UNKNOWN.to_le_bytes());
        self.begin_frame();
        Ok(())
    }

    /// Writes a block past the buffer.
    fn write_block(&mut self, block: &Block<'_>) -> Result<u64> {
        self.write_buffer()?;
        self.output.expect(block.byte_len() as u64).map_err(writing)?;
        match block.memory() {
            Some(memory) if self.beside && memory.len() >= BESIDE_MIN => {
                self.write_while_hashing(memory)
            }
            _ => self.write_and_hash(block),
        }
    }

    fn write_and_hash(&mut self, block: &Block<'_>) -> Result<u64> {
        let mut checksum = BlockChecksum::default();
        block.try_for_each_chunk(|bytes| {
            self.write_in_chunks(bytes, |chunk| checksum.update(chunk))
        })?;
        Ok(checksum.finish())
    }

    /// Another thread hashes piece by piece; this one helps when it has written everything, and
    /// does not wait for one that the system lets wait.
    fn write_while_hashing(&mut self, memory: &[u8]) -> Result<u64> {
        let mut digests = vec![0; memory.len().div_ceil(PIECE)];
        let pieces = Mutex::new(memory.chunks(PIECE).zip(&mut digests));
        let hash = || {
            loop {
                let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((piece, digest)) = next else { break };
                *digest = checksum::xxh3(piece);
            }
        };
        let is_whole = thread::scope(|scope| {
            let thread = thread::Builder::new().name("joblib-checksum".into());
            // Without another thread, this one hashes all.
            let other = thread.spawn_scoped(scope, hash).ok();
            self.write_in_chunks(memory, |_| ())?;
            hash();
            Ok::<_, Error>(other.is_none_or(|thread| thread.join().is_ok()))
        })?;
        if !is_whole {
            return Ok(checksum::of_block(memory));
        }
        let mut checksum = BlockChecksum::default();
        digests.into_iter().for_each(|digest| checksum.add_piece(digest));
        Ok(checksum.finish())
    }

    fn write_in_chunks(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<()> {
        while !bytes.is_empty() {
            // Up to a multiple in the file, so that no page is written to twice.
            let chunk_len = CHUNK - (self.written % CHUNK as u64) as usize;
            let (chunk, rest) = bytes.split_at(bytes.len().min(chunk_len));
            self.output.write_all(chunk).map_err(writing)?;
            self.written += chunk.len() as u64;
            each(chunk);
            bytes = rest;
        }
        Ok(())
    }

    fn append_block(&mut self, block: &Block<'_>) -> Result<u64> {
        let start = self.buffer.len();
        block.try_for_each_chunk(|bytes| {
            self.buffer.extend_from_slice(bytes);
            Ok::<_, Error>(())
        })?;
        Ok(checksum::of_block(&self.buffer[start..]))
    }
}

fn writing(source: io::Error) -> Error {
    Error::io("writing", source)
}

impl Sink for FrameSink<'_> {
    const BLOCKS: bool = true;

    #[inline]
    fn room(&mut self, len: usize) -> Result<&mut Vec<u8>> {
        if self.buffer.len() + len > self.payload + FRAME_MAX {
            self.next_frame()?;
        }
        Ok(&mut self.buffer)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<()> {
        self.begin_block();
        let checksum = if block.byte_len() >= BUFFER {
            self.write_block(block)?
        } else {
            self.append_block(block)?
        };
        self.buffer.extend_from_slice(&checksum.to_le_bytes());
        if self.buffer.len() >= BUFFER {
            self.write_buffer()?;
        }
        self.begin_frame();
        Ok(())
    }

    #[inline]
    fn carry(&mut self, _block: &Block<'_>) -> Result<Option<u64>> {
        Ok(None)
    }

    #[inline]
    fn frame(&self) -> u32 {
        self.frames
    }

    #[inline]
    fn replace(&mut self, mark: Mark, tag: u8) {
        if mark.frame == self.frames {
            self.buffer[mark.at] = tag;
        }
    }
}
