//! Tasks that do nothing, and calls of two of them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use joblib_parallel::{Parallel, delayed};

use super::super::sample::Sample;
use crate::Result;

pub(super) fn nothing(n: u64) -> u64 {
    black_box(n)
}

/// Few tasks are done again and again, until this many are done.
const ENOUGH: u64 = 20_000;

/// How often an operation of so many tasks is repeated, and the mean is taken.
pub(super) fn repeats(tasks: u64) -> u32 {
    (ENOUGH / tasks.max(1)).clamp(1, 50) as u32
}

pub(super) fn on(backend: &str, n_jobs: i32) -> Parallel {
    Parallel::new().backend(backend).n_jobs(n_jobs)
}

pub(super) fn tiny(backend: &str, batch_size: Option<usize>, count: u64) -> Result<Sample> {
    let mut parallel = on(backend, 2);
    if let Some(size) = batch_size {
        parallel = parallel.batch_size(size);
    }
    let run = |count: u64| parallel.run((0..count).map(|n| delayed!(nothing(n))));
    // The workers are there before the clock starts.
    run(100)?;
    let repeats = repeats(count);
    let (results, sample) = Sample::take(|| {
        (1..repeats).try_for_each(|_| run(count).map(drop))?;
        run(count)
    });
    assert_eq!(results?.len() as u64, count, "not every result");
    Ok(Sample { time: sample.time / repeats, ..sample })
}

/// In this process nothing has run yet.
pub(super) fn cold() -> Result<Sample> {
    let parallel = on("processes", 2);
    let (results, sample) = Sample::take(|| parallel.run([0, 1].map(|n| delayed!(nothing(n)))));
    assert_eq!(results?, [0, 1]);
    Ok(sample)
}

/// So many calls of two tasks each, one after the other.
pub(super) fn warm(backend: &str, calls: u64) -> Result<Sample> {
    let parallel = on(backend, 2);
    let call = || parallel.run([0, 1].map(|n| delayed!(nothing(n))));
    // Both workers have started when each has slept.
    parallel.run((0..2).map(|_| delayed!(std::thread::sleep(Duration::from_millis(50)))))?;
    call()?;
    let start = Instant::now();
    for _ in 0..calls {
        call()?;
    }
    Ok(Sample { time: start.elapsed(), ..Sample::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_tasks_are_repeated_and_many_are_not() {
        assert_eq!([0, 100, 1000, 1_000_000].map(repeats), [50, 50, 20, 1]);
    }
}
