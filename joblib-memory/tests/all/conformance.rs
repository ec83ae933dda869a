//! Every store does what a store must do.

use std::io::Cursor;

use joblib_memory::{
    CallId, Claim, EntryInfo, FolderStore, Function, InMemoryStore, Result, Store, Stored,
    StoredStream, WriteEntry,
};

fn folder() -> (FolderStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (FolderStore::new(folder.path()), folder)
}

joblib_memory::store_conformance!(in_a_folder, folder());
/// A store whose entries come piece by piece.
#[derive(Debug, Default)]
struct Streaming(InMemoryStore);

fn streamed(stored: Option<Stored>) -> Option<Stored> {
    stored.map(|stored| match stored {
        Stored::Bytes(bytes) => Stored::Stream(StoredStream::new(Cursor::new(bytes))),
        other => other,
    })
}

impl Store for Streaming {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        self.0.get(id).map(streamed)
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        self.0.peek(id).map(streamed)
    }

    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        self.0.put_if_absent(id, write)
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        self.0.list(function)
    }

    fn delete(&self, id: &CallId) -> Result<bool> {
        self.0.delete(id)
    }

    fn touch(&self, id: &CallId) -> Result<bool> {
        self.0.touch(id)
    }

    fn claim(&self, id: &CallId, wait: bool) -> Result<Claim> {
        self.0.claim(id, wait)
    }
}

joblib_memory::store_conformance!(in_memory, (InMemoryStore::new(), ()));
joblib_memory::store_conformance!(piece_by_piece, (Streaming::default(), ()));

/// Objects in the memory of this process; each test has its own bucket.
#[cfg(feature = "cloud")]
fn objects() -> (joblib_memory::CloudStore, ()) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static BUCKET: AtomicU32 = AtomicU32::new(0);
    let bucket = BUCKET.fetch_add(1, Ordering::Relaxed);
    let url = format!("memory://conformance-{bucket}/some/folder");
    (joblib_memory::CloudStore::open(&url).unwrap(), ())
}

#[cfg(feature = "cloud")]
joblib_memory::store_conformance!(in_a_bucket, objects());

/// The store of somebody else.
#[path = "../../examples/own_store.rs"]
mod own_store;

fn own() -> (own_store::FlatStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (own_store::FlatStore(folder.path().to_owned()), folder)
}

joblib_memory::store_conformance!(of_ones_own, own());
