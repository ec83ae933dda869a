//! What every [`Store`] must do, as tests anyone can run.
//!
//! Expand [`store_conformance!`](crate::store_conformance) once per implementation; each property
//! becomes one `#[test]`, so a failure names both the store and the property. Every property is
//! given an empty store.
//!
//! ```
//! use joblib_memory::InMemoryStore;
//!
//! // An expression that makes an empty store, and a guard that lives as long as the test.
//! joblib_memory::store_conformance!(in_memory, (InMemoryStore::new(), ()));
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests: a panic is how they report"
)]

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::{Arc, Barrier};

use crate::{CallId, Claim, Digest, EntryInfo, Function, Memory, Store, Stored};

/// Writes one `#[test]` per property of [`conformance`](crate::conformance) for a store.
#[macro_export]
macro_rules! store_conformance {
    ($module:ident, $setup:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "the expression may need what is in scope outside")]
            use super::*;
            $crate::store_conformance!(@each $setup;
                returns_what_was_put,
                finds_nothing_under_an_unknown_call,
                keeps_the_first_of_two,
                keeps_nothing_of_a_failed_write,
                forgets_what_was_deleted,
                lists_every_entry_once,
                lists_one_function_and_not_its_neighbours,
                keeps_odd_names_apart,
                notes_uses,
                lets_one_look_without_using,
                lets_a_reader_finish_what_is_deleted,
                lets_one_of_many_writers_win,
                tears_nothing_under_writers_and_deleters,
                gives_a_claim_to_one_at_a_time,
                has_damaged_entries_replaced,
            );
        }
    };
    (@each $setup:expr; $($property:ident,)+) => {$(
        #[test]
        fn $property() {
            let (store, _guard) = $setup;
            let store: ::std::sync::Arc<dyn $crate::Store> = ::std::sync::Arc::new(store);
            $crate::conformance::$property(&store);
        }
    )+};
}

/// A shared store, as the properties take it.
pub type SharedStore = Arc<dyn Store>;

fn id(function: &str, code: u128, arguments: u128) -> CallId {
    CallId {
        function: Function::new(function),
        code: Digest::from_u128(code),
        arguments: Digest::from_u128(arguments),
    }
}

fn put(store: &SharedStore, id: &CallId, bytes: &[u8]) -> bool {
    store.put_if_absent(id, &mut |writer| writer.write_all(bytes)).unwrap()
}

fn get(store: &SharedStore, id: &CallId) -> Option<Vec<u8>> {
    store.get(id).unwrap().map(read)
}

fn read(stored: Stored) -> Vec<u8> {
    match stored {
        Stored::File { mut file, .. } => {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            bytes
        }
        Stored::Bytes(bytes) => bytes.to_vec(),
        Stored::Stream(mut stream) => {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            bytes
        }
    }
}

fn listed(store: &SharedStore, function: Option<&str>) -> Vec<CallId> {
    let function = function.map(Function::new);
    store.list(function.as_ref()).unwrap().into_iter().map(|entry| entry.id).collect()
}

/// What is put is what is got: nothing, a byte, more than any buffer.
pub fn returns_what_was_put(store: &SharedStore) {
    for (number, len) in [(0, 0), (1, 1), (2, 100_000), (3, 1 << 20)] {
        let id = id("a::f", 1, number);
        let bytes: Vec<u8> = (0..len).map(|i: u32| (i % 251) as u8).collect();
        assert!(put(store, &id, &bytes));
        assert_eq!(get(store, &id), Some(bytes));
    }
}

/// A call that was never put is not found, whatever else there is.
pub fn finds_nothing_under_an_unknown_call(store: &SharedStore) {
    put(store, &id("a::f", 1, 1), b"x");
    for unknown in [id("a::f", 1, 2), id("a::f", 2, 1), id("a::g", 1, 1), id("a", 1, 1)] {
        assert_eq!(get(store, &unknown), None, "{unknown}");
        assert!(!store.touch(&unknown).unwrap());
        assert!(!store.delete(&unknown).unwrap());
    }
}

/// An entry never changes; the second put says that it did nothing.
pub fn keeps_the_first_of_two(store: &SharedStore) {
    let id = id("a::f", 1, 1);
    assert!(put(store, &id, b"first"));
    assert!(!put(store, &id, b"second"));
    assert_eq!(get(store, &id).unwrap(), b"first");
}

/// A write that fails halfway is an error and no entry; the next one may succeed.
pub fn keeps_nothing_of_a_failed_write(store: &SharedStore) {
    let id = id("a::f", 1, 1);
    let failed = store.put_if_absent(&id, &mut |writer| {
        writer.write_all(b"half")?;
        Err(io::ErrorKind::StorageFull.into())
    });
    assert!(failed.is_err());
    assert_eq!(get(store, &id), None);
    assert_eq!(listed(store, None), []);
    assert!(put(store, &id, b"whole"));
    assert_eq!(get(store, &id).unwrap(), b"whole");
}

/// A deleted entry is gone, its neighbours are not, and it can be put again.
pub fn forgets_what_was_deleted(store: &SharedStore) {
    let (gone, stays) = (id("a::f", 1, 1), id("a::f", 1, 2));
    put(store, &gone, b"old");
    put(store, &stays, b"stays");
    assert!(store.delete(&gone).unwrap());
    assert!(!store.delete(&gone).unwrap());
    assert_eq!(get(store, &gone), None);
    assert_eq!(get(store, &stays).unwrap(), b"stays");
    assert!(put(store, &gone, b"new"));
    assert_eq!(get(store, &gone).unwrap(), b"new");
}

/// The list holds every entry with its size, and nothing else.
pub fn lists_every_entry_once(store: &SharedStore) {
    assert_eq!(listed(store, None), []);
    let ids =
        [id("a", 1, 1), id("a::f", 1, 1), id("a::f", 1, 2), id("a::f", 2, 1), id("b::f", 1, 1)];
    for id in &ids {
        put(store, id, b"four");
    }
    let entries = store.list(None).unwrap();
    assert_eq!(entries.len(), ids.len());
    assert!(entries.iter().all(|entry| entry.bytes == 4));
    let found: HashSet<CallId> = entries.into_iter().map(|entry| entry.id).collect();
    assert_eq!(found, ids.into_iter().collect());
}

/// The list of a function holds all its code, and not the functions nested in it.
pub fn lists_one_function_and_not_its_neighbours(store: &SharedStore) {
    let wanted = [id("a::f", 1, 1), id("a::f", 2, 1)];
    let others = [id("a::f::g", 1, 1), id("a", 1, 1), id("a::ff", 1, 1), id("b::f", 1, 1)];
    for id in wanted.iter().chain(&others) {
        put(store, id, b"x");
    }
    let found: HashSet<CallId> = listed(store, Some("a::f")).into_iter().collect();
    assert_eq!(found, wanted.into_iter().collect());
    assert_eq!(listed(store, Some("a::unknown")), []);
}

/// Functions whose names would clash as file names do not clash.
pub fn keeps_odd_names_apart(store: &SharedStore) {
    let digest = Digest::from_u128(1).to_string();
    let long = "x".repeat(300);
    let names = [
        "a::f",
        "a::F",
        "a",
        "A",
        "",
        "::",
        "a::",
        "::a",
        ".",
        "..",
        "a/f",
        "a\\f",
        "a%2ff",
        "con",
        "nul.txt",
        "a::{{closure}}::f",
        "a::<b::C as d::E<g::H>>::f",
        "é",
        "e\u{301}",
        " ",
        "a\0",
        &digest,
        &long,
        &format!("{long}y"),
        "a::joblib",
        "a::b.jbl",
    ];
    for (number, name) in names.iter().enumerate() {
        assert!(put(store, &id(name, 1, 1), &[number as u8]), "{name:?}");
    }
    for (number, name) in names.iter().enumerate() {
        assert_eq!(get(store, &id(name, 1, 1)).unwrap(), [number as u8], "{name:?}");
        assert_eq!(listed(store, Some(name)), [id(name, 1, 1)], "{name:?}");
    }
    let all: HashSet<CallId> = listed(store, None).into_iter().collect();
    assert_eq!(all, names.iter().map(|name| id(name, 1, 1)).collect());
}

/// Every entry has a time at which it was put, and one of its last use, which a touch does not
/// set back.
pub fn notes_uses(store: &SharedStore) {
    let id = id("a::f", 1, 1);
    put(store, &id, b"x");
    let before = info(store);
    assert!(before.used.unwrap() >= before.stored.unwrap());
    assert!(store.touch(&id).unwrap());
    let after = info(store);
    assert!(after.used.unwrap() >= before.used.unwrap());
    assert_eq!(after.stored, before.stored);
}

/// Looking finds what is there and is no use of it.
pub fn lets_one_look_without_using(store: &SharedStore) {
    let id = id("a::f", 1, 1);
    assert!(store.peek(&id).unwrap().is_none());
    put(store, &id, b"x");
    let before = info(store);
    wait_for_the_clock();
    assert_eq!(read(store.peek(&id).unwrap().unwrap()), b"x");
    assert_eq!(info(store), before);
}

/// What is listed of the only entry.
fn info(store: &SharedStore) -> EntryInfo {
    let [info] = &store.list(None).unwrap()[..] else { panic!("not one entry") };
    info.clone()
}

/// Times of files have the resolution of the system's timer: 10 ms at most, and object stores
/// tell whole milliseconds.
fn wait_for_the_clock() {
    std::thread::sleep(std::time::Duration::from_millis(50));
}

/// What was got stays readable when the entry is deleted.
pub fn lets_a_reader_finish_what_is_deleted(store: &SharedStore) {
    let id = id("a::f", 1, 1);
    put(store, &id, &[7; 100_000]);
    let stored = store.get(&id).unwrap().unwrap();
    store.delete(&id).unwrap();
    put(store, &id, b"another");
    assert_eq!(read(stored), [7; 100_000]);
}

/// Of many who put at once exactly one is told that it did, and its bytes are found.
pub fn lets_one_of_many_writers_win(store: &SharedStore) {
    const WRITERS: u8 = 8;
    for round in 0..20 {
        let id = id("a::f", 1, round);
        let start = Barrier::new(usize::from(WRITERS));
        let put_mine = |writer: u8| {
            start.wait();
            put(store, &id, &[writer; 5000]).then_some(writer)
        };
        let put_mine = &put_mine;
        let winners: Vec<u8> = std::thread::scope(|scope| {
            let writers: Vec<_> =
                (0..WRITERS).map(|writer| scope.spawn(move || put_mine(writer))).collect();
            writers.into_iter().filter_map(|writer| writer.join().unwrap()).collect()
        });
        let [winner] = winners[..] else { panic!("winners in round {round}: {winners:?}") };
        assert_eq!(get(store, &id).unwrap(), [winner; 5000]);
    }
}

/// While entries come and go, a reader finds nothing or a whole entry.
pub fn tears_nothing_under_writers_and_deleters(store: &SharedStore) {
    const PIECE: usize = 1000;
    const PIECES: usize = 20;
    let id = id("a::f", 1, 1);
    // In pieces, so that a reader has the time to see a part.
    let put_slowly = |writer: u8| {
        store.put_if_absent(&id, &mut |sink| {
            (0..PIECES).try_for_each(|_| {
                std::thread::yield_now();
                sink.write_all(&[writer; PIECE])
            })
        })
    };
    let put_slowly = &put_slowly;
    std::thread::scope(|scope| {
        let id = &id;
        for writer in 0..3_u8 {
            scope.spawn(move || {
                for _ in 0..50 {
                    put_slowly(writer).unwrap();
                    if writer == 0 {
                        store.delete(id).unwrap();
                    }
                }
            });
        }
        scope.spawn(move || {
            for _ in 0..200 {
                if let Some(bytes) = get(store, id) {
                    assert_eq!(bytes.len(), PIECE * PIECES);
                    assert!(bytes.iter().all(|byte| *byte == bytes[0]));
                }
                assert!(listed(store, None).len() <= 1);
            }
        });
    });
}

/// A claim that is held is not given to another; one that was dropped is. Other calls are free.
pub fn gives_a_claim_to_one_at_a_time(store: &SharedStore) {
    let (one, other) = (id("a::f", 1, 1), id("a::f", 1, 2));
    for wait in [false, true] {
        let held = match store.claim(&one, wait).unwrap() {
            Claim::Held(held) => held,
            Claim::Unsupported => return,
            Claim::Taken => panic!("a free claim was taken"),
        };
        assert!(matches!(store.claim(&one, false).unwrap(), Claim::Taken));
        assert!(matches!(store.claim(&other, false).unwrap(), Claim::Held(_)));
        assert_eq!(listed(store, None), [], "a claim is not an entry");
        drop(held);
    }
}

/// Whatever bytes are found, a memory over this store computes instead of failing, and stores
/// what it computed.
pub fn has_damaged_entries_replaced(store: &SharedStore) {
    let memory = Memory::with_store(Arc::clone(store)).build();
    let double = memory.cache("double", |x: &u32| vec![2 * x; 1000]);
    double.call(&1);
    let [entry] = &listed(store, None)[..] else { panic!("one call, one entry") };
    let whole = get(store, entry).unwrap();
    let middle = whole.len() / 2;
    let flipped = [&whole[..middle], &[!whole[middle]], &whole[middle + 1..]].concat();
    for damaged in [&b""[..], b"x", &whole[..middle], &whole[..8], &flipped] {
        store.delete(entry).unwrap();
        put(store, entry, damaged);
        assert_eq!(double.call(&1), vec![2; 1000], "{} bytes", damaged.len());
        let misses = memory.stats().misses;
        assert_eq!(double.call(&1), vec![2; 1000]);
        assert_eq!(memory.stats().misses, misses, "{} bytes were not replaced", damaged.len());
    }
}
