//! Extra memory of dumping and loading. A binary of its own, with one test: it watches how much
//! memory the whole process has.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

use std::fs;
use std::path::Path;

use joblib_persist::{DumpOptions, load, load_from};
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

/// What a dump or load may use beyond the value.
const EXTRA: u64 = 16 << 20;

/// The bytes of one array.
const ARRAY: u64 = 5_000 * 5_000 * 8;

#[derive(Serialize, Deserialize, PartialEq)]
struct Two {
    first: Array2<f64>,
    second: Array2<f64>,
}

/// A line of `/proc/self/status`, in bytes.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kilobytes: u64 =
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}

/// How far memory rose above what it was before, at most.
fn rise<T>(work: impl FnOnce() -> T) -> (T, u64) {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    let result = work();
    (result, status("VmHWM").saturating_sub(before))
}

#[test]
fn no_copies_are_made() {
    let make =
        |step: f64| Array2::from_shape_fn((5_000, 5_000), |(i, j)| ((i ^ j) & 63) as f64 * step);
    let value = Two { first: make(0.5), second: make(2.0) };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.jbl");
    for compression in ["zlib:1", "none"] {
        let options = match compression {
            "none" => DumpOptions::new(),
            setting => DumpOptions::new().compress(setting),
        };
        check(&value, &options, &path, compression);
    }
    a_view_goes_through_a_small_buffer(&value, &path);
}

fn check(value: &Two, options: &DumpOptions, path: &Path, compression: &str) {
    let ((), rose) = rise(|| options.dump(value, path).unwrap());
    assert!(rose <= EXTRA, "{compression}: dumping used {rose} bytes");

    let (loaded, rose) = rise(|| load::<Two>(path).unwrap());
    assert!(rose <= 2 * ARRAY + EXTRA, "{compression}: loading used {rose} bytes");
    assert!(loaded == *value);
    drop(loaded);

    // The length of a stream is not known.
    let (loaded, rose) = rise(|| load_from::<Two>(fs::File::open(path).unwrap()).unwrap());
    assert!(rose <= 2 * ARRAY + EXTRA, "{compression}: reading a stream used {rose} bytes");
    assert!(loaded == *value);
}

fn a_view_goes_through_a_small_buffer(value: &Two, path: &Path) {
    let view = value.first.slice(s![..;2, ..;-1]);
    let ((), rose) = rise(|| joblib_persist::dump(&view, path).unwrap());
    assert!(rose <= EXTRA, "dumping a view used {rose} bytes");
    assert!(load::<Array2<f64>>(path).unwrap() == view);
}
