//! Messages between processes, whole and with arrays in a segment.

#![no_main]

use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use joblib_persist::message::{Segment, decode, decode_with};
use joblib_persist::{MappedArray, MmapMode};
use libfuzzer_sys::fuzz_target;
use ndarray::{Array2, Ix1, IxDyn};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "only parsed")]
struct Task {
    name: String,
    table: MappedArray<f64, Ix1>,
    mask: MappedArray<bool, IxDyn>,
    matrix: Array2<i32>,
    settings: HashMap<u8, Option<Vec<f32>>>,
    #[serde(flatten)]
    rest: HashMap<String, Cell>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "only parsed")]
enum Cell {
    Number(f64),
    Text(String),
    Row(Vec<Cell>),
}

static SEGMENT: LazyLock<Segment> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("joblib-fuzz-{}", std::process::id()));
    let mut file = std::fs::File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .expect("a temporary file");
    let _ = std::fs::remove_file(&path);
    file.write_all(&(0..4096u32).map(|i| (i % 3) as u8).collect::<Vec<_>>()).expect("4 KiB");
    Segment::map(&file, MmapMode::Read).expect("a map")
});

fuzz_target!(|data: &[u8]| {
    let _ = decode::<Task>(&mut &data[..]);
    let _ = decode::<Cell>(&mut &data[..]);
    let _ = decode_with::<Task>(&mut &data[..], &mut |at| Ok(SEGMENT.at(at)));
    let _ = decode_with::<Vec<(Array2<f32>, MappedArray<u16, IxDyn>)>>(
        &mut &data[..],
        &mut |at| Ok(SEGMENT.at(at)),
    );
});
