//! A store of one's own: all entries in one flat folder, opened as `flat://PATH`.
//!
//! `cargo run -p joblib-memory --example own_store`; `tests/all/conformance.rs` runs the suite on it.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::{fs, sync::Arc};

use joblib_memory::{
    CallId, Claim, EntryInfo, Error, Function, Memory, Result, Store, Stored, WriteEntry, hash,
    register_store,
};

/// Each entry is a file: its key, a line feed, its bytes.
#[derive(Debug)]
pub(crate) struct FlatStore(pub(crate) PathBuf);

impl FlatStore {
    fn path(&self, id: &CallId) -> PathBuf {
        self.0.join(format!("{}.entry", hash(&id.to_key()).expect("text has a digest")))
    }
}

impl Store for FlatStore {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        let file = found(fs::read(self.path(id)))?;
        Ok(file.and_then(|file| Some(Stored::Bytes(split(&file)?.1.into()))))
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        self.get(id) // Nothing here notes uses.
    }

    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        let mut file = tempfile::NamedTempFile::new_in(&self.0).map_err(failed)?;
        writeln!(file, "{}", id.to_key()).and_then(|()| write(&mut file)).map_err(failed)?;
        match file.persist_noclobber(self.path(id)) {
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            put => put.map(|_| true).map_err(|error| failed(error.error)),
        }
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.0).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            let Some(file) = found(fs::read(&path))? else { continue };
            let time = found(fs::metadata(&path))?.and_then(|metadata| metadata.modified().ok());
            let known = path.extension().is_some_and(|end| end == "entry").then(|| split(&file));
            entries.extend(
                known.flatten().map(|(id, bytes)| {
                    EntryInfo::new(id, bytes.len() as u64).stored(time).used(time)
                }),
            );
        }
        entries.retain(|entry| function.is_none_or(|function| *function == entry.id.function));
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
    Some((CallId::from_key(std::str::from_utf8(&file[..end]).ok()?)?, &file[end + 1..]))
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
