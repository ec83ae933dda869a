//! Batches on engines that speak Python. A thread pool of Python stands for all of them, since it
//! needs no package; `cargo xtask engines` runs the same tests on real ones, whose address is then
//! in the variable `JOBLIB_TEST_ENGINE`.

#![cfg(all(feature = "distributed", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// A batch of calls of one function in worker processes.
#[path = "all/calls.rs"]
mod calls;
/// The properties that every backend must have.
#[path = "engines/conformance.rs"]
mod conformance;
/// Engines, workers and programs that are not there, or not any more.
#[path = "engines/faults.rs"]
mod faults;
/// Parts of the engine that die.
#[path = "engines/losses.rs"]
mod losses;
/// Arrays and shared values that many tasks use.
#[path = "engines/scatter.rs"]
mod scatter;
/// What tasks print, and how large they may be.
#[path = "engines/traffic.rs"]
mod traffic;

use joblib_backends::Distributed;

/// The engine to test, with `workers` workers if it is ours to choose.
fn engine(workers: usize) -> Distributed {
    Distributed::connect(&address(workers)).unwrap()
}

fn address(workers: usize) -> String {
    let ours = format!("python:concurrent.futures:ThreadPoolExecutor?max_workers={workers}");
    std::env::var("JOBLIB_TEST_ENGINE").unwrap_or(ours)
}
