//! What other Rust crates do, called by `cargo xtask bench` as `peers OPERATION FOLDER SIZE`: does
//! the operation in this process and prints the seconds it took.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use cached::{DiskCache, IOCached};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [operation, folder, size] = &arguments[..] else {
        return Err("arguments: OPERATION FOLDER SIZE".into());
    };
    let (folder, size) = (Path::new(folder).join("cached"), size.parse()?);
    let words: Vec<&str> = operation.split(':').collect();
    match words[..] {
        ["miss", result, "cached"] => misses(&folder, size, elements(result)?),
        ["hit", _, "cached"] => hits(&folder, size),
        _ => Err(format!("no operation is called `{operation}`").into()),
    }
}

/// Of a result that is a number, or an array of so many bytes.
fn elements(result: &str) -> Result<usize, Box<dyn Error>> {
    if result == "number" { Ok(1) } else { Ok(result.parse::<usize>()? / 8) }
}

fn open(folder: &Path) -> Result<DiskCache<u64, Vec<f64>>, Box<dyn Error>> {
    Ok(DiskCache::new("measured").set_disk_directory(folder).build()?)
}

fn misses(folder: &Path, size: u64, elements: usize) -> Result<(), Box<dyn Error>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let cache = open(folder)?;
    measure(|| {
        for number in 0..size {
            assert!(cache.cache_get(&number)?.is_none(), "a miss");
            cache.cache_set(number, vec![number as f64; elements])?;
        }
        Ok(())
    })
}

fn hits(folder: &Path, size: u64) -> Result<(), Box<dyn Error>> {
    let cache = open(folder)?;
    measure(|| {
        for number in 0..size {
            black_box(cache.cache_get(&number)?.ok_or("not there")?);
        }
        Ok(())
    })
}

fn measure(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    work()?;
    println!("seconds={}", start.elapsed().as_secs_f64());
    Ok(())
}
