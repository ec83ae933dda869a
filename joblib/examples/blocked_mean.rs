//! The mean of a file that may be larger than the memory, in blocks:
//! `cargo run --release --example blocked_mean -- --gigabytes 4`.
//!
//! The file is made in a temporary folder, and removed at the end. Tasks get its name and the place of their
//! block, and map what they need; only sums travel. So the loop is the same on threads, in processes, and,
//! where machines share the folder, on a cluster: `--folder /shared --backend dask://host:8786` (with
//! `--features distributed`).

#![allow(clippy::print_stdout, reason = "that is how an example talks")]

use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use joblib::persist::array::Order;
use joblib::prelude::*;
use ndarray::{Ix1, s};

/// The numbers of one task: 32 MB.
const BLOCK: usize = 4_000_000;

/// Fills a new file with numbers from 0 to 1, one block after the other.
fn make(path: &Path, len: usize) -> Result<(), Box<dyn Error>> {
    let mut numbers = MappedArray::<f64, Ix1>::create(path, len, Order::C)?;
    for (at, number) in numbers.view_mut()?.iter_mut().enumerate() {
        *number = (at % 1000) as f64 / 999.0;
    }
    numbers.flush()?;
    Ok(())
}

/// The sum of a block of the file.
fn sum(path: &Path, block: Range<usize>) -> f64 {
    let mapped = LoadOptions::new().mmap_mode(MmapMode::Read);
    // A panic is a failure of this task, with its number.
    let numbers: MappedArray<f64, Ix1> = mapped.load(path).expect("the file can be mapped");
    numbers.view().slice(s![block]).sum()
}

fn mean(parallel: &Parallel, path: &Path, len: usize) -> Result<f64, joblib::parallel::Error> {
    let blocks = (0..len).step_by(BLOCK).map(|start| start..(start + BLOCK).min(len));
    let add =
        fold!(|| 0.0, |sum: f64, block: f64| sum + block, |left: f64, right: f64| left + right);
    // Groups of one block, so that the sum is the same to the last bit wherever it is made.
    let sums = parallel
        .clone()
        .batch_size(1)
        .reduce(blocks.map(|block| delayed!(sum(path, block))), add)?;
    Ok(sums / len as f64)
}

/// What follows `name` on the command line.
fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|word| word != name).nth(1)
}

fn main() -> Result<(), Box<dyn Error>> {
    let gigabytes: f64 = option("--gigabytes").map_or(Ok(0.1), |text| text.parse())?;
    let len = (gigabytes * 1e9 / 8.0) as usize;
    let folder = option("--folder").map_or_else(std::env::temp_dir, PathBuf::from);
    // Removed with all that is in it when the program ends.
    let folder = tempfile::tempdir_in(folder)?;
    let path = folder.path().join("numbers.jbl");
    make(&path, len)?;

    let other = option("--backend");
    let backends = ["threads", "processes"].into_iter().chain(other.as_deref());
    let mut means = Vec::new();
    for backend in backends {
        let start = Instant::now();
        let mean = mean(&Parallel::new().backend(backend).n_jobs(2), &path, len)?;
        let rate = len as f64 * 8.0 / 1e9 / start.elapsed().as_secs_f64();
        println!("{backend:<12} mean {mean:.6}, {rate:.2} GB/s");
        means.push(mean);
    }
    assert!(means.iter().all(|mean| *mean == means[0]), "the means differ");
    Ok(())
}
