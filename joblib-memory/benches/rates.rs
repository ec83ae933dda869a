//! What a cached call costs: hashing, finding, storing. Run with
//! `cargo bench -p joblib-memory --bench rates`.
//!
//! Prints the best and the median of several rounds; the machine's noise is in the difference.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark, not an API"
)]

use std::hint::black_box;
use std::time::Instant;

use joblib_memory::{Memory, cache, hash};
use ndarray::{Array1, Array2};
use xxhash_rust::xxh3::xxh3_128;

const ROUNDS: usize = 9;

/// Measures `work` in rounds of `count` calls and prints one line.
fn measure(name: &str, count: usize, mut work: impl FnMut(usize)) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            let start = Instant::now();
            for i in 0..count {
                work(round * count + i);
            }
            start.elapsed().as_secs_f64() * 1e6 / count as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:44} {:10.3} {:10.3} µs", rounds[0], rounds[ROUNDS / 2]);
}

static MEMORY: std::sync::OnceLock<Memory> = std::sync::OnceLock::new();

fn memory() -> &'static Memory {
    let folder = std::env::temp_dir().join(format!("joblib-rates-{}", std::process::id()));
    MEMORY.get_or_init(|| Memory::new(folder))
}

#[cache(memory())]
fn small(x: u64, alpha: f64) -> f64 {
    x as f64 * alpha
}

#[cache(memory())]
fn scaled(x: &Array1<f64>, alpha: f64) -> Array1<f64> {
    x * alpha
}

fn main() {
    println!("{:44} {:>10} {:>10}", "", "best", "median");
    hashing();
    calls();
    listing();
    std::fs::remove_dir_all(memory().location().unwrap()).unwrap();
}

fn hashing() {
    // The same memory for both: where it lies, and in pages of which size, matters.
    let large = Array2::from_shape_fn((20_000, 20_000), |(i, j)| (i * j) as u8);
    let bytes = large.as_slice().unwrap();
    for _ in 0..3 {
        measure("raw xxh3-128 of 400 MB", 1, |_| {
            black_box(xxh3_128(black_box(bytes)));
        });
        measure("hash of an array of 400 MB", 1, |_| {
            black_box(hash(black_box(&large)).unwrap());
        });
    }
    measure("hash of a number", 100_000, |i| {
        black_box(hash(&black_box(i as f64)).unwrap());
    });
    measure("hash of a tuple of three", 100_000, |i| {
        black_box(hash(&(black_box(i), "ridge", 0.5)).unwrap());
    });
    let short = Array1::<f64>::zeros(10);
    measure("hash of an array of ten", 100_000, |_| {
        black_box(hash(black_box(&short)).unwrap());
    });
    let texts: Vec<String> = (0..1000).map(|i| format!("text number {i}")).collect();
    measure("hash of 1000 strings", 1000, |_| {
        black_box(hash(black_box(&texts)).unwrap());
    });
}

fn calls() {
    measure("miss, small", 500, |i| {
        black_box(small(i as u64, 0.5));
    });
    measure("hit, small", 2000, |i| {
        black_box(small((i % 4000) as u64, 0.5));
    });
    let array = Array1::<f64>::ones(12_500_000);
    scaled(&array, 2.0);
    measure("hit, 100 MB in, 100 MB out", 1, |_| {
        black_box(scaled(&array, 2.0));
    });
}

fn listing() {
    let store = memory().store().unwrap();
    let entries = store.list(None).unwrap().len();
    measure(&format!("list of {entries} entries"), 1, |_| {
        black_box(store.list(None).unwrap());
    });
}
