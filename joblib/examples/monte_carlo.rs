//! The number π by throwing darts: `cargo run --release --example monte_carlo`.
//!
//! Each task throws half a million darts from a seed of its own, and the hits are added up where the tasks
//! run. So the answer does not depend on where that is, or on the number of workers.

#![allow(clippy::print_stdout, reason = "that is how an example talks")]

#[path = "support/speedup.rs"]
mod speedup;

use std::error::Error;
use std::hint::black_box;

use joblib::prelude::*;

const TASKS: u64 = 400;
const DARTS: u64 = 500_000;

/// How many darts hit the quarter circle.
// Not inlined: the same machine code is compared wherever it runs.
#[inline(never)]
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

fn pi(parallel: &Parallel) -> Result<f64, joblib::parallel::Error> {
    let add = fold!(|| 0, |sum: u64, hits: u64| sum + hits, |left: u64, right: u64| left + right);
    let hits = parallel.reduce((0..TASKS).map(|seed| delayed!(hits(seed, DARTS))), add)?;
    Ok(4.0 * hits as f64 / (TASKS * DARTS) as f64)
}

fn main() -> Result<(), Box<dyn Error>> {
    let alone = |seed| {
        black_box(hits(seed as u64, DARTS));
    };
    println!("π ≈ {:.5}", speedup::compare(TASKS as usize, alone, pi)?);
    Ok(())
}
