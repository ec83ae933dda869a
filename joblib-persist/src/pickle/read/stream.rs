//! The bytes of a pickle: small pieces from a buffer, large ones straight to where they belong.

use crate::array::{DType, Elements};
use crate::error::{Error, Result};
use crate::file::Fresh;
use crate::frame_source::{Input, fill_fresh};
use crate::value::{Buffer, read_native};

const BUFFER: usize = 64 * 1024;

/// How many of the first bytes are shown of what is no pickle.
const HEAD: usize = 8;

/// A line of a text opcode is never longer, but for the text in it.
const LINE_MAX: usize = 1 << 30;

pub(super) struct Stream<'r> {
    input: &'r mut dyn Input,
    buffer: Vec<u8>,
    /// How much of the buffer was used.
    at: usize,
    /// How many bytes were read from the input, those in the buffer included.
    read: u64,
    /// Whether bytes that are not the pickle's may be read along.
    ahead: bool,
    /// The first bytes.
    head: Vec<u8>,
}

impl<'r> Stream<'r> {
    pub(super) fn new(input: &'r mut dyn Input) -> Self {
        Stream { input, buffer: Vec::new(), at: 0, read: 0, ahead: true, head: Vec::new() }
    }

    /// Takes no byte that is not the pickle's: slow, if it has no frames.
    pub(super) fn exact(input: &'r mut dyn Input) -> Self {
        Stream { ahead: false, ..Self::new(input) }
    }

    /// The first bytes, for messages.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// As many bytes as `len` are the pickle's.
    pub(super) fn expect(&mut self, len: u64) -> Result<()> {
        let buffered = self.buffer.len() - self.at;
        let len = len.min(BUFFER as u64) as usize;
        if !self.ahead && buffered < len { self.refill(len) } else { Ok(()) }
    }

    /// How many bytes were used: the offset of the next one.
    pub(super) fn offset(&self) -> u64 {
        self.read - (self.buffer.len() - self.at) as u64
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8> {
        match self.buffer.get(self.at) {
            Some(&byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => self.refill(1).map(|()| {
                self.at += 1;
                self.buffer[0]
            }),
        }
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        if self.buffer.len() - self.at < N {
            self.refill(N)?;
        }
        let array = self.buffer[self.at..].first_chunk().copied().unwrap_or([0; N]);
        self.at += N;
        Ok(array)
    }

    /// Gives `len` bytes to `each`.
    #[inline]
    pub(super) fn slice<T>(&mut self, len: u64, each: impl FnOnce(&[u8]) -> T) -> Result<T> {
        if len > BUFFER as u64 {
            return self.bytes(len).map(|bytes| each(&bytes));
        }
        let len = len as usize;
        if self.buffer.len() - self.at < len {
            self.refill(len)?;
        }
        let slice = &self.buffer[self.at..self.at + len];
        self.at += len;
        Ok(each(slice))
    }

    /// Bytes of their own: no more memory than arrives.
    pub(super) fn bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        let Ok(len) = usize::try_from(len) else { return Err(too_long(len)) };
        read_native(DType::U8, len, self).map(Buffer::into_bytes)
    }

    /// The bytes up to the end of the line, which is taken too.
    pub(super) fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            let rest = &self.buffer[self.at..];
            let end = rest.iter().position(|&byte| byte == b'\n');
            line.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            if line.len() > LINE_MAX {
                return Err(too_long(line.len() as u64));
            }
            if let Some(end) = end {
                self.at += end + 1;
                return Ok(line);
            }
            self.at = self.buffer.len();
            self.refill(1)?;
        }
    }

    /// Passes over bytes.
    pub(super) fn skip(&mut self, len: u64) -> Result<()> {
        let buffered = (self.buffer.len() - self.at) as u64;
        self.at += buffered.min(len) as usize;
        let rest = len - buffered.min(len);
        self.read += rest;
        self.input.skip(rest).map_err(ended)
    }

    /// Reads on until the buffer has `needed` bytes that were not used, and as many more as come
    /// along.
    #[cold]
    fn refill(&mut self, needed: usize) -> Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let mut filled = self.buffer.len();
        self.buffer.resize(if self.ahead { BUFFER } else { needed }, 0);
        let result = loop {
            if filled >= needed {
                break Ok(());
            }
            match self.input.read(&mut self.buffer[filled..]) {
                Ok(0) => break Err(ended(std::io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => {
                    let missing = HEAD.saturating_sub(self.head.len()).min(read);
                    self.head.extend_from_slice(&self.buffer[filled..filled + missing]);
                    filled += read;
                    self.read += read as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => break Err(ended(error)),
            }
        };
        self.buffer.truncate(filled);
        result
    }
}

impl Elements for Stream<'_> {
    fn available(&self) -> Option<u64> {
        let buffered = (self.buffer.len() - self.at) as u64;
        self.input.remaining().map(|left| left + buffered)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let buffered = bytes.len().min(self.buffer.len() - self.at);
        let (head, rest) = bytes.split_at_mut(buffered);
        head.copy_from_slice(&self.buffer[self.at..self.at + buffered]);
        self.at += buffered;
        self.input.read_exact(rest).map_err(ended)?;
        self.read += rest.len() as u64;
        Ok(())
    }

    fn takes_fresh(&self) -> bool {
        self.input.reads_fresh()
    }

    fn fill_fresh(&mut self, fresh: &mut Fresh<'_>) -> Result<()> {
        let buffered = fresh.left().min(self.buffer.len() - self.at);
        self.fill(fresh.zeros(buffered))?;
        let rest = fresh.left();
        fill_fresh(self.input, fresh, |_| {}).map_err(ended)?;
        self.read += rest as u64;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cold]
fn ended(source: std::io::Error) -> Error {
    Error::reading("a pickle", source)
}

#[cold]
pub(super) fn too_long(len: u64) -> Error {
    Error::damaged(format!("a piece of {len} bytes"))
}
