//! The sum of the positive ones among many numbers, by one thread and by two workers:
//! `cargo run --release --example positive_sum -- 100000000`.
//!
//! numpy makes an array of booleans and one of the numbers that are chosen; a loop needs neither.

#![allow(clippy::print_stdout, reason = "that is how an example talks")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use joblib::prelude::*;

/// The sum of the positive numbers.
///
/// In eight sums by turns: each addition would otherwise wait for the one before.
fn positive_sum(numbers: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (blocks, rest) = numbers.as_chunks::<8>();
    for block in blocks {
        for (sum, number) in sums.iter_mut().zip(block) {
            *sum += number.max(0.0);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|number| number.max(0.0)).sum::<f64>()
}

/// The same by two threads, which borrow the numbers.
fn in_parallel(numbers: &[f64]) -> Result<f64, joblib::parallel::Error> {
    let half = numbers.len().div_ceil(2).max(1);
    let halves = numbers.chunks(half).map(|half| delayed(|| positive_sum(half)));
    Parallel::new().n_jobs(2).reduce(halves, fold(|| 0.0, |sum, half| sum + half, |a, b| a + b))
}

/// Numbers between -0.5 and 0.5 in no order (SplitMix64).
fn noise(len: usize) -> Vec<f64> {
    let mut state = 0_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    (0..len).map(|_| next()).collect()
}

/// The value of `work`, and the shortest of five times that it took.
fn timed<T>(work: impl Fn() -> T) -> (T, Duration) {
    let once = || {
        let start = Instant::now();
        (black_box(work()), start.elapsed())
    };
    (0..4).fold(once(), |(_, least), _| {
        let (value, time) = once();
        (value, time.min(least))
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let lens = match std::env::args().nth(1) {
        Some(len) => vec![len.parse()?],
        None => vec![100_000, 10_000_000],
    };
    for len in lens {
        let numbers = noise(len);
        // What is the same each time, and what nobody looks at, might be left out.
        let (alone, one) = timed(|| positive_sum(black_box(&numbers)));
        let (sum, two) = timed(|| in_parallel(&numbers));
        let sum = sum?;
        println!("{len:>10} numbers: {sum:.3}, one thread {one:.3?}, two workers {two:.3?}");
        assert!((sum - alone).abs() <= 1e-9 * alone.abs(), "{sum} is not {alone}");
    }
    Ok(())
}
