//! One array to a file and back, and many small things.

use std::fs;
use std::hint::black_box;
use std::path::Path;

use joblib_persist::{DumpOptions, LoadOptions};
use memmap2::MmapMut;
use ndarray::Array1;

use super::items;
use super::sample::Sample;
use super::scenario::{Area, Scenario, Side, Unit};
use crate::Result;

pub(super) const AREA: Area = Area {
    name: "files",
    scenarios,
    measure,
    requirements: "requirements",
    script: "bench_files.py",
};

fn scenarios(quick: bool) -> Vec<Scenario> {
    let scenario = |name: &str, rounds: usize, sides: &[Side]| Scenario {
        name: name.to_owned(),
        size: if quick { 40_000_000 } else { 400_000_000 },
        unit: Unit::Milliseconds,
        rounds: if quick { rounds.min(3) } else { rounds },
        sides: sides.to_vec(),
    };
    let arrays = [
        scenario("dump float64, raw", 7, DUMP),
        scenario("load float64, raw", 7, LOAD),
        scenario("dump float64, zlib 3", 3, DUMP_ZLIB),
        scenario("load float64, zlib 3", 3, LOAD_ZLIB),
    ];
    arrays.into_iter().chain(items::scenarios(quick)).collect()
}

const DUMP: &[Side] = &[
    Side::ours("ours", "dump"),
    Side::ours("ours, 2 threads", "dump2"),
    Side::python("joblib", "dump-joblib"),
    Side::python("numpy.save", "dump-numpy"),
    Side::python("fallocate, write", "dump-plain"),
];

const LOAD: &[Side] = &[
    Side::ours("ours, verified", "load").after("dump"),
    Side::ours("ours, verified, 2 threads", "load2").after("dump"),
    Side::ours("ours, unverified", "load-unverified").after("dump"),
    Side::python("joblib", "load-joblib").after("dump-joblib"),
    Side::python("numpy.load", "load-numpy").after("dump-numpy"),
    Side::python("read", "load-plain").after("dump-plain"),
];

const DUMP_ZLIB: &[Side] =
    &[Side::ours("ours", "dump-zlib"), Side::python("joblib", "dump-joblib-zlib")];

const LOAD_ZLIB: &[Side] = &[
    Side::ours("ours", "load-zlib").after("dump-zlib"),
    Side::python("joblib", "load-joblib-zlib").after("dump-joblib-zlib"),
];

fn measure(operation: &str, folder: &Path, size: u64) -> Result<Option<Sample>> {
    let zlib = || DumpOptions::new().compress(("zlib", 3));
    match operation {
        "dump" => dump(folder, "raw.jbl", &DumpOptions::new()),
        "dump-zlib" => dump(folder, "zlib.jbl", &zlib()),
        "dump2" => dump(folder, "raw2.jbl", &DumpOptions::new().threads(2)),
        "load2" => load(folder, "raw.jbl", size, &LoadOptions::new().threads(2)),
        "load" => load(folder, "raw.jbl", size, &LoadOptions::new()),
        "load-unverified" => load(folder, "raw.jbl", size, &LoadOptions::new().verify(false)),
        "load-zlib" => load(folder, "zlib.jbl", size, &LoadOptions::new()),
        _ => return items::measure(operation, folder, size),
    }
    .map(Some)
}

fn dump(folder: &Path, name: &str, options: &DumpOptions) -> Result<Sample> {
    let bytes = fs::read(folder.join("data.f64"))?;
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
    let value: Array1<f64> = bytes.chunks_exact(8).map(number).collect();
    drop(bytes);
    let path = folder.join(name);
    if path.exists() {
        fs::remove_file(&path)?;
    }
    touch_memory(value.len() as u64 * 8);
    let (result, sample) = Sample::take(|| options.dump(&value, &path));
    result?;
    Ok(Sample { disk: Some(path.metadata()?.len()), ..sample })
}

fn load(folder: &Path, name: &str, size: u64, options: &LoadOptions) -> Result<Sample> {
    touch_memory(size);
    let (value, sample) = Sample::take(|| options.load::<Array1<f64>>(folder.join(name)));
    assert_eq!(value?.len() as u64 * 8, size, "not the whole array");
    Ok(sample)
}

/// Half as much again as the operation needs, written once and given back: in pages as large as
/// those that large arrays get, from numpy too.
pub(super) fn touch_memory(bytes: u64) {
    let len = usize::try_from(bytes + bytes / 2).expect("fits into memory");
    let mut memory = MmapMut::map_anon(len.max(1)).expect("memory");
    #[cfg(target_os = "linux")]
    memory.advise(memmap2::Advice::HugePage).expect("a word to the system");
    memory.fill(1);
    drop(black_box(memory));
}
