//! A file that is looked at as memory.

#![allow(unsafe_code, reason = "maps files")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

/// From this length on large pages are asked for.
const LARGE: usize = 4 << 20;

/// The first bytes of a file that this process has made and that nobody changes, or nobody else.
pub(super) struct Region {
    start: NonNull<u8>,
    len: usize,
    writable: bool,
}

impl Region {
    /// For reading. Nobody may change the file meanwhile.
    pub(super) fn of(file: &File, len: usize) -> io::Result<Self> {
        Self::map(file, len, false)
    }

    /// For writing. Nobody else may have the file yet.
    pub(super) fn writable(file: &File, len: usize) -> io::Result<Self> {
        Self::map(file, len, true)
    }

    fn map(file: &File, len: usize, writable: bool) -> io::Result<Self> {
        if len == 0 || file.metadata()?.len() < len as u64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let access = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        // SAFETY: a new mapping at an address of the system's choice, within the file.
        let start = unsafe {
            let shared = libc::MAP_SHARED;
            libc::mmap(std::ptr::null_mut(), len, access, shared, file.as_raw_fd(), 0)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        if len >= LARGE {
            // SAFETY: our own mapping. It is a wish: a system that cannot fulfil it says no.
            unsafe { libc::madvise(start, len, libc::MADV_HUGEPAGE) };
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len, writable })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped and readable for that length; files are whole, and whoever made the region
        // promised that nobody else writes to this one.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        assert!(self.writable, "the region was mapped for reading");
        // SAFETY: as above; mapped for writing, and borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and every borrow of it has ended.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_in_the_file() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10).unwrap();
        Region::writable(&file, 10).unwrap().bytes_mut()[9] = 7;
        assert_eq!(Region::of(&file, 10).unwrap().bytes(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    }

    #[test]
    fn what_is_not_in_the_file_is_not_mapped() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10).unwrap();
        assert!(Region::of(&file, 11).is_err() && Region::of(&file, 0).is_err());
    }
}
