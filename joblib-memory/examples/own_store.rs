//! A store of one's own in forty lines: all entries in one flat folder, opened as `flat://PATH`.
//!
//! `cargo run -p joblib-memory --example own_store`; `tests/all/conformance.rs` runs the suite on it.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};

use joblib_memory::{
    CallId, Claim, EntryInfo, Error, Function, Memory, Result, Store, Stored, WriteEntry, hash,
    register_store,
};

/// Each entry is a file: a line with code, arguments and the length of what follows it, which is the
/// path of the function; then the entry's bytes.
#[derive(Debug)]
pub(crate) struct FlatStore(pub(crate) PathBuf);

impl FlatStore {
    fn path(&self, id: &CallId) -> PathBuf {
        let key = hash(&(id.function.path(), id.code.to_string(), id.arguments.to_string()));
        self.0.join(format!("{}.entry", key.expect("text has a digest")))
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let files = fs::read_dir(&self.0)?.map(|file| file.map(|file| file.path()));
        let entry = |path: &PathBuf| path.extension().is_some_and(|end| end == "entry");
        Ok(files.collect::<io::Result<Vec<_>>>()?.into_iter().filter(entry).collect())
    }
}

impl Store for FlatStore {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        let Some(bytes) = found(fs::read(self.path(id)))? else { return Ok(None) };
        Ok(split(&bytes).map(|(_, entry)| Stored::Bytes(entry.into())))
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        self.get(id) // Nothing here notes uses.
    }

    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        let mut file = tempfile::NamedTempFile::new_in(&self.0).map_err(failed)?;
        let path = id.function.path();
        write!(file, "{} {} {}\n{path}", id.code, id.arguments, path.len()).map_err(failed)?;
        write(&mut file).map_err(failed)?;
        match file.persist_noclobber(self.path(id)) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(error.error)),
        }
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        let mut entries = Vec::new();
        for path in self.files().map_err(failed)? {
            let Some(bytes) = found(fs::read(&path))? else { continue };
            let Some((id, entry)) = split(&bytes) else { continue };
            let time = found(fs::metadata(&path))?.and_then(|metadata| metadata.modified().ok());
            if function.is_none_or(|function| *function == id.function) {
                entries.push(EntryInfo::new(id, entry.len() as u64).stored(time).used(time));
            }
        }
        Ok(entries)
    }

    fn delete(&self, id: &CallId) -> Result<bool> {
        Ok(found(fs::remove_file(self.path(id)))?.is_some())
    }

    fn touch(&self, id: &CallId) -> Result<bool> {
        Ok(self.path(id).exists())
    }

    fn claim(&self, _id: &CallId, _wait: bool) -> Result<Claim> {
        Ok(Claim::Unsupported)
    }
}

/// The call and the bytes in a file; nothing if it is none of ours.
fn split(file: &[u8]) -> Option<(CallId, &[u8])> {
    let end = file.iter().position(|byte| *byte == b'\n')?;
    let mut words = std::str::from_utf8(&file[..end]).ok()?.split(' ');
    let (code, arguments) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let length: usize = words.next()?.parse().ok()?;
    let (path, entry) = file[end + 1..].split_at_checked(length)?;
    let function = Function::new(std::str::from_utf8(path).ok()?);
    Some((CallId { function, code, arguments }, entry))
}

fn found<T>(outcome: io::Result<T>) -> Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some).map_err(failed),
    }
}

fn failed(source: io::Error) -> Error {
    Error::Service { url: "flat://".to_owned(), source }
}

#[allow(dead_code, reason = "the tests take the store alone")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    register_store("flat", |url| {
        let folder = PathBuf::from(url.trim_start_matches("flat://"));
        fs::create_dir_all(&folder).map_err(failed)?;
        Ok(Arc::new(FlatStore(folder)))
    })?;

    let folder = tempfile::tempdir()?;
    let memory = Memory::open(&format!("flat://{}", folder.path().display()))?;
    let square = memory.cache("square", |x: &u64| x * x);
    assert_eq!((square.call(&12), square.call(&12)), (144, 144));
    assert_eq!((memory.stats().misses, memory.stats().hits), (1, 1));
    assert_eq!(FlatStore(folder.path().to_owned()).list(None)?.len(), 1);
    Ok(())
}
