//! Files that have no name until they are whole.

#![allow(unsafe_code, reason = "giving an open file a name needs a system call std does not have")]

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A new file on the file system of `folder` without a name: gone with its last descriptor.
///
/// Not every file system has such files.
pub(super) fn create(folder: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).mode(0o666).custom_flags(libc::O_TMPFILE).open(folder)
}

/// Gives `file` a name, unless something has that name already.
pub(super) fn link(file: &File, path: &Path) -> io::Result<()> {
    // The descriptor itself (`AT_EMPTY_PATH`) could be linked by a privileged process only.
    let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let to = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: both are strings that end in NUL and outlive the call, which keeps neither.
    let status = unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
