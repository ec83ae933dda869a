//! Our side: cached calls, and what is done with all results.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use joblib_memory::{Limits, Memory};
use joblib_persist::{MappedArray, MmapMode};
use ndarray::{Array1, Ix1};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::files::touch_memory;
use super::super::sample::Sample;
use super::{crowd, hashes};
use crate::Result;

/// Number of a call, and of the elements of its result.
pub(super) type Argument = (u64, u64);

/// Elements of an array of 100 MB.
const LARGE: u64 = 12_500_000;

pub(super) fn measure(operation: &str, folder: &Path, size: u64) -> Result<Option<Sample>> {
    let location = folder.join("ours");
    if operation.starts_with("miss") && location.exists() {
        fs::remove_dir_all(&location)?;
    }
    let memory = Memory::new(&location);
    let mapping = Memory::builder(&location).mmap_mode(MmapMode::Read).build();
    let limited = |items| Memory::builder(&location).limits(Limits::new().items(items)).build();
    let numbers = numbered(size, 1);
    let words: Vec<&str> = operation.split(':').collect();
    match words[..] {
        ["miss", "number"] => misses(&memory, &numbers, number),
        ["hit", "number"] => hits(&memory, &numbers, number),
        ["miss", "number", "limited"] => misses(&limited(2 * size), &numbers, number),
        ["miss", "number", "evicting"] => misses(&limited(size / 5), &numbers, number),
        ["miss", "of-large"] => of_large(&mapping, 0),
        ["hit", "of-large"] => of_large(&mapping, 1),
        ["hash", ref of @ ..] => return hashes::measure(of, size),
        ["list"] => list(&memory, size),
        ["reduce"] => reduce(&memory),
        ["hit", "threads"] => crowd::threads(&memory, &numbers),
        ["hit", "processes"] => crowd::processes(folder, size),
        ["hit", "process", member] => crowd::process(&memory, &numbers, member.parse()?),
        ["read", "threads"] => crowd::files(&memory, crowd::CROWD),
        ["read", "number"] => crowd::files(&memory, 1),
        ["miss", bytes] => misses(&memory, &of_bytes(size, bytes)?, array),
        ["miss", bytes, "mapped"] => misses(&mapping, &of_bytes(size, bytes)?, mapped),
        ["hit", bytes] => hits(&memory, &of_bytes(size, bytes)?, array),
        ["hit", bytes, "mapped"] => hits(&mapping, &of_bytes(size, bytes)?, mapped),
        _ => return Ok(None),
    }
    .map(Some)
}

fn of_bytes(count: u64, bytes: &str) -> Result<Vec<Argument>> {
    Ok(numbered(count, bytes.parse::<u64>()? / 8))
}

fn numbered(count: u64, elements: u64) -> Vec<Argument> {
    (0..count).map(|number| (number, elements)).collect()
}

pub(super) fn number(&(number, elements): &Argument) -> f64 {
    (number + elements) as f64
}

fn array(&(number, elements): &Argument) -> Array1<f64> {
    let elements = usize::try_from(elements).expect("fits into memory");
    Array1::from_elem(elements, number as f64)
}

fn mapped(argument: &Argument) -> MappedArray<f64, Ix1> {
    array(argument).into()
}

fn misses<R: Serialize + DeserializeOwned>(
    memory: &Memory,
    arguments: &[Argument],
    compute: fn(&Argument) -> R,
) -> Result<Sample> {
    let sample = calls(memory, arguments, compute);
    assert_eq!(memory.stats().misses, arguments.len() as u64, "not every call was a miss");
    Ok(sample)
}

fn hits<R: Serialize + DeserializeOwned>(
    memory: &Memory,
    arguments: &[Argument],
    compute: fn(&Argument) -> R,
) -> Result<Sample> {
    let sample = calls(memory, arguments, compute);
    assert_eq!(memory.stats().hits, arguments.len() as u64, "not every call was a hit");
    Ok(sample)
}

fn calls<R: Serialize + DeserializeOwned>(
    memory: &Memory,
    arguments: &[Argument],
    compute: fn(&Argument) -> R,
) -> Sample {
    touch_memory(arguments.iter().map(|(_, elements)| elements * 8).max().unwrap_or(0));
    let cached = memory.cache("measured", compute);
    let ((), sample) = Sample::take(|| {
        for argument in arguments {
            black_box(cached.call(argument));
        }
    });
    sample
}

/// A call of a function of a large array that returns one, which is found so many times.
fn of_large(memory: &Memory, found: u64) -> Result<Sample> {
    let argument = array(&(0, LARGE));
    let twice = memory.cache("twice", |array: &Array1<f64>| MappedArray::from(array * 2.0));
    let (_, sample) = Sample::take(|| black_box(twice.call(&argument)));
    assert_eq!(memory.stats().hits, found, "found so often");
    Ok(sample)
}

fn list(memory: &Memory, count: u64) -> Result<Sample> {
    let (entries, sample) = Sample::take(|| memory.entries());
    assert_eq!(entries?.len() as u64, count, "not every result");
    Ok(sample)
}

fn reduce(memory: &Memory) -> Result<Sample> {
    let count = memory.stat()?.items;
    let limits = Limits::new().items(count - count / 100);
    let (evicted, sample) = Sample::take(|| memory.reduce_size(&limits));
    assert_eq!(evicted?.items, count / 100, "not so many");
    Ok(sample)
}
