//! What cached calls cost, and what it costs to look after their results.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use joblib_memory::{Limits, Memory};
use joblib_persist::{MappedArray, MmapMode};
use ndarray::{Array1, Ix1};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::files::touch_memory;
use super::sample::Sample;
use super::scenario::{Area, Scenario, Side, Unit};
use crate::Result;

pub(super) const AREA: Area = Area {
    name: "cache",
    scenarios,
    measure,
    requirements: "requirements-cache",
    script: "bench_cache.py",
};

/// Elements of a result of 1 MB.
const ARRAY: u64 = 131_072;

fn scenarios(quick: bool) -> Vec<Scenario> {
    let scenario = |name: &str, unit: Unit, size: u64, sides: &[Side]| Scenario {
        name: name.to_owned(),
        size: if quick { size / 10 } else { size },
        unit,
        rounds: if quick { 3 } else { 5 },
        sides: sides.to_vec(),
    };
    let calls = |name, count, sides| scenario(name, Unit::NanosecondsPerTask, count, sides);
    let large = |name, sides| scenario(name, Unit::Milliseconds, 100_000_000, sides);
    vec![
        calls("miss, a number", 1000, MISS),
        calls("hit, a number", 1000, HIT),
        calls("miss, array of 1 MB", 50, MISS_ARRAY),
        calls("hit, array of 1 MB", 50, HIT_ARRAY),
        large("miss, a large array", MISS_LARGE),
        large("hit, a large array", HIT_LARGE),
        large("hit, a large array, mapped", HIT_MAPPED),
        calls("list of all results", 100_000, LIST),
        calls("one result in a hundred evicted", 100_000, REDUCE),
    ]
}

const MISS: &[Side] = &[
    Side::ours("ours", "miss"),
    Side::python("joblib", "miss-joblib"),
    Side::python("diskcache", "miss-diskcache"),
];

const HIT: &[Side] = &[
    Side::ours("ours", "hit").after("miss"),
    Side::python("joblib", "hit-joblib").after("miss-joblib"),
    Side::python("diskcache", "hit-diskcache").after("miss-diskcache"),
];

const MISS_ARRAY: &[Side] = &[
    Side::ours("ours", "miss-array"),
    Side::python("joblib", "miss-array-joblib"),
    Side::python("diskcache", "miss-array-diskcache"),
];

const HIT_ARRAY: &[Side] = &[
    Side::ours("ours", "hit-array").after("miss-array"),
    Side::python("joblib", "hit-array-joblib").after("miss-array-joblib"),
    Side::python("diskcache", "hit-array-diskcache").after("miss-array-diskcache"),
];

const MISS_LARGE: &[Side] = &[
    Side::ours("ours", "miss-large"),
    Side::python("joblib", "miss-large-joblib"),
    Side::python("diskcache", "miss-large-diskcache"),
];

const HIT_LARGE: &[Side] = &[
    Side::ours("ours", "hit-large").after("miss-large"),
    Side::python("joblib", "hit-large-joblib").after("miss-large-joblib"),
    Side::python("diskcache", "hit-large-diskcache").after("miss-large-diskcache"),
];

const HIT_MAPPED: &[Side] = &[
    Side::ours("ours", "hit-mapped").after("miss-large"),
    Side::python("joblib", "hit-mapped-joblib").after("miss-large-joblib"),
];

const LIST: &[Side] = &[
    Side::ours("ours", "list").after("miss"),
    Side::python("joblib", "list-joblib").after("miss-joblib"),
    Side::python("diskcache", "list-diskcache").after("miss-diskcache"),
];

const REDUCE: &[Side] = &[
    Side::ours("ours", "reduce").after("miss"),
    Side::python("joblib", "reduce-joblib").after("miss-joblib"),
];

/// Number of a call, and of the elements of its result.
type Argument = (u64, u64);

fn measure(operation: &str, folder: &Path, size: u64) -> Result<Option<Sample>> {
    let location = folder.join("ours");
    if operation.starts_with("miss") && location.exists() {
        fs::remove_dir_all(&location)?;
    }
    let memory = Memory::new(location);
    let large = [(0, size / 8)];
    match operation {
        "miss" => calls(&memory, &numbered(size, 1), number),
        "hit" => hits(&memory, &numbered(size, 1), number),
        "miss-array" => calls(&memory, &numbered(size, ARRAY), array),
        "hit-array" => hits(&memory, &numbered(size, ARRAY), array),
        "miss-large" => calls(&memory, &large, array),
        "hit-large" => hits(&memory, &large, array),
        "hit-mapped" => hits(&mapping(&memory), &large, mapped),
        "list" => list(&memory, size),
        "reduce" => reduce(&memory),
        _ => return Ok(None),
    }
    .map(Some)
}

fn numbered(count: u64, elements: u64) -> Vec<Argument> {
    (0..count).map(|number| (number, elements)).collect()
}

fn number(&(number, elements): &Argument) -> f64 {
    (number + elements) as f64
}

fn array(&(number, elements): &Argument) -> Array1<f64> {
    let elements = usize::try_from(elements).expect("fits into memory");
    Array1::from_elem(elements, number as f64)
}

fn mapped(_: &Argument) -> MappedArray<f64, Ix1> {
    unreachable!("its result is stored")
}

/// The same memory, with results mapped.
fn mapping(memory: &Memory) -> Memory {
    let location = memory.location().expect("it is in a folder");
    Memory::builder(location).mmap_mode(MmapMode::Read).build()
}

fn calls<R: Serialize + DeserializeOwned>(
    memory: &Memory,
    arguments: &[Argument],
    compute: fn(&Argument) -> R,
) -> Result<Sample> {
    touch_memory(arguments.iter().map(|(_, elements)| elements * 8).max().unwrap_or(0));
    let cached = memory.cache("measured", compute);
    let ((), sample) = Sample::take(|| {
        for argument in arguments {
            black_box(cached.call(argument));
        }
    });
    Ok(sample)
}

fn hits<R: Serialize + DeserializeOwned>(
    memory: &Memory,
    arguments: &[Argument],
    compute: fn(&Argument) -> R,
) -> Result<Sample> {
    let sample = calls(memory, arguments, compute)?;
    assert_eq!(memory.stats().hits, arguments.len() as u64, "not every call was a hit");
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
