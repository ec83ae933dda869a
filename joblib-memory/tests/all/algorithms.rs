//! Keys of several algorithms.

#![cfg(feature = "blake3")]

use std::collections::{BTreeMap, HashMap, HashSet};

use joblib_memory::{Algorithm, Digest, Limits, Memory, cache, hash_with};
use ndarray::{Array1, Array2, s};

fn blake3<T: serde::Serialize + ?Sized>(value: &T) -> Digest {
    hash_with(Algorithm::Blake3, value).unwrap()
}

#[test]
fn the_order_of_maps_and_sets_does_not_count() {
    let pairs: Vec<(String, u32)> = (0..100).map(|i| (format!("key {i}"), i)).collect();
    let forwards: HashMap<String, u32> = pairs.iter().cloned().collect();
    let backwards: HashMap<String, u32> = pairs.iter().rev().cloned().collect();
    let sorted: BTreeMap<String, u32> = pairs.iter().cloned().collect();
    assert_eq!(blake3(&forwards), blake3(&backwards));
    assert_eq!(blake3(&forwards), blake3(&sorted));
    let set: HashSet<u32> = (0..100).collect();
    let other: HashSet<u32> = (0..100).rev().collect();
    assert_eq!(blake3(&set), blake3(&other));
    let less: HashSet<u32> = (0..99).collect();
    assert_ne!(blake3(&set), blake3(&less));
    // The same numbers paired differently.
    let [one, two] = [[(1, 2), (3, 4)], [(1, 4), (3, 2)]].map(HashMap::from);
    assert_ne!(blake3(&one), blake3(&two));
}

#[test]
fn the_route_of_a_value_does_not_count() {
    let table = Array2::from_shape_fn((20, 30), |(i, j)| (i * j) as f64);
    let column = table.slice(s![.., 3]);
    assert_eq!(blake3(&column), blake3(&column.to_owned()));
    let numbers: Vec<f64> = (0..1000).map(f64::from).collect();
    assert_eq!(blake3(&numbers), blake3(&numbers[..]));
    let refs: Vec<&f64> = numbers.iter().collect();
    assert_eq!(blake3(&numbers), blake3(&refs));
}

static FOLDER: std::sync::LazyLock<tempfile::TempDir> =
    std::sync::LazyLock::new(|| tempfile::tempdir().unwrap());
static MEMORY: std::sync::LazyLock<Memory> = std::sync::LazyLock::new(|| memory(Algorithm::Blake3));

fn memory(algorithm: Algorithm) -> Memory {
    Memory::builder(FOLDER.path()).digest(algorithm).build()
}

#[cache(MEMORY)]
fn summed(x: &Array1<f64>, scale: f64) -> f64 {
    x.sum() * scale
}

#[test]
fn both_share_a_folder_and_find_their_own() {
    let x = Array1::ones(1000);
    assert_eq!((summed(&x, 2.0), summed(&x, 2.0)), (2000.0, 2000.0));
    assert!(summed::is_cached(&x, 2.0) && !summed::is_cached(&x, 3.0));
    let folder = tempfile::tempdir().unwrap();
    let names = [Algorithm::Xxh3, Algorithm::Blake3].map(|algorithm| {
        let memory = Memory::builder(folder.path()).digest(algorithm).build();
        let f = memory.cache("f", |x: &u64| x + 1);
        assert!(!f.is_cached(&1), "another algorithm, another key");
        assert_eq!((f.call(&1), f.call(&1)), (2, 2));
        assert_eq!((memory.stats().misses, memory.stats().hits), (1, 1));
        let shelved = f.shelve(&1);
        assert_eq!(shelved.get().unwrap(), 2);
        shelved.id().unwrap().arguments.to_string()
    });
    assert_eq!(names.map(|name| name.len()), [32, 64]);
    let memory = Memory::new(folder.path());
    assert_eq!(memory.entries().unwrap().len(), 2);
    assert_eq!(memory.verify().unwrap().whole, 2);
    let gone = memory.reduce_size(&Limits::new().items(1)).unwrap();
    assert_eq!(gone.items, 1);
    memory.clear().unwrap();
    assert!(memory.entries().unwrap().is_empty());
}

#[test]
fn loops_go_on_and_misses_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::builder(folder.path()).digest(Algorithm::Blake3).build();
    let interrupted = memory.checkpointed("loop", 0_u64, 10).every(std::time::Duration::ZERO);
    let stopped = interrupted.try_run(|state, step| {
        *state += step;
        if step < 5 { Ok(()) } else { Err(step) }
    });
    assert_eq!(stopped, Err(5));
    let mut steps = Vec::new();
    let sum = memory.checkpoint("loop", 0_u64, 10, |state, step| {
        steps.push(step);
        *state += step;
    });
    assert_eq!((sum, steps), (45, vec![5, 6, 7, 8, 9]));
    let f = memory.cache("f", |x: &f64| *x);
    f.call(&0.3);
    let why = f.explain(&(0.1 + 0.2)).to_string();
    assert!(why.contains("0.30000000000000004, was 0.3"), "{why}");
}
