//! Functions cached by name, and their versions.

use std::cell::Cell;

use joblib_memory::{InMemoryStore, Memory};
use ndarray::{Array1, array};

fn memory() -> Memory {
    Memory::with_store(InMemoryStore::new()).build()
}

#[test]
fn arrays_texts_and_tuples() {
    let memory = memory();
    let square = memory.cache("square", |a: &Array1<f64>| a * a);
    assert_eq!(square.call(&array![1.0, 2.0]), array![1.0, 4.0]);
    assert_eq!(square.call(&array![1.0, 2.0]), array![1.0, 4.0]);
    let length = memory.cache("length", |text: &str| text.len());
    assert_eq!((length.call("four"), length.call("four")), (4, 4));
    let sum = memory.cache("sum", |(a, b): &(u8, u8)| a + b);
    assert_eq!((sum.call(&(1, 2)), sum.call(&(1, 2))), (3, 3));
    assert_eq!((memory.stats().hits, memory.stats().misses), (3, 3));
}

#[test]
fn another_version_misses_and_the_old_one_is_found_again() {
    let memory = memory();
    let version = |version: u8| {
        memory.cache("f", move |x: &u8| u32::from(*x) * u32::from(version)).version(version)
    };
    assert_eq!(version(1).call(&7), 7);
    assert_eq!(version(2).call(&7), 14);
    let misses = memory.stats().misses;
    assert_eq!(version(1).call(&7), 7);
    assert_eq!(memory.stats().misses, misses);
    version(2).clear().unwrap();
    assert!(!version(1).is_cached(&7), "clear forgets all versions");
}

#[test]
fn names_are_all_that_keeps_functions_apart() {
    let memory = memory();
    assert_eq!(memory.cache("one", |_: &u8| 1).call(&0), 1);
    assert_eq!(memory.cache("two", |_: &u8| 2).call(&0), 2);
    assert_eq!(memory.cache("one", |_: &u8| 3).call(&0), 1);
}

#[test]
fn recompute_replaces() {
    let next = Cell::new(0);
    let memory = memory();
    let count = memory.cache("count", |_: &()| {
        next.set(next.get() + 1);
        next.get()
    });
    assert_eq!((count.call(&()), count.call(&())), (1, 1));
    assert_eq!((count.recompute(&()), count.call(&())), (2, 2));
}

#[test]
fn errors_are_not_stored() {
    let attempts = Cell::new(0);
    let memory = memory();
    let third_time = memory.try_cache("third_time", |name: &str| {
        attempts.set(attempts.get() + 1);
        if attempts.get() < 3 {
            Err(format_args!("{name}").to_string())
        } else {
            Ok(attempts.get())
        }
    });
    assert_eq!(third_time.call("a"), Err("a".to_owned()));
    assert!(third_time.shelve("a").is_err());
    assert_eq!(third_time.call("a"), Ok(3));
    assert_eq!(third_time.call("a"), Ok(3));
    assert_eq!(third_time.shelve("a").unwrap().get().unwrap(), 3);
}

#[test]
fn a_clone_is_the_same_memory() {
    let memory = memory();
    memory.clone().cache("f", |x: &u8| *x).call(&1);
    assert!(memory.cache("f", |x: &u8| *x).is_cached(&1));
    memory.clear().unwrap();
    assert!(!memory.cache("f", |x: &u8| *x).is_cached(&1));
    assert_eq!(memory.stats().misses, 1);
}
