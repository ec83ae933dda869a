//! The claim on a computation: a lock on a file, which the system releases when its holder dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A locked file, deleted when dropped.
pub(super) struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Locks the file at `path`, which is created if need be. `None` if another process has it
    /// and `wait` is false.
    pub(super) fn lock(path: PathBuf, wait: bool) -> io::Result<Option<Self>> {
        loop {
            let file = open(&path)?;
            if wait {
                file.lock()?;
            } else {
                match file.try_lock() {
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => return Ok(None),
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
            // The last holder deletes the file and marks it by a byte. Whoever waited on it holds
            // the lock of a file without a name, which keeps nobody else away.
            if file.metadata()?.len() == 0 {
                return Ok(Some(Self { file, path }));
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // First the name, then the mark: a crash in between leaves a file that is not marked, and
        // a marked one never has a name, so that nobody finds it again and again.
        if fs::remove_file(&self.path).is_ok() {
            // Without the mark one result may be computed twice; there is nobody to tell.
            let _ = self.file.set_len(1);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}
