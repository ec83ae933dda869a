//! Large arrays as arguments and results.

use std::thread;
use std::time::Duration;

use joblib_parallel::{Parallel, delayed};
use joblib_persist::MappedArray;
use ndarray::{Array1, Ix1};

use super::super::files::touch_memory;
use super::super::sample::Sample;
use super::calls::on;
use crate::Result;

type Mapped = MappedArray<f64, Ix1>;

const TASKS: usize = 100;
const RESULTS: u64 = 50;

fn look(array: &Mapped, at: usize) -> f64 {
    array.view()[at]
}

fn look_owned(array: &Array1<f64>, at: usize) -> f64 {
    array[at]
}

fn make(value: u64, len: u64) -> Array1<f64> {
    Array1::from_elem(len as usize, value as f64)
}

/// Two processes that are there.
fn workers() -> Result<Parallel> {
    let parallel = on("processes", 2);
    parallel.run((0..2).map(|_| delayed!(thread::sleep(Duration::from_millis(50)))))?;
    Ok(parallel)
}

/// One array of so many bytes for a hundred tasks.
pub(super) fn give(form: &str, bytes: u64) -> Result<Sample> {
    touch_memory(3 * bytes);
    let parallel = workers()?;
    let array = Array1::from_elem(bytes as usize / 8, 1.0);
    let (results, sample) = if form == "mapped" {
        let array: Mapped = array.into();
        Sample::take(|| parallel.run((0..TASKS).map(|at| delayed!(look(&array, at)))))
    } else {
        Sample::take(|| parallel.run((0..TASKS).map(|at| delayed!(look_owned(&array, at)))))
    };
    assert_eq!(results?, [1.0; TASKS]);
    Ok(sample)
}

/// So many bytes as fifty results.
pub(super) fn take(form: &str, bytes: u64) -> Result<Sample> {
    touch_memory(2 * bytes);
    let parallel = workers()?;
    let len = bytes / RESULTS / 8;
    let sample = if form == "mapped" {
        fn mapped(value: u64, len: u64) -> Mapped {
            make(value, len).into()
        }
        let run = || parallel.run((0..RESULTS).map(|value| delayed!(mapped(value, len))));
        let (results, sample) = Sample::take(run);
        assert!(results?.iter().all(|array| array.view().len() as u64 == len));
        sample
    } else {
        let run = || parallel.run((0..RESULTS).map(|value| delayed!(make(value, len))));
        let (results, sample) = Sample::take(run);
        assert!(results?.iter().all(|array| array.len() as u64 == len));
        sample
    };
    Ok(sample)
}

/// A reader that is slower than the workers: how much is kept for it.
pub(super) fn slow_reader(bytes: u64) -> Result<Sample> {
    let len = bytes / RESULTS / 8;
    let (sum, sample) = Sample::take(|| -> Result<f64> {
        let mut sum = 0.0;
        let tasks = (0..RESULTS).map(move |value| delayed(move || make(value, len)));
        for array in on("threads", 2).stream(tasks) {
            thread::sleep(Duration::from_millis(10));
            sum += array?[0];
        }
        Ok(sum)
    });
    assert_eq!(sum?, (0..RESULTS).sum::<u64>() as f64);
    Ok(sample)
}
