//! A file that is read from its start.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};

use super::Fresh;
use crate::frame_source::Input;

/// A file, and how much of it is left.
pub(crate) struct FileInput {
    reader: BufReader<File>,
    left: u64,
}

impl FileInput {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let left = file.metadata()?.len();
        Ok(FileInput { reader: BufReader::new(file), left })
    }

    /// Whether the next bytes are these; does not move on.
    pub(crate) fn starts_with(&mut self, bytes: &[u8]) -> io::Result<bool> {
        Ok(self.reader.fill_buf()?.starts_with(bytes))
    }

    /// Some of the next bytes; none only at the end. Does not move on.
    pub(crate) fn head(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    pub(crate) fn get_ref(&self) -> &File {
        self.reader.get_ref()
    }

    /// Whether there is nothing left.
    pub(crate) fn at_end(&self) -> bool {
        self.left == 0
    }

    pub(crate) fn into_reader(self) -> BufReader<File> {
        self.reader
    }
}

impl Read for FileInput {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(bytes)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }

    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.reader.read_exact(bytes)?;
        self.left = self.left.saturating_sub(bytes.len() as u64);
        Ok(())
    }
}

impl Input for FileInput {
    fn remaining(&self) -> Option<u64> {
        Some(self.left)
    }

    fn reads_fresh(&self) -> bool {
        cfg!(unix)
    }

    fn read_fresh<'f>(&mut self, fresh: &'f mut Fresh<'_>, len: usize) -> io::Result<&'f mut [u8]> {
        if self.reader.buffer().is_empty() {
            let bytes = fresh.read(self.reader.get_ref(), len)?;
            self.left = self.left.saturating_sub(len as u64);
            return Ok(bytes);
        }
        let bytes = fresh.zeros(len);
        self.read_exact(bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, len: u64) -> io::Result<()> {
        if len > self.left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= len;
        self.reader.seek_relative(len as i64)
    }

    fn file(&mut self) -> io::Result<Option<(&File, u64)>> {
        let at = self.reader.stream_position()?;
        Ok(cfg!(unix).then_some((self.reader.get_ref(), at)))
    }
}
