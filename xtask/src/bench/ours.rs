//! Our side: one operation, measured in this process.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use joblib_parallel::{Parallel, delayed};
use joblib_persist::{DumpOptions, LoadOptions};
use ndarray::Array1;

use crate::Result;

/// Does `operation` on `size` bytes or tasks and returns how long it took.
pub(super) fn measure(operation: &str, folder: &Path, size: u64) -> Result<Duration> {
    match operation {
        "dump" => dump(folder, "raw.jbl", &DumpOptions::new()),
        "dump-zlib" => dump(folder, "zlib.jbl", &DumpOptions::new().compress(("zlib", 3))),
        "load" => load(folder, "raw.jbl", size, &LoadOptions::new()),
        "load-unverified" => load(folder, "raw.jbl", size, &LoadOptions::new().verify(false)),
        "load-zlib" => load(folder, "zlib.jbl", size, &LoadOptions::new()),
        "tasks-threads" => tasks(&Parallel::new().backend("threads"), size),
        "tasks-threads-one" => tasks(&Parallel::new().backend("threads").batch_size(1), size),
        "tasks-processes" => tasks(&Parallel::new().backend("processes"), size),
        "tasks-processes-one" => tasks(&Parallel::new().backend("processes").batch_size(1), size),
        _ => Err(format!("no operation is called `{operation}`").into()),
    }
}

fn dump(folder: &Path, name: &str, options: &DumpOptions) -> Result<Duration> {
    let bytes = fs::read(folder.join("data.f64"))?;
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
    let value: Array1<f64> = bytes.chunks_exact(8).map(number).collect();
    drop(bytes);
    let path = folder.join(name);
    if path.exists() {
        fs::remove_file(&path)?;
    }
    touch_memory(value.len() as u64 * 8);
    let start = Instant::now();
    options.dump(&value, &path)?;
    Ok(start.elapsed())
}

fn load(folder: &Path, name: &str, size: u64, options: &LoadOptions) -> Result<Duration> {
    touch_memory(size);
    let start = Instant::now();
    let value: Array1<f64> = options.load(folder.join(name))?;
    let time = start.elapsed();
    assert_eq!(value.len() as u64 * 8, size, "not the whole array");
    Ok(time)
}

/// Half as much again as the operation needs, written once and given back.
fn touch_memory(bytes: u64) {
    let len = usize::try_from(bytes + bytes / 2).expect("fits into memory");
    drop(black_box(vec![1_u8; len]));
}

fn tasks(parallel: &Parallel, count: u64) -> Result<Duration> {
    let parallel = parallel.clone().n_jobs(2);
    let run = |count: u64| parallel.run((0..count).map(|n| delayed!(nothing(n))));
    // The workers are there before the clock starts.
    run(100)?;
    let start = Instant::now();
    let results = run(count)?;
    let time = start.elapsed();
    assert_eq!(results.len() as u64, count, "not every result");
    Ok(time)
}

fn nothing(n: u64) -> u64 {
    black_box(n)
}
