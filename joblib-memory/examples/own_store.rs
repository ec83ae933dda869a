//! A store of one's own: all entries as files in one flat folder, opened as `flat://PATH`.
//!
//! `cargo run -p joblib-memory --example own_store`; `tests/all/conformance.rs` runs the suite on it.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::{fs, sync::Arc};

use joblib_memory::{
    CallId, EntryInfo, Error, Function, Memory, Result, Store, Stored, WriteEntry, register_store,
};

#[derive(Debug)]
pub(crate) struct FlatStore(pub(crate) PathBuf);

impl FlatStore {
    fn path(&self, id: &CallId) -> PathBuf {
        self.0.join(id.to_key().replace('/', ","))
    }
}

impl Store for FlatStore {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        Ok(found(fs::read(self.path(id)))?.map(|bytes| Stored::Bytes(bytes.into())))
    }

    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        let mut file = tempfile::NamedTempFile::new_in(&self.0).map_err(failed)?;
        write(&mut file).map_err(failed)?;
        match file.persist_noclobber(self.path(id)) {
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            put => put.map(|_| true).map_err(|error| failed(error.error)),
        }
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.0).map_err(failed)? {
            let file = file.map_err(failed)?;
            let key = file.file_name().to_string_lossy().replace(',', "/");
            let Some(id) = CallId::from_key(&key) else { continue };
            let Some(about) = found(file.metadata())? else { continue };
            let time = about.modified().ok();
            entries.push(EntryInfo::new(id, about.len()).stored(time).used(time));
        }
        entries.retain(|entry| function.is_none_or(|function| *function == entry.id.function));
        Ok(entries)
    }

    fn delete(&self, id: &CallId) -> Result<bool> {
        Ok(found(fs::remove_file(self.path(id)))?.is_some())
    }
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
