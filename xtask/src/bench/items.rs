//! Many small things at once: structs, strings, tuples and a dictionary, in memory; and what it
//! costs to open a mapped file.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;

use joblib_persist::{LoadOptions, MappedArray, MmapMode, dump, dump_to, load_from};
use ndarray::{Array1, Ix1};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::sample::Sample;
use super::scenario::{Scenario, Side, Unit};
use crate::Result;

/// Elements of the array that is mapped: the same time whatever they are.
const MAPPED: usize = 5_000_000;

pub(super) fn scenarios(quick: bool) -> Vec<Scenario> {
    let scenario = |name: &str, items: u64, sides: &[Side]| Scenario {
        name: name.to_owned(),
        size: if quick { items / 10 } else { items },
        unit: Unit::NanosecondsPerTask,
        rounds: if quick { 3 } else { 7 },
        sides: sides.to_vec(),
    };
    let many = |name, sides| scenario(name, 1_000_000, sides);
    vec![
        scenario("open a mapped array", 1000, OPEN),
        many("dump structs", DUMP_STRUCTS),
        many("load structs", LOAD_STRUCTS),
        many("dump strings", DUMP_STRINGS),
        many("load strings", LOAD_STRINGS),
        many("dump tuples", DUMP_TUPLES),
        many("load tuples", LOAD_TUPLES),
        scenario("dump a dictionary", 200_000, DUMP_DICTIONARY),
        scenario("load a dictionary", 200_000, LOAD_DICTIONARY),
    ]
}

const OPEN: &[Side] = &[Side::ours("ours", "open"), Side::python("joblib", "open-joblib")];

/// The sides of one kind of items: ours and postcard, and others.
macro_rules! sides {
    ($ours:literal, $postcard:literal $(, $name:literal = $operation:literal)*) => {
        &[
            Side::ours("ours", $ours),
            Side::rust("postcard", $postcard),
            $(Side::python($name, $operation),)*
        ]
    };
}

const DUMP_STRUCTS: &[Side] = sides!("dump-structs", "dump-structs-postcard");
const LOAD_STRUCTS: &[Side] = sides!("load-structs", "load-structs-postcard");
const DUMP_STRINGS: &[Side] = sides!("dump-strings", "dump-strings-postcard");
const LOAD_STRINGS: &[Side] = sides!("load-strings", "load-strings-postcard");
const DUMP_TUPLES: &[Side] = sides!("dump-tuples", "dump-tuples-postcard");
const LOAD_TUPLES: &[Side] = sides!("load-tuples", "load-tuples-postcard");
const DUMP_DICTIONARY: &[Side] = sides!(
    "dump-dictionary",
    "dump-dictionary-postcard",
    "joblib" = "dump-dictionary-joblib",
    "pickle 5" = "dump-dictionary-pickle"
);
const LOAD_DICTIONARY: &[Side] = sides!(
    "load-dictionary",
    "load-dictionary-postcard",
    "joblib" = "load-dictionary-joblib",
    "pickle 5" = "load-dictionary-pickle"
);

#[derive(Serialize, Deserialize)]
struct Small {
    id: u32,
    x: f64,
    y: f64,
    weight: f32,
    flag: bool,
}

pub(super) fn measure(operation: &str, folder: &Path, count: u64) -> Result<Option<Sample>> {
    let numbers = 0..u32::try_from(count)?;
    if operation == "open" {
        return open(folder, count).map(Some);
    }
    match operation.split('-').collect::<Vec<_>>()[..] {
        [verb, "structs", ref way @ ..] => {
            let small = |id| Small { id, x: 0.5, y: f64::from(id), weight: 1.0, flag: id % 2 == 0 };
            measure_items(verb, way, &numbers.map(small).collect::<Vec<_>>())
        }
        [verb, "strings", ref way @ ..] => {
            let texts: Vec<_> = numbers.map(|id| format!("the string number {id}")).collect();
            measure_items(verb, way, &texts)
        }
        [verb, "tuples", ref way @ ..] => {
            let tuples: Vec<_> = numbers.map(|id| (id, f64::from(id), id % 2 == 0)).collect();
            measure_items(verb, way, &tuples)
        }
        [verb, "dictionary", ref way @ ..] => {
            let entries: HashMap<_, _> = numbers.map(|id| (format!("key {id}"), id)).collect();
            measure_items(verb, way, &entries)
        }
        _ => Ok(None),
    }
}

/// Does it twice and measures the second time, when memory is warm on every side.
fn measure_items<T: Serialize + DeserializeOwned>(
    verb: &str,
    way: &[&str],
    value: &T,
) -> Result<Option<Sample>> {
    let sample = match (verb, way) {
        ("dump", []) => second(|| Ok(dump_to(value, Vec::new())?)),
        ("dump", ["postcard"]) => second(|| Ok(postcard::to_allocvec(value)?)),
        ("load", []) => {
            let bytes = dump_to(value, Vec::new())?;
            second(|| Ok(load_from::<T>(&bytes[..])?))
        }
        ("load", ["postcard"]) => {
            let bytes = postcard::to_allocvec(value)?;
            second(|| Ok(postcard::from_bytes::<T>(&bytes)?))
        }
        _ => return Ok(None),
    };
    sample.map(Some)
}

fn second<T>(operation: impl Fn() -> Result<T>) -> Result<Sample> {
    drop(black_box(operation()?));
    let (value, sample) = Sample::take(operation);
    black_box(value?);
    Ok(sample)
}

fn open(folder: &Path, count: u64) -> Result<Sample> {
    let path = folder.join("mapped.jbl");
    dump(&Array1::<f64>::zeros(MAPPED), &path)?;
    let options = LoadOptions::new().mmap_mode(MmapMode::Read);
    let open_all = || {
        (0..count).try_for_each(|_| {
            let array: MappedArray<f64, Ix1> = options.load(&path)?;
            assert!(black_box(array).is_mapped(), "it is in memory");
            Ok(())
        })
    };
    second(open_all)
}
