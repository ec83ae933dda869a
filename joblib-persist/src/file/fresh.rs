//! Memory that nobody wrote to yet.

#![allow(unsafe_code, reason = "has the system write to it")]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;

/// Memory that nobody wrote to yet, filled from its front: for files, whose bytes the system writes
/// to wherever it is told. Zeros in front of them would be a second walk through the memory.
///
/// Invariant: the first `filled` bytes are initialized.
pub(crate) struct Fresh<'m> {
    memory: &'m mut [MaybeUninit<u8>],
    filled: usize,
}

impl<'m> Fresh<'m> {
    pub(crate) fn new(memory: &'m mut [MaybeUninit<u8>]) -> Self {
        Fresh { memory, filled: 0 }
    }

    /// How many bytes are to be filled.
    pub(crate) fn left(&self) -> usize {
        self.memory.len() - self.filled
    }

    /// The next `len` bytes as zeros.
    ///
    /// # Panics
    ///
    /// If fewer are left.
    pub(crate) fn zeros(&mut self, len: usize) -> &mut [u8] {
        let next = &mut self.memory[self.filled..][..len];
        next.fill(MaybeUninit::new(0));
        self.filled += len;
        // SAFETY: all of them were just written to; they are borrowed through `self`.
        unsafe { &mut *(std::ptr::from_mut(next) as *mut [u8]) }
    }

    /// The next `len` bytes, read from where the file is.
    ///
    /// # Panics
    ///
    /// If fewer are left.
    #[cfg(unix)]
    pub(crate) fn read(&mut self, file: &File, len: usize) -> io::Result<&mut [u8]> {
        use std::os::fd::AsRawFd;

        let next = &mut self.memory[self.filled..][..len];
        let mut read = 0;
        while read < len {
            let rest = &mut next[read..];
            // SAFETY: the system writes to no more bytes than there are, which are borrowed here.
            let more =
                unsafe { libc::read(file.as_raw_fd(), rest.as_mut_ptr().cast(), rest.len()) };
            match usize::try_from(more) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(more) => read += more,
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error => return Err(error),
                },
            }
        }
        self.filled += len;
        // SAFETY: the system wrote to all of them; they are borrowed through `self`.
        Ok(unsafe { &mut *(std::ptr::from_mut(next) as *mut [u8]) })
    }

    /// As above: zeros first, where the standard library knows no other way.
    #[cfg(not(unix))]
    pub(crate) fn read(&mut self, mut file: &File, len: usize) -> io::Result<&mut [u8]> {
        let bytes = self.zeros(len);
        io::Read::read_exact(&mut file, bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    #[test]
    fn is_filled_from_its_front_and_counts_what_came() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.rewind().unwrap();
        let mut memory = [const { MaybeUninit::uninit() }; 12];
        let mut fresh = Fresh::new(&mut memory);
        assert_eq!(fresh.zeros(1), [0]);
        assert_eq!(fresh.read(&file, 6).unwrap(), b"012345");
        assert_eq!(fresh.left(), 5);
        let error = fresh.read(&file, 5).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(fresh.left(), 5, "what did not come whole does not count");
    }
}
