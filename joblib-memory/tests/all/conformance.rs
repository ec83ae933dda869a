//! Every store does what a store must do.

use joblib_memory::{FolderStore, InMemoryStore};

fn folder() -> (FolderStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (FolderStore::new(folder.path()), folder)
}

joblib_memory::store_conformance!(in_a_folder, folder());
joblib_memory::store_conformance!(in_memory, (InMemoryStore::new(), ()));
