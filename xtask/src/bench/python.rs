//! Python's joblib files: arrays as fast as in our own, and many small objects.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use joblib_persist::value::Value;
use joblib_persist::{DumpOptions, LoadOptions};
use ndarray::Array1;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::files::touch_memory;
use super::sample::Sample;
use super::scenario::{Area, Scenario, Side, Unit};
use crate::Result;

pub(super) const AREA: Area =
    Area { name: "python", scenarios, measure, requirements: "sklearn", script: "bench_python.py" };

fn scenarios(quick: bool) -> Vec<Scenario> {
    let scenario = |name: &str, size: u64, rounds: usize, sides: &[Side]| Scenario {
        name: name.to_owned(),
        size: if quick { size / 10 } else { size },
        unit: Unit::Milliseconds,
        rounds: if quick { 3 } else { rounds },
        sides: sides.to_vec(),
    };
    vec![
        scenario("dump float64 to .pkl", 400_000_000, 7, DUMP_ARRAY),
        scenario("load float64 from .pkl", 400_000_000, 7, LOAD_ARRAY),
        scenario("dump a dict of 200 000 entries", 200_000, 7, DUMP_DICT),
        scenario("load a dict of 200 000 entries", 200_000, 7, LOAD_DICT),
        scenario("dump 1000 lists of 1000 floats", 1_000_000, 7, DUMP_LISTS),
        scenario("load 1000 lists of 1000 floats", 1_000_000, 7, LOAD_LISTS),
        scenario("dump a random forest of 500 trees", 500, 5, DUMP_FOREST),
        scenario("load a random forest of 500 trees", 500, 5, LOAD_FOREST),
    ]
}

const DUMP_ARRAY: &[Side] = &[
    Side::ours("ours", "dump-array"),
    Side::ours("ours, .jbl", "dump-native"),
    Side::python("joblib", "dump-array-joblib"),
];

const LOAD_ARRAY: &[Side] = &[
    Side::ours("ours", "load-array").after("dump-array"),
    // A file of Python's has no checksums to compare.
    Side::ours("ours, .jbl unverified", "load-native").after("dump-native"),
    Side::python("joblib", "load-array-joblib").after("dump-array-joblib"),
];

const DUMP_DICT: &[Side] = &[
    Side::ours("ours", "dump-dict"),
    Side::ours("ours, a Value", "dump-dict-value"),
    Side::python("joblib", "dump-dict-joblib").after("make-dict"),
];

const LOAD_DICT: &[Side] = &[
    Side::ours("ours", "load-dict"),
    Side::ours("ours, a Value", "load-dict-value"),
    Side::python("joblib", "load-dict-joblib").after("make-dict"),
];

const DUMP_LISTS: &[Side] = &[
    Side::ours("ours", "dump-lists"),
    Side::ours("ours, a Value", "dump-lists-value"),
    Side::python("joblib", "dump-lists-joblib").after("make-lists"),
];

const LOAD_LISTS: &[Side] = &[
    Side::ours("ours", "load-lists"),
    Side::ours("ours, a Value", "load-lists-value"),
    Side::python("joblib", "load-lists-joblib").after("make-lists"),
];

const DUMP_FOREST: &[Side] = &[
    Side::ours("ours, a Value", "dump-forest-value"),
    Side::python("joblib", "dump-forest-joblib").after("make-forest"),
];

const LOAD_FOREST: &[Side] = &[
    Side::ours("ours, a Value", "load-forest-value"),
    Side::python("joblib", "load-forest-joblib").after("make-forest"),
];

type Dict = HashMap<String, f64>;
type Lists = Vec<Vec<f64>>;

fn measure(operation: &str, folder: &Path, size: u64) -> Result<Option<Sample>> {
    match operation {
        "dump-array" => dump_array(folder, "array.pkl"),
        "dump-native" => dump_array(folder, "array.jbl"),
        "load-array" => load_array(folder, "array.pkl", size),
        "load-native" => load_array(folder, "array.jbl", size),
        "dump-dict" => dump::<Dict>(folder, "dict.pkl"),
        "dump-dict-value" => dump::<Value>(folder, "dict.pkl"),
        "load-dict" => load::<Dict>(folder, "dict.pkl"),
        "load-dict-value" => load::<Value>(folder, "dict.pkl"),
        "dump-lists" => dump::<Lists>(folder, "lists.pkl"),
        "dump-lists-value" => dump::<Value>(folder, "lists.pkl"),
        "load-lists" => load::<Lists>(folder, "lists.pkl"),
        "load-lists-value" => load::<Value>(folder, "lists.pkl"),
        "dump-forest-value" => dump::<Value>(folder, "forest.pkl"),
        "load-forest-value" => load::<Value>(folder, "forest.pkl"),
        _ => return Ok(None),
    }
    .map(Some)
}

fn dump_array(folder: &Path, name: &str) -> Result<Sample> {
    let bytes = fs::read(folder.join("data.f64"))?;
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
    let value: Array1<f64> = bytes.chunks_exact(8).map(number).collect();
    drop(bytes);
    dump_value(&value, &folder.join(name))
}

fn load_array(folder: &Path, name: &str, size: u64) -> Result<Sample> {
    touch_memory(size);
    let options = LoadOptions::new().verify(false);
    let (value, sample) = Sample::take(|| options.load::<Array1<f64>>(folder.join(name)));
    assert_eq!(value?.len() as u64 * 8, size, "not the whole array");
    Ok(sample)
}

/// Dumps what is in a file that Python wrote.
fn dump<T: Serialize + DeserializeOwned>(folder: &Path, name: &str) -> Result<Sample> {
    let value: T = joblib_persist::load(folder.join(name))?;
    dump_value(&value, &folder.join(format!("ours-{name}")))
}

fn dump_value<T: Serialize>(value: &T, path: &Path) -> Result<Sample> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    touch_memory(ROOM);
    let (result, sample) = Sample::take(|| DumpOptions::new().dump(value, path));
    result?;
    Ok(Sample { disk: Some(path.metadata()?.len()), ..sample })
}

fn load<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Sample> {
    touch_memory(ROOM);
    let (value, sample) = Sample::take(|| joblib_persist::load::<T>(folder.join(name)));
    value?;
    Ok(sample)
}

/// More than the small objects of any scenario take.
const ROOM: u64 = 200_000_000;
