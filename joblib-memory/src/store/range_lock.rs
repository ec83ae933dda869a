//! The claim on a computation: a lock on one byte of a file that all claims share. The system
//! releases it when its holder dies.
//!
//! A file per claim would do without `unsafe`, and does where there are no such locks. But file
//! systems such as ext4 are slow to make files where many were deleted a moment ago: that more
//! than doubles the cost of storing a small result.

#![allow(unsafe_code, reason = "std locks whole files only")]

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use crate::CallId;

/// A locked byte, free again when dropped: the lock belongs to the open file and goes with it.
pub(super) struct RangeLock(#[expect(dead_code, reason = "kept for its drop")] File);

impl RangeLock {
    /// Locks the byte of `id` in the file at `path`, which is created if need be. `None` if
    /// somebody else has it and `wait` is false.
    pub(super) fn lock(path: &Path, id: &CallId, wait: bool) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        loop {
            match lock_byte(&file, offset(id), wait) {
                Ok(()) => return Ok(Some(Self(file))),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::PermissionDenied => return Ok(None),
                    // `EINVAL`: the file system has no such locks.
                    ErrorKind::InvalidInput => return Err(ErrorKind::Unsupported.into()),
                    _ => return Err(error),
                },
            }
        }
    }
}

/// Which byte stands for a call. Two calls that share one by accident wait for each other.
fn offset(id: &CallId) -> i64 {
    let mut hash = Xxh3::new();
    hash.update(id.function.path().as_bytes());
    for digest in [id.code, id.arguments] {
        let (bytes, length) = digest.to_bytes();
        hash.update(&bytes[..length]);
    }
    // The largest offset is one less than the largest number, and the byte has to end there.
    (hash.digest() >> 2).cast_signed()
}

fn lock_byte(file: &File, offset: i64, wait: bool) -> io::Result<()> {
    // SAFETY: `flock` is a struct of integers, for which zero is a value. (Its padding and field
    // order differ between platforms, so it cannot be written out.)
    let mut range: libc::flock64 = unsafe { std::mem::zeroed() };
    range.l_type = libc::F_WRLCK as libc::c_short;
    range.l_whence = libc::SEEK_SET as libc::c_short;
    range.l_start = offset;
    range.l_len = 1;
    let command = if wait { libc::F_OFD_SETLKW } else { libc::F_OFD_SETLK };
    // SAFETY: the descriptor is open as long as `file` is borrowed, and the command takes a
    // pointer to a `flock64`, which it reads while the call lasts.
    let status = unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut range) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
