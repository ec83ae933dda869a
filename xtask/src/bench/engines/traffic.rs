//! Tasks on the engine of the variable, which has two workers.

use std::time::Instant;

use joblib_backends::Shared;
use joblib_parallel::{Parallel, delayed};
use ndarray::Array1;

use super::super::sample::Sample;
use super::super::stage::ADDRESS;
use crate::Result;

const TASKS: usize = 100;

fn nothing(n: u64) -> u64 {
    n
}

fn look(array: &Array1<f64>, at: usize) -> f64 {
    array[at]
}

fn look_shared(array: Shared<Array1<f64>>, at: usize) -> f64 {
    array[at]
}

/// Two workers that have done something.
fn workers() -> Result<Parallel> {
    let address = std::env::var(ADDRESS).map_err(|_| format!("{ADDRESS} names no engine"))?;
    let parallel = Parallel::new().backend(address.as_str()).n_jobs(2);
    parallel.clone().batch_size(1).run((0..20).map(|n| delayed!(nothing(n))))?;
    Ok(parallel)
}

pub(super) fn tiny(batch_size: Option<usize>, count: u64) -> Result<Sample> {
    let mut parallel = workers()?;
    if let Some(size) = batch_size {
        parallel = parallel.batch_size(size);
    }
    let (results, sample) = Sample::take(|| parallel.run((0..count).map(|n| delayed!(nothing(n)))));
    assert_eq!(results?.len() as u64, count, "not every result");
    Ok(sample)
}

/// So many calls of one task each, one after the other.
pub(super) fn warm(calls: u64) -> Result<Sample> {
    let parallel = workers()?;
    let start = Instant::now();
    for n in 0..calls {
        parallel.run([delayed!(nothing(n))])?;
    }
    Ok(Sample { time: start.elapsed(), ..Sample::default() })
}

/// One array of so many bytes for a hundred tasks.
pub(super) fn give(form: &str, bytes: u64) -> Result<Sample> {
    let parallel = workers()?;
    let array = Array1::from_elem(bytes as usize / 8, 1.0);
    let (results, sample) = if form == "shared" {
        let array = Shared::new(array);
        let tasks = (0..TASKS).map(|at| delayed!(look_shared(array.clone(), at)));
        Sample::take(|| parallel.run(tasks))
    } else {
        Sample::take(|| parallel.run((0..TASKS).map(|at| delayed!(look(&array, at)))))
    };
    assert_eq!(results?, [1.0; TASKS]);
    Ok(sample)
}
