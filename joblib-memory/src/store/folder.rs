//! Entries as files in a folder that any number of processes share.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File, FileTimes, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Claim, EntryInfo, HeldClaim, Store, Stored, WriteEntry};
use crate::layout::{GITIGNORE, Layout, Name, read_file, read_folder};
use crate::{CallId, Digest, Error, Function, Result, clock};

/// How old a noted use may be before the next one is noted: a hit costs a third of a microsecond
/// more for looking, and a system call more only once in this time.
const USE_RESOLUTION: Duration = Duration::from_secs(60);

/// After this time without a write, a temporary file is deleted by whoever lists the folder.
const ABANDONED: Duration = Duration::from_secs(3600);

/// How often a folder is made before it is given up.
const FOLDER_ATTEMPTS: usize = 100;

/// The store in the folder `joblib` of a location; STORE.md describes the files.
///
/// Nothing is created before the first entry is put.
#[derive(Debug)]
pub struct FolderStore {
    layout: Layout,
    /// Whether files without a name have worked so far.
    #[cfg(target_os = "linux")]
    unnamed: AtomicBool,
    serial: AtomicU64,
}

impl FolderStore {
    /// The store in `<location>/joblib`.
    #[must_use]
    pub fn new(location: impl AsRef<Path>) -> Self {
        Self {
            layout: Layout::new(location.as_ref()),
            #[cfg(target_os = "linux")]
            unnamed: AtomicBool::new(true),
            serial: AtomicU64::new(0),
        }
    }

    /// The location: what was given to [`new`](Self::new).
    #[must_use]
    pub fn location(&self) -> &Path {
        self.layout.location()
    }

    /// Does `work`, which needs the folder of `path`; makes the folder if that is missing.
    fn in_folder<T>(&self, path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let mut outcome = work();
        // More than once, because others may delete the folder when they find it empty.
        for _ in 0..FOLDER_ATTEMPTS {
            match &outcome {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                _ => break,
            }
            outcome = self.make_folder(path).and_then(|()| work());
        }
        outcome
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(folder_of(path))?;
        let file = File::create_new(self.layout.gitignore());
        match file.and_then(|mut file| io::Write::write_all(&mut file, GITIGNORE.1.as_bytes())) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                log::warn!("the cache cannot be kept out of git: {error}");
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes a file without a name and links it into place. `None` if there is no such thing
    /// here, or the folder was deleted meanwhile.
    #[cfg(target_os = "linux")]
    fn put_unnamed(&self, path: &Path, write: &mut WriteEntry<'_>) -> io::Result<Option<bool>> {
        use super::unnamed;
        if !self.unnamed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut file = match self.in_folder(path, || unnamed::create(folder_of(path))) {
            Ok(file) => file,
            Err(error) => {
                // Where there is no such thing, the next call need not try.
                let missing = error.kind() == ErrorKind::NotFound;
                self.unnamed.store(missing, Ordering::Relaxed);
                return Ok(None);
            }
        };
        write(&mut file)?;
        match unnamed::link(&file, path) {
            Ok(()) => Ok(Some(true)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Some(false)),
            Err(_) => Ok(None),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn put_unnamed(&self, _path: &Path, _write: &mut WriteEntry<'_>) -> io::Result<Option<bool>> {
        Ok(None)
    }

    /// Writes a file under a temporary name and gives it its own name when it is whole.
    fn put_named(&self, id: &CallId, path: &Path, write: &mut WriteEntry<'_>) -> io::Result<bool> {
        let (temporary, mut file) = self.create_temporary(id)?;
        write(&mut file)?;
        drop(file);
        match fs::hard_link(&temporary.0, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            // No hard links here: the later of two writers at the same time wins, with an equal
            // result.
            Err(_) if !path.try_exists()? => fs::rename(&temporary.0, path).map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// A new file beside the entry. Its name may be taken, by a process with the same number on
    /// another machine or before its death.
    fn create_temporary(&self, id: &CallId) -> io::Result<(Temporary, File)> {
        loop {
            let serial = self.serial.fetch_add(1, Ordering::Relaxed);
            let path = self.layout.temporary(id, std::process::id(), serial);
            match self.in_folder(&path, || File::create_new(&path)) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                file => return file.map(|file| (Temporary(path), file)),
            }
        }
    }

    /// Calls `each` with every entry, or every one of a function, and its file.
    fn walk(
        &self,
        function: Option<&Function>,
        each: &mut dyn FnMut(CallId, &DirEntry) -> Result<()>,
    ) -> Result<()> {
        let (folder, components) = match function {
            Some(function) => (self.layout.function(function), function.components()),
            None => (self.layout.root().to_owned(), Vec::new()),
        };
        let components = components.into_iter().map(str::to_owned).collect();
        let mut folders: Vec<(PathBuf, Vec<String>)> = vec![(folder, components)];
        while let Some((folder, components)) = folders.pop() {
            for file in read_dir(&folder)? {
                let is_folder = file.file_type().is_ok_and(|kind| kind.is_dir());
                match read_folder(text(&file.file_name())) {
                    Name::Code(code) if is_folder && !components.is_empty() => {
                        let function = Function::new(&components.join("::"));
                        walk_code(&file.path(), &function, code, each)?;
                    }
                    Name::Component(component) if is_folder && function.is_none() => {
                        let components = components.iter().cloned().chain([component]).collect();
                        folders.push((file.path(), components));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl Store for FolderStore {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        let path = self.layout.entry(id);
        let Some((file, metadata)) = opened(&path, File::open(&path))? else { return Ok(None) };
        note_use(&file, &metadata, USE_RESOLUTION);
        Ok(Some(Stored::File { file, path, bytes: metadata.len() }))
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        let path = self.layout.entry(id);
        let Some((file, metadata)) = opened(&path, open_unnoticed(&path))? else { return Ok(None) };
        Ok(Some(Stored::File { file, path, bytes: metadata.len() }))
    }

    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        let path = self.layout.entry(id);
        let put = match self.put_unnamed(&path, write) {
            Ok(None) => self.put_named(id, &path, write),
            Ok(Some(put)) => Ok(put),
            Err(error) => Err(error),
        };
        put.map_err(Error::file("writing", path))
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        let mut entries = Vec::new();
        self.walk(function, &mut |id, file| {
            // Whoever deleted it meanwhile was right to.
            if let Ok(metadata) = file.metadata() {
                let stored = metadata.modified().ok();
                // Who stored it used it, whatever happened while it was written.
                let used = metadata.accessed().ok().max(stored);
                entries.push(EntryInfo::new(id, metadata.len()).stored(stored).used(used));
            }
            Ok(())
        })?;
        Ok(entries)
    }

    fn delete(&self, id: &CallId) -> Result<bool> {
        let path = self.layout.entry(id);
        match fs::remove_file(&path) {
            Ok(()) => {
                remove_empty_folders(&path, self.layout.root());
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::file("deleting", path)(error)),
        }
    }

    fn touch(&self, id: &CallId) -> Result<bool> {
        let path = self.layout.entry(id);
        let Some((file, metadata)) = opened(&path, File::open(&path))? else { return Ok(false) };
        note_use(&file, &metadata, Duration::ZERO);
        Ok(true)
    }

    #[cfg(target_os = "linux")]
    fn claim(&self, id: &CallId, wait: bool) -> Result<Claim> {
        use super::range_lock::RangeLock;
        let path = self.layout.lock();
        claimed(&path, self.in_folder(&path, || RangeLock::lock(&path, id, wait)))
    }

    #[cfg(not(target_os = "linux"))]
    fn claim(&self, id: &CallId, wait: bool) -> Result<Claim> {
        use super::lock_file::LockFile;
        let path = self.layout.lock_of(id);
        claimed(&path, self.in_folder(&path, || LockFile::lock(&path, wait)))
    }

    fn location(&self) -> Option<&Path> {
        Some(self.layout.location())
    }
}

/// The file and what the system knows of it; nothing if it is not there.
fn opened(path: &Path, opened: io::Result<File>) -> Result<Option<(File, Metadata)>> {
    match opened {
        Ok(file) => {
            let metadata = file.metadata().map_err(Error::file("reading", path))?;
            Ok(Some((file, metadata)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("opening", path)(error)),
    }
}

/// Opens a file so that reading it does not set its access time, where that can be had.
fn open_unnoticed(path: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Refused to those who do not own the file.
        let file = fs::OpenOptions::new().read(true).custom_flags(libc::O_NOATIME).open(path);
        if !matches!(&file, Err(error) if error.kind() == ErrorKind::PermissionDenied) {
            return file;
        }
    }
    File::open(path)
}

fn claimed(path: &Path, lock: io::Result<Option<impl Send + Sync + 'static>>) -> Result<Claim> {
    match lock {
        Ok(Some(lock)) => Ok(Claim::Held(HeldClaim::new(lock))),
        Ok(None) => Ok(Claim::Taken),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Claim::Unsupported),
        Err(error) => Err(Error::file("locking", path)(error)),
    }
}

/// A temporary file, deleted when dropped unless it was moved away.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is not there if it was never made or has been renamed.
        let _ = fs::remove_file(&self.0);
    }
}

fn walk_code(
    folder: &Path,
    function: &Function,
    code: Digest,
    each: &mut dyn FnMut(CallId, &DirEntry) -> Result<()>,
) -> Result<()> {
    for file in read_dir(folder)? {
        match read_file(text(&file.file_name())) {
            Name::Entry(arguments) => {
                each(CallId { function: function.clone(), code, arguments }, &file)?;
            }
            Name::Temporary if is_abandoned(&file) => {
                // Somebody else may have been faster.
                let _ = fs::remove_file(file.path());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether nobody has written to a temporary file for so long that its writer must be dead. Its
/// process number would not say so: the folder may be shared with other machines.
fn is_abandoned(file: &DirEntry) -> bool {
    let written = file.metadata().and_then(|metadata| metadata.modified()).ok();
    let age = clock::now().zip(written).and_then(|(now, time)| now.duration_since(time).ok());
    age.is_some_and(|age| age > ABANDONED)
}

/// What is in a folder; nothing if it is not there.
fn read_dir(folder: &Path) -> Result<Vec<DirEntry>> {
    match fs::read_dir(folder).and_then(Iterator::collect) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(Error::file("listing", folder)),
    }
}

/// A name that is not Unicode is none of ours, and neither is this.
fn text(name: &OsStr) -> &str {
    name.to_str().unwrap_or("?")
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Sets the access time, unless it is younger than `resolution`: file systems mounted `noatime`
/// or `relatime` do not keep it themselves.
fn note_use(file: &File, metadata: &Metadata, resolution: Duration) {
    let Some(now) = clock::now() else { return };
    let age = metadata.accessed().ok().and_then(|noted| now.duration_since(noted).ok());
    if age.is_none_or(|age| age >= resolution) {
        // Not ours to write perhaps; then the use goes unnoticed.
        let _ = file.set_times(FileTimes::new().set_accessed(now));
    }
}

/// Removes the folders above `path` that are empty, up to `root`.
fn remove_empty_folders(path: &Path, root: &Path) {
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)) {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
}

/// Everything again where there are no files without a name.
#[cfg(all(test, target_os = "linux", feature = "conformance"))]
#[allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
mod tests {
    use super::*;

    fn without_unnamed_files() -> (FolderStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path());
        store.unnamed.store(false, Ordering::Relaxed);
        (store, folder)
    }

    crate::store_conformance!(with_temporary_names, without_unnamed_files());

    fn id() -> CallId {
        let [code, arguments] = [1, 2].map(Digest::from_u128);
        CallId { function: Function::new("a::f"), code, arguments }
    }

    #[test]
    fn what_a_dead_writer_left_is_collected_after_a_while() {
        let (store, _folder) = without_unnamed_files();
        store.put_if_absent(&id(), &mut |writer| writer.write_all(b"x")).unwrap();
        let left = [ABANDONED / 2, ABANDONED * 2].map(|age| {
            let (temporary, file) = store.create_temporary(&id()).unwrap();
            file.set_modified(clock::now().unwrap() - age).unwrap();
            let path = temporary.0.clone();
            std::mem::forget(temporary);
            path
        });
        assert_eq!(store.list(None).unwrap().len(), 1);
        assert_eq!(left.map(|path| path.exists()), [true, false]);
    }

    #[test]
    fn a_taken_temporary_name_is_left_alone() {
        let (store, _folder) = without_unnamed_files();
        let (_taken, _) = store.create_temporary(&id()).unwrap();
        store.serial.store(0, Ordering::Relaxed);
        assert!(store.put_if_absent(&id(), &mut |writer| writer.write_all(b"x")).unwrap());
        assert_eq!(store.list(None).unwrap().len(), 1);
    }

    #[test]
    fn a_touch_is_the_last_use_whatever_was_noted() {
        let (store, _folder) = without_unnamed_files();
        store.put_if_absent(&id(), &mut |writer| writer.write_all(b"x")).unwrap();
        let long_ago = clock::now().unwrap() - Duration::from_secs(1000);
        let file = File::options().write(true).open(store.layout.entry(&id())).unwrap();
        file.set_times(FileTimes::new().set_accessed(long_ago).set_modified(long_ago)).unwrap();
        let used = || store.list(None).unwrap()[0].used.unwrap();
        store.peek(&id()).unwrap();
        assert_eq!(used(), long_ago);
        store.get(&id()).unwrap();
        assert!(used() > long_ago);
    }
}
