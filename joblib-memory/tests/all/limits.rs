//! What is in a store, and how it is kept small.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use joblib_memory::{
    Digest, FolderStore, Function, InMemoryStore, Limits, Memory, Store, open_store,
};

/// A memory in a folder with `count` results of about a kilobyte; result 0 was used last long ago.
fn filled(count: u32) -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let f = memory.cache("m::f", |x: &u32| vec![*x as u8; 1000]);
    for x in 0..count {
        f.call(&x);
    }
    (folder, memory)
}

/// Sets the last use of every entry to `age` ago, and a second more for each.
fn set_ages(folder: &std::path::Path, age: Duration) {
    for (number, entry) in FolderStore::new(folder).list(None).unwrap().into_iter().enumerate() {
        let id = entry.id;
        let path = folder.join(format!("joblib/m/f/{}/{}.jbl", id.code, id.arguments));
        let then = SystemTime::now() - age - Duration::from_secs(number as u64);
        let times = std::fs::FileTimes::new().set_accessed(then).set_modified(then);
        std::fs::File::options().write(true).open(path).unwrap().set_times(times).unwrap();
    }
}

#[test]
fn the_store_tells_what_is_in_it() {
    let (_folder, memory) = filled(3);
    memory.cache("m::g", |x: &u8| *x).version(1).call(&1);
    memory.cache("m::g", |x: &u8| *x).version(2).call(&1);
    let stat = memory.stat().unwrap();
    let entries = memory.entries().unwrap();
    assert_eq!((stat.items, entries.len()), (5, 5));
    assert_eq!(stat.bytes, entries.iter().map(|entry| entry.bytes).sum::<u64>());
    let functions: Vec<_> =
        stat.functions.iter().map(|f| (f.function.path(), f.items, f.versions.len())).collect();
    assert_eq!(functions, [("m::f", 3, 1), ("m::g", 2, 2)]);
    let of_f = memory.entries_of(&Function::new("m::f")).unwrap();
    assert_eq!(of_f.len(), 3);
    let metadata = memory.metadata(&of_f[0].id).unwrap().unwrap();
    assert_eq!(metadata.function, "m::f");
    assert!(memory.forget(&of_f[0].id).unwrap() && !memory.forget(&of_f[0].id).unwrap());
    assert!(memory.metadata(&of_f[0].id).unwrap().is_none());
}

#[test]
fn a_memory_that_is_none_holds_nothing() {
    let memory = Memory::none();
    assert!(memory.entries().unwrap().is_empty());
    assert_eq!(memory.stat().unwrap().items, 0);
    assert_eq!(memory.verify().unwrap().whole, 0);
    assert_eq!(memory.reduce_size(&Limits::new().items(0)).unwrap().items, 0);
    assert_eq!(memory.clear_stale().unwrap().items, 0);
    assert!(memory.cache("f", |x: &u8| *x).entries().unwrap().is_empty());
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let (folder, memory) = filled(10);
    set_ages(folder.path(), Duration::from_secs(1000));
    let f = memory.cache("m::f", |x: &u32| vec![*x as u8; 1000]);
    f.call(&3);
    assert!(f.is_cached(&7), "asking is a use");
    let gone = memory.reduce_size(&Limits::new().items(2)).unwrap();
    assert_eq!(gone.items, 8);
    assert!(gone.bytes > 8000);
    assert_eq!([3, 7].map(|x| f.is_cached(&x)), [true, true]);
    assert_eq!(memory.entries().unwrap().len(), 2);
}

#[test]
fn bytes_and_age_are_limits_too() {
    let (folder, memory) = filled(10);
    let size = memory.stat().unwrap().bytes / 10;
    memory.reduce_size(&Limits::new().bytes(size * 7 + size / 2)).unwrap();
    assert_eq!(memory.entries().unwrap().len(), 7);
    set_ages(folder.path(), Duration::from_secs(1000));
    let age = Limits::new().age(Duration::from_secs(2000));
    assert_eq!(memory.reduce_size(&age).unwrap().items, 0);
    let age = Limits::new().age(Duration::from_millis(1_003_500));
    assert_eq!(memory.reduce_size(&age).unwrap().items, 3);
    assert_eq!(memory.reduce_size(&Limits::new()).unwrap().items, 0);
}

#[test]
fn limits_are_kept_without_being_asked() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::builder(folder.path()).limits(Limits::new().items(20)).build();
    let f = memory.cache("f", |x: &u32| *x);
    for x in 0..200 {
        f.call(&x);
    }
    drop((f, memory)); // Waits for the thread that deletes.
    let left = FolderStore::new(folder.path()).list(None).unwrap().len();
    // A call may come between the last look and the end of the thread; the thread is beside it.
    assert!(left < 200, "nothing was deleted");
    let memory = Memory::builder(folder.path()).limits(Limits::new().items(20)).build();
    // The first result of a process has the store looked at: a thread, or this call itself.
    memory.cache("f", |x: &u32| *x).call(&1000);
    drop(memory);
    let left = FolderStore::new(folder.path()).list(None).unwrap().len();
    assert!((1..=20).contains(&left), "{left}");
}

#[test]
fn a_store_within_its_limits_is_left_alone() {
    let store = Arc::new(InMemoryStore::new());
    let limits = Limits::new().items(10).bytes(1 << 20).age(Duration::from_secs(1000));
    let memory = Memory::with_store(Arc::clone(&store)).limits(limits).build();
    let f = memory.cache("f", |x: &u32| *x);
    for x in 0..10 {
        f.call(&x);
    }
    drop((f, memory));
    assert_eq!(store.list(None).unwrap().len(), 10);
}

#[test]
fn results_of_older_code_are_stale() {
    let (_folder, memory) = filled(1);
    let version = |v: u8| memory.cache("g", |x: &u8| *x).version(v);
    let files = Digest::of(b"a file that counts");
    for f in [version(1), version(2), version(2).depends(&[files])] {
        f.call(&1);
    }
    assert_eq!(version(2).clear_stale().unwrap().items, 2);
    assert!(version(2).is_cached(&1) && !version(1).is_cached(&1));
    version(1).call(&2);
    // Nothing was used at a time of its own: one of the two codes stays, and the other function.
    assert_eq!(memory.clear_stale().unwrap().items, 1);
    assert_eq!(memory.entries().unwrap().len(), 2);
}

#[test]
fn every_flipped_bit_is_found() {
    let (folder, memory) = filled(2);
    assert_eq!(memory.verify().unwrap().whole, 2);
    let entry = memory.entries().unwrap()[0].id.clone();
    let path = folder.path().join(format!("joblib/m/f/{}/{}.jbl", entry.code, entry.arguments));
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, flipped).unwrap();
        let verified = memory.verify().unwrap();
        // Padding between values is the one thing no reader looks at.
        if verified.damaged.is_empty() {
            let f = memory.cache("m::f", |x: &u32| vec![*x as u8; 1000]);
            assert!(f.call(&0) == [0; 1000] && f.call(&1) == [1; 1000], "byte {at}");
        } else {
            assert_eq!((verified.whole, &verified.damaged[0].0), (1, &entry), "byte {at}");
        }
    }
}

#[test]
fn old_results_expire() {
    let (folder, memory) = filled(1);
    let calls = AtomicUsize::new(0);
    let of = |memory: &Memory, age: u64| {
        let f = memory.cache("m::f", |x: &u32| {
            calls.fetch_add(1, Ordering::Relaxed);
            vec![*x as u8; 1000]
        });
        let f = f.expires_after(Duration::from_secs(age));
        (f.is_cached(&0), f.call(&0), f.shelve(&0).get().unwrap())
    };
    assert_eq!(of(&memory, 3600), (true, vec![0; 1000], vec![0; 1000]));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    assert!(!of(&memory, 0).0);
    assert_eq!(calls.load(Ordering::Relaxed), 2, "the call, and then the shelved one");
    let expiring = Memory::builder(folder.path()).expires_after(Duration::ZERO).build();
    assert!(!expiring.cache("m::f", |x: &u32| vec![*x as u8; 1000]).is_cached(&0));
}

#[test]
fn a_result_may_be_refused() {
    let memory = Memory::with_store(InMemoryStore::new()).build();
    let accepted = Arc::new(AtomicUsize::new(0));
    let limit = Arc::clone(&accepted);
    let f = memory.cache("f", |x: &u8| *x).validate(move |metadata| {
        assert_eq!(metadata.arguments[0].1, "1");
        limit.load(Ordering::Relaxed) == 1
    });
    f.call(&1);
    f.call(&1);
    assert_eq!(memory.stats().hits, 0);
    accepted.store(1, Ordering::Relaxed);
    f.call(&1);
    assert_eq!(memory.stats().hits, 1);
}

#[test]
fn time_that_was_saved_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    for len in [10, 100_000] {
        let memory = Memory::new(folder.path());
        let f = memory.cache("f", |n: &usize| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(20) {}
            vec![1_u8; *n]
        });
        for _ in 0..3 {
            f.call(&len);
        }
        let stats = memory.stats();
        assert!(stats.computing >= Duration::from_millis(20), "{stats:?}");
        assert!(stats.saved >= Duration::from_millis(40), "{stats:?}");
    }
}

#[test]
fn a_memory_over_a_folder_store_counts_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let url = place.to_str().unwrap();
    let memories = [
        Memory::with_store(FolderStore::new(place)).build(),
        Memory::with_store(open_store(url).unwrap()).build(),
        Memory::open(url).unwrap(),
    ];
    for memory in memories {
        assert_eq!(memory.location(), Some(place));
        assert_eq!(memory.cache("f", |x: &u8| *x).call(&1), 1);
    }
    let stat = Memory::new(place).stat().unwrap();
    assert_eq!((stat.functions[0].calls.misses, stat.functions[0].calls.hits), (1, 2));
}

#[test]
fn none_is_not_stored_by_what_may_fail() {
    let memory = Memory::with_store(InMemoryStore::new()).build();
    let root = memory.try_cache("root", |x: &f64| (*x >= 0.0).then(|| x.sqrt()));
    assert_eq!((root.call(&-1.0), root.call(&-1.0), root.call(&4.0)), (None, None, Some(2.0)));
    assert_eq!(memory.entries().unwrap().len(), 1);
    assert!(root.shelve(&-1.0).is_none());
    assert_eq!(root.shelve(&4.0).unwrap().get().unwrap(), 2.0);
}
