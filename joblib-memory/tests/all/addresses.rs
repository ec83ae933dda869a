//! Stores by URL.

use std::sync::Arc;

use joblib_memory::{InMemoryStore, Memory, open_store, register_store};

/// Calls a function twice and says how often it was computed.
fn computed(memory: &Memory) -> u64 {
    let double = memory.cache("double", |x: &u32| 2 * x);
    assert_eq!((double.call(&21), double.call(&21)), (42, 42));
    memory.stats().misses
}

#[test]
fn a_folder_by_its_path_and_by_its_url() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let memory = Memory::open(path).unwrap();
    assert_eq!(memory.location(), Some(folder.path()));
    assert_eq!(computed(&memory), 1);
    assert_eq!(computed(&Memory::open(&format!("file://{path}")).unwrap()), 0);
}

#[test]
fn memory_is_shared_by_name() {
    assert_eq!(computed(&Memory::open("memory://one").unwrap()), 1);
    assert_eq!(computed(&Memory::open("memory://one").unwrap()), 0);
    assert_eq!(computed(&Memory::open("memory://two").unwrap()), 1);
}

#[test]
fn options_come_with_an_opened_store() {
    let store = open_store("memory://options").unwrap();
    let memory = Memory::with_store(Arc::clone(&store)).compress("zlib").build();
    assert_eq!(computed(&memory), 1);
    assert_eq!(store.list(None).unwrap().len(), 1);
}

#[test]
fn a_registered_scheme_is_opened() {
    let shared = Arc::new(InMemoryStore::new());
    let store = Arc::clone(&shared);
    register_store("my-store", move |url| {
        assert_eq!(url, "My-Store://a/b");
        Ok(store.clone())
    })
    .unwrap();
    assert_eq!(computed(&Memory::open("My-Store://a/b").unwrap()), 1);
    use joblib_memory::Store;
    assert_eq!(shared.list(None).unwrap().len(), 1);
}

#[test]
fn what_is_no_scheme_cannot_be_registered() {
    for scheme in ["", "c", "1a", "a b", "a:b", "ä"] {
        let error = register_store(scheme, |_| unreachable!()).unwrap_err();
        assert!(error.to_string().contains(&format!("`{scheme}`")), "{error}");
    }
}

#[test]
fn an_unknown_scheme_lists_the_known_ones() {
    let error = Memory::open("ftp://host/cache").unwrap_err().to_string();
    let begin = "`ftp://host/cache` is no address of a store: no store named `ftp` (known: ";
    assert!(error.starts_with(begin), "{error}");
    assert!(error.contains("file, ") && error.contains("memory"), "{error}");
    assert!(error.contains("register_store"), "{error}");
    assert_eq!(error.contains(", s3"), cfg!(feature = "cloud"), "{error}");
}

#[test]
#[cfg(not(feature = "cloud"))]
fn a_build_without_cloud_says_what_to_do() {
    let error = Memory::open("s3://bucket/cache").unwrap_err().to_string();
    assert!(error.contains("`s3://bucket/cache`") && error.contains("feature `cloud`"), "{error}");
}
