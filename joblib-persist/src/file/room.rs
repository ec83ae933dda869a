//! Room on the disk before it is written to.

#![allow(unsafe_code, reason = "one system call that the standard library does not have")]

use std::fs::File;
use std::io;

/// Reserves room for `len` bytes at `offset`, where the system and the file system can.
///
/// # Errors
///
/// If there is no room. Whatever else is wrong only costs speed, and writing will tell.
#[cfg(target_os = "linux")]
pub(super) fn reserve(file: &File, offset: u64, len: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let (Ok(offset), Ok(len)) = (offset.try_into(), len.try_into()) else {
        return Ok(());
    };
    // SAFETY: a call on an open file, without pointers.
    if unsafe { libc::fallocate64(file.as_raw_fd(), 0, offset, len) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reserve(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
    Ok(())
}
