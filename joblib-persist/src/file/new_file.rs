//! A file that appears in one step, complete.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::room;
use crate::frame_sink::Output;

/// Room is reserved for pieces of this many bytes and more.
const RESERVE: u64 = 1 << 20;

/// How many temporary names are tried: another process of the same id, on another machine or
/// before a crash, may have left some.
const ATTEMPTS: u32 = 100;

/// A file being written under a temporary name, removed unless it is put into place.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    written: u64,
    /// The temporary name and the final one; none for what is no file.
    names: Option<(PathBuf, PathBuf)>,
}

impl NewFile {
    /// Begins a file that is going to be at `path`.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn create(path: &Path) -> io::Result<Self> {
        let target = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path)?,
            _ => path.to_owned(),
        };
        match fs::metadata(&target) {
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new().write(true).open(&target)?;
                Ok(NewFile { file, written: 0, names: None })
            }
            _ => Self::create_beside(target),
        }
    }

    fn create_beside(target: PathBuf) -> io::Result<Self> {
        let (file, temporary) = create_temporary(&target, OpenOptions::new().write(true))?;
        Ok(NewFile { file, written: 0, names: Some((temporary, target)) })
    }

    /// Gives the file its final name; with `durable`, after it is on the disk.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn put_into_place(mut self, durable: bool) -> io::Result<()> {
        let Some((temporary, target)) = &self.names else { return Ok(()) };
        if durable {
            self.file.sync_all()?;
        }
        fs::rename(temporary, target)?;
        let folder = folder_of(target);
        self.names = None;
        if durable { sync_folder(&folder) } else { Ok(()) }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.names {
            // Nothing can be done about a failure, and the error that led here says more.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// A file in `folder` that has no name any more: it is gone when nobody has it, whatever happens.
#[cfg(feature = "mmap")]
pub(crate) fn nameless(folder: &Path) -> io::Result<File> {
    let like = folder.join("joblib");
    let (file, temporary) = create_temporary(&like, OpenOptions::new().read(true).write(true))?;
    fs::remove_file(temporary)?;
    Ok(file)
}

/// Creates a file under a temporary name beside `target`.
fn create_temporary(target: &Path, options: &mut OpenOptions) -> io::Result<(File, PathBuf)> {
    let mut attempt = 0;
    loop {
        let temporary = temporary_name(target)?;
        // `create_new` never follows a link.
        match options.create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn temporary_name(target: &Path) -> io::Result<PathBuf> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{number}.tmp", process::id()));
    Ok(target.with_file_name(temporary))
}

fn folder_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output for NewFile {
    fn expect(&mut self, len: u64) -> io::Result<()> {
        if len >= RESERVE && self.names.is_some() {
            room::reserve(&self.file, self.written, len)?;
        }
        Ok(())
    }

    #[cfg(feature = "mmap")]
    fn zeros(&mut self, len: u64) -> io::Result<()> {
        if self.names.is_none() {
            return io::copy(&mut io::Read::take(io::repeat(0), len), self).map(drop);
        }
        // Room that is reserved now cannot be missing when a map is written to, which nobody
        // could be told.
        room::reserve(&self.file, self.written, len)?;
        self.written += len;
        self.file.set_len(self.written)?;
        io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.written)).map(drop)
    }
}
