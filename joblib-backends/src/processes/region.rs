//! A file that is looked at as memory.

#![allow(unsafe_code, reason = "maps files")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

/// The first bytes of a file that this process has made and that nobody changes.
pub(super) struct Region {
    start: NonNull<u8>,
    len: usize,
}

impl Region {
    /// Maps them. Nobody may change the file meanwhile.
    pub(super) fn of(file: &File, len: usize) -> io::Result<Self> {
        if len == 0 || file.metadata()?.len() < len as u64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: a new mapping at an address of the system's choice, within the file.
        let start = unsafe {
            let (access, shared) = (libc::PROT_READ, libc::MAP_SHARED);
            libc::mmap(std::ptr::null_mut(), len, access, shared, file.as_raw_fd(), 0)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped and readable for that length; files are whole, and whoever made the region
        // promised that nobody writes to this one.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
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
    use std::io::Write;

    #[test]
    fn what_is_in_the_file_is_seen() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        assert_eq!(Region::of(&file, 9).unwrap().bytes(), b"012345678");
    }

    #[test]
    fn what_is_not_in_the_file_is_not_mapped() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10).unwrap();
        assert!(Region::of(&file, 11).is_err() && Region::of(&file, 0).is_err());
    }
}
