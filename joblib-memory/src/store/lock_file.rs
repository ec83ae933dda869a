//! The claim on a computation: a lock on a file of its own, where bytes of files cannot be locked.
//! The system releases it when its holder dies.

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
    pub(super) fn lock(path: &Path, wait: bool) -> io::Result<Option<Self>> {
        loop {
            let file = open(path)?;
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
                return Ok(Some(Self { file, path: path.to_owned() }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_nothing_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        for _ in 0..2 {
            let held = LockFile::lock(&path, false).unwrap().unwrap();
            assert!(LockFile::lock(&path, false).unwrap().is_none());
            drop(held);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_file_that_a_crash_left_behind_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        fs::write(&path, "").unwrap();
        assert!(LockFile::lock(&path, true).unwrap().is_some());
    }

    #[test]
    fn who_waited_for_a_deleted_file_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let counter = std::sync::Mutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _lock = LockFile::lock(&path, true).unwrap().unwrap();
                        // Free, because nobody else holds the lock.
                        *counter.try_lock().unwrap() += 1;
                    }
                });
            }
        });
        assert_eq!(counter.into_inner().unwrap(), 400);
    }
}
