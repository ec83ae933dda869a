//! Two scenes of joblib's talks: the mean of a file, in blocks, and the sum of the positive ones among many
//! numbers.

use std::hint::black_box;
use std::ops::Range;
use std::path::Path;

use joblib_parallel::{Parallel, delayed, fold};
use joblib_persist::{LoadOptions, MappedArray, MmapMode};
use ndarray::{Array1, ArrayView1, Ix1};

use super::sample::Sample;
use super::scenario::{Area, Scenario, Side, Unit};
use super::stage::ADDRESS;
use crate::Result;

pub(super) const AREA: Area = Area {
    name: "blocks",
    scenarios,
    measure,
    requirements: "requirements-blocks",
    script: "bench_blocks.py",
};

/// The numbers of one task: 32 MB.
const BLOCK: usize = 4_000_000;
/// So few numbers are added up often, for that to be measured.
const FEW: u64 = 100_000;
const OFTEN: u32 = 200;

fn scenarios(quick: bool) -> Vec<Scenario> {
    let row = |name: &str, numbers: u64, sides: &[Side]| Scenario {
        name: name.to_owned(),
        size: 8 * numbers,
        unit: Unit::Milliseconds,
        rounds: if quick { 2 } else { 5 },
        sides: sides.to_vec(),
    };
    let positive = |name: &str, numbers: u64| {
        row(
            name,
            numbers,
            &[
                Side::ours("ours, `reduce` on 2 threads", "positive:reduce"),
                Side::rust("a loop in Rust", "positive:plain"),
                Side::python("numpy, `x[x > 0].sum()`", "positive:numpy"),
                Side::python("numba, a loop", "positive:numba"),
            ],
        )
    };
    let part = if quick { 50 } else { 1 };
    vec![
        row(
            "dask: the mean of a file, in blocks, 2 workers",
            500_000_000 / part,
            &[
                Side::ours("ours, threads", "mean:threads"),
                Side::ours("ours, processes", "mean:processes"),
                Side::ours("ours, Dask", "mean:engine"),
                Side::python("numpy, mapped", "mean:numpy"),
                Side::python("dask.array, `from_array`, threads", "mean:array"),
                Side::python("dask.array, blocks, threads", "mean:blocks"),
                Side::python("dask.array, blocks, Dask", "mean:engine"),
                Side::python("joblib loky", "mean:loky"),
            ],
        ),
        positive("the sum of the positive ones among 100 000 numbers, 200 times", FEW),
        positive(
            "the sum of the positive ones among many numbers",
            if quick { 2_000_000 } else { 100_000_000 },
        ),
    ]
}

fn measure(operation: &str, folder: &Path, _: u64) -> Result<Option<Sample>> {
    // What `bench_blocks.py` made.
    let path = folder.join("numbers.npy");
    match operation.split(':').collect::<Vec<_>>()[..] {
        ["mean", "engine"] => mean(&std::env::var(ADDRESS)?, &path).map(Some),
        ["mean", backend] => mean(backend, &path).map(Some),
        ["positive", "plain"] => positive(&path, |numbers| Ok(positive_sum(numbers))).map(Some),
        ["positive", "reduce"] => positive(&path, reduced).map(Some),
        _ => Ok(None),
    }
}

fn mapped(path: &Path) -> Result<MappedArray<f64, Ix1>> {
    Ok(LoadOptions::new().mmap_mode(MmapMode::Read).load(path)?)
}

fn block_sum(path: &Path, block: Range<usize>) -> f64 {
    let numbers = mapped(path).expect("the file can be mapped");
    let numbers = numbers.view().to_slice().expect("its numbers lie one after the other");
    ArrayView1::from(&numbers[block]).sum()
}

fn mean(backend: &str, path: &Path) -> Result<Sample> {
    let len = mapped(path)?.view().len();
    let parallel = Parallel::new().backend(backend).n_jobs(2);
    // The workers are there before the clock starts.
    parallel.clone().batch_size(1).run((0..4).map(|_| delayed!(block_sum(path, 0..1))))?;
    let (sum, sample) = Sample::take(|| {
        let blocks = (0..len).step_by(BLOCK).map(|start| start..(start + BLOCK).min(len));
        let add = fold!(|| 0.0, |sum: f64, block: f64| sum + block, |a: f64, b: f64| a + b);
        parallel.reduce(blocks.map(|block| delayed!(block_sum(path, block))), add)
    });
    assert!((sum? / len as f64).abs() < 0.01, "the mean of numbers around zero");
    Ok(sample)
}

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

fn reduced(numbers: &[f64]) -> Result<f64> {
    let half = numbers.len().div_ceil(2).max(1);
    let halves = numbers.chunks(half).map(|half| delayed(|| positive_sum(half)));
    let add = fold(|| 0.0, |sum, half| sum + half, |left, right| left + right);
    Ok(Parallel::new().n_jobs(2).reduce(halves, add)?)
}

fn positive(path: &Path, sum: impl Fn(&[f64]) -> Result<f64>) -> Result<Sample> {
    let numbers: Array1<f64> = LoadOptions::new().load(path)?;
    let numbers = numbers.as_slice().ok_or("the numbers lie one after the other")?;
    // Threads are there before the clock starts.
    sum(&numbers[..100.min(numbers.len())])?;
    let times = if numbers.len() as u64 <= FEW { OFTEN } else { 1 };
    let (last, sample) = Sample::take(|| {
        // What nobody looks at might not be computed.
        (1..times).try_for_each(|_| sum(black_box(numbers)).map(|sum| _ = black_box(sum)))?;
        sum(black_box(numbers))
    });
    // Half of them are positive, by a quarter each.
    let expected = numbers.len() as f64 / 8.0;
    assert!((last? - expected).abs() < 0.05 * expected, "the sum of what is positive");
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_positive_is_added_up_whatever_the_length() {
        for len in 0..40 {
            let numbers: Vec<f64> = (0..len).map(|n| f64::from(n) - 7.0).collect();
            let expected: f64 = numbers.iter().filter(|number| **number > 0.0).sum();
            assert_eq!((positive_sum(&numbers), reduced(&numbers).unwrap()), (expected, expected));
        }
        assert_eq!(positive_sum(&[f64::NAN, 1.0]), 1.0);
    }
}
