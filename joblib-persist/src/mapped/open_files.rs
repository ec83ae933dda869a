//! Which files this process has mapped, so that none is mapped for writing and once more: views
//! of the two maps would alias.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorKind, Result};

static OPEN: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    file: FileId,
    writable: bool,
}

/// A file that is mapped while this lives.
#[derive(Debug)]
pub(super) struct OpenFile(Entry);

impl OpenFile {
    /// Notes that the file will be mapped.
    ///
    /// # Errors
    ///
    /// If it is mapped already, and one of the two maps is for writing.
    pub(super) fn register(file: &File, path: &Path, writable: bool) -> Result<Self> {
        let id = file_id(file, path).map_err(|source| Error::io("looking at the file", source))?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if open.iter().any(|entry| entry.file == id && (entry.writable || writable)) {
            return Err(Error::new(ErrorKind::Mapped));
        }
        let entry = Entry { file: id, writable };
        open.push(entry.clone());
        Ok(OpenFile(entry))
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|entry| *entry == self.0) {
            open.swap_remove(at);
        }
    }
}

#[cfg(unix)]
type FileId = (u64, u64);

/// Device and inode: the same through every name.
#[cfg(unix)]
fn file_id(file: &File, _path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
type FileId = std::path::PathBuf;

#[cfg(not(unix))]
fn file_id(_file: &File, path: &Path) -> io::Result<FileId> {
    path.canonicalize()
}
