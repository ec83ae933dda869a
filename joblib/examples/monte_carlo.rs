//! The number π by throwing darts: `cargo run --release --example monte_carlo`.
//!
//! Each task throws a million darts from a seed of its own, and the hits are added up where the tasks
//! run. So the answer does not depend on where that is, or on the number of workers.

#![allow(clippy::print_stdout, reason = "that is how an example talks")]

use std::error::Error;
use std::time::{Duration, Instant};

use joblib::prelude::*;

/// A value, and how long it took.
type Timed<T> = Result<(T, Duration), Box<dyn Error>>;

const TASKS: u64 = 200;
const DARTS: u64 = 1_000_000;

/// How many darts hit the quarter circle.
fn hits(seed: u64, darts: u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut uniform = || {
        // SplitMix64: a counter, well stirred.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..darts).filter(|_| uniform().powi(2) + uniform().powi(2) < 1.0).count() as u64
}

fn pi(parallel: &Parallel) -> Timed<f64> {
    let start = Instant::now();
    let add = fold!(|| 0, |sum: u64, hits: u64| sum + hits, |left: u64, right: u64| left + right);
    let hits = parallel.reduce((0..TASKS).map(|seed| delayed!(hits(seed, DARTS))), add)?;
    Ok((4.0 * hits as f64 / (TASKS * DARTS) as f64, start.elapsed()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (reference, alone) = pi(&Parallel::new().n_jobs(1))?;
    println!("π ≈ {reference:.5}");
    println!("one worker:             {alone:>8.3?}");
    for backend in ["threads", "processes"] {
        let two = Parallel::new().n_jobs(2).backend(backend);
        let (again, took) = pi(&two)?;
        assert_eq!(again, reference);
        let faster = alone.as_secs_f64() / took.as_secs_f64();
        println!("2 workers, {backend:<12} {took:>8.3?}, {faster:.2} times as fast");
    }
    Ok(())
}
