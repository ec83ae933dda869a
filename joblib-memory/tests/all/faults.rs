//! No fault of the store reaches the caller of a cached function.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use joblib_memory::{
    CallId, Claim, EntryInfo, Error, Function, InMemoryStore, Memory, Result, Store, Stored,
    WriteEntry,
};
use serde::{Deserialize, Serialize, Serializer};

/// A store that fails in one operation, once it is told to.
#[derive(Debug)]
struct Faulty {
    store: InMemoryStore,
    operation: &'static str,
    broken: AtomicBool,
}

impl Faulty {
    fn check(&self, operation: &str) -> Result<()> {
        if operation == self.operation && self.broken.load(Ordering::Relaxed) {
            let source = io::Error::from(io::ErrorKind::PermissionDenied);
            return Err(Error::File { action: "touching", path: "nowhere".into(), source });
        }
        Ok(())
    }
}

impl Store for Faulty {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        self.check("get")?;
        self.store.get(id)
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        self.check("peek")?;
        self.store.peek(id)
    }

    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        self.check("put")?;
        self.store.put_if_absent(id, write)
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        self.check("list")?;
        self.store.list(function)
    }

    fn delete(&self, id: &CallId) -> Result<bool> {
        self.check("delete")?;
        self.store.delete(id)
    }

    fn touch(&self, id: &CallId) -> Result<bool> {
        self.check("touch")?;
        self.store.touch(id)
    }

    fn claim(&self, id: &CallId, wait: bool) -> Result<Claim> {
        self.check("claim")?;
        self.store.claim(id, wait)
    }
}

#[test]
fn a_store_may_fail_in_everything() {
    for operation in ["get", "put", "list", "delete", "touch", "peek", "claim"] {
        for broken_from_the_start in [true, false] {
            let store = Arc::new(Faulty {
                store: InMemoryStore::new(),
                operation,
                broken: AtomicBool::new(broken_from_the_start),
            });
            let memory = Memory::with_store(Arc::clone(&store)).build();
            let f = memory.cache("f", |x: &u8| x + 1);
            assert_eq!(f.call(&1), 2, "{operation}");
            store.broken.store(true, Ordering::Relaxed);
            assert_eq!(f.call(&1), 2, "{operation}");
            assert_eq!(f.recompute(&1), 2, "{operation}");
            f.is_cached(&1);
            if operation != "get" {
                assert_eq!(f.shelve(&2).get().unwrap(), 3, "{operation}");
            }
            assert_eq!(f.clear().is_err(), ["list", "delete"].contains(&operation), "{operation}");
        }
    }
}

#[test]
fn a_location_that_is_a_file_costs_only_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().join("file");
    fs::write(&location, "").unwrap();
    let memory = Memory::new(&location);
    let f = memory.cache("f", |x: &u8| x + 1);
    assert_eq!((f.call(&1), f.call(&1)), (2, 2));
    assert!(!f.is_cached(&1));
    assert_eq!(f.shelve(&1).get().unwrap(), 2);
    assert_eq!(memory.stats().hits, 0);
}

#[test]
fn a_folder_that_is_deleted_meanwhile_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder.path().join("cache");
    let memory = Memory::new(&location);
    let f = memory.cache("f", |x: &u8| x + 1);
    assert_eq!(f.call(&1), 2);
    let shelved = f.shelve(&1);
    fs::remove_dir_all(&location).unwrap();
    assert!(!f.is_cached(&1));
    assert!(shelved.get().is_err(), "what it referred to is gone");
    assert!(memory.entries().unwrap().is_empty());
    assert_eq!((f.call(&1), f.call(&1)), (2, 2));
    assert_eq!(memory.stats().hits, 2, "shelving, and the call after the one that stored again");
    // In the middle of a call, too.
    let g = memory.cache("g", |x: &u8| {
        fs::remove_dir_all(&location).unwrap();
        x + 1
    });
    assert_eq!(g.call(&1), 2);
    assert!(g.is_cached(&1) && !f.is_cached(&1));
}

/// Root may write anywhere; `tests/processes.rs` has a file system that is read-only to all.
#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_to_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let f = Memory::new(folder.path()).cache("f", |x: &u8| x + 1);
    f.call(&1);
    let set_mode = |mode: u32| {
        for entry in folders(folder.path()) {
            fs::set_permissions(entry, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set_mode(0o555);
    if fs::write(folder.path().join("joblib/probe"), "").is_ok() {
        println!("skipped: this user may write anywhere");
        return;
    }
    let memory = Memory::new(folder.path());
    let f = memory.cache("f", |x: &u8| x + 1);
    assert_eq!((f.call(&1), f.call(&2), f.call(&2)), (2, 3, 3));
    assert!(memory.stats().hits >= 1);
    set_mode(0o755);
}

#[cfg(unix)]
fn folders(root: &Path) -> Vec<std::path::PathBuf> {
    let mut all = vec![root.to_owned()];
    let mut at = 0;
    while at < all.len() {
        let inside = fs::read_dir(&all[at]).unwrap().map(|entry| entry.unwrap().path());
        let folders: Vec<_> = inside.filter(|path| path.is_dir()).collect();
        all.extend(folders);
        at += 1;
    }
    all
}

#[test]
fn a_result_of_another_type_is_computed_again() {
    let memory = Memory::with_store(InMemoryStore::new()).build();
    assert_eq!(memory.cache("f", |_: &u8| "text".to_owned()).call(&1), "text");
    let number = memory.cache("f", |_: &u8| 5_u64);
    assert_eq!((number.call(&1), number.call(&1)), (5, 5));
    assert_eq!(memory.stats().hits, 1, "the second call finds what the first one stored");
}

/// Refuses to be serialized.
#[derive(Deserialize)]
struct Refuses(u8);

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[test]
fn arguments_and_results_that_refuse_are_not_cached() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let argument = memory.cache("argument", |x: &Refuses| x.0);
    assert_eq!((argument.call(&Refuses(1)), argument.call(&Refuses(1))), (1, 1));
    let result = memory.cache("result", |x: &u8| Refuses(*x));
    assert_eq!((result.call(&1).0, result.call(&1).0), (1, 1));
    assert_eq!(memory.stats().hits, 0);
    assert_eq!(memory.store().unwrap().list(None).unwrap(), []);
}

#[test]
fn foreign_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let f = memory.cache("f", |x: &u8| x + 1);
    f.call(&1);
    // As Python's joblib would lie beside ours.
    let item = folder.path().join("joblib/module/f/0123456789abcdef0123456789abcdef");
    fs::create_dir_all(&item).unwrap();
    for file in [item.join("output.pkl"), folder.path().join("joblib/f/func_code.py")] {
        fs::write(&file, "theirs").unwrap();
    }
    assert_eq!(memory.store().unwrap().list(None).unwrap().len(), 1);
    memory.clear().unwrap();
    assert!(item.join("output.pkl").exists());
    assert!(folder.path().join("joblib/f/func_code.py").exists());
    assert_eq!(f.call(&1), 2);
}

#[test]
fn the_folder_keeps_itself_out_of_git() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    assert!(!folder.path().join("joblib").exists(), "nothing is made before it is needed");
    memory.cache("f", |x: &u8| x + 1).call(&1);
    let ignored = fs::read_to_string(folder.path().join("joblib/.gitignore")).unwrap();
    assert_eq!(ignored, "# Created by joblib automatically.\n*\n");
    assert!(!folder.path().join(".gitignore").exists(), "the location may hold other things");
}

#[test]
fn nothing_but_entries_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let f = memory.cache("f", |x: &u8| x + 1);
    f.call(&1);
    f.call(&2);
    let files: Vec<_> = files(folder.path());
    let is_entry = |path: &&std::path::PathBuf| path.extension().is_some_and(|e| e == "jbl");
    assert_eq!(files.iter().filter(is_entry).count(), 2);
    // What is not an entry lies in the root, whatever the number of entries.
    let in_root = |path: &std::path::PathBuf| path.parent() == Some(&folder.path().join("joblib"));
    assert!(files.iter().filter(|path| !is_entry(path)).all(in_root), "{files:?}");
    memory.clear().unwrap();
    assert!(!folder.path().join("joblib/f").exists(), "empty folders go, too");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
