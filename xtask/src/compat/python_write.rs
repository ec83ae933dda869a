//! Python files that we write, opened by Python's joblib: `xtask/python/python_write.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use joblib_persist::value::Value;
use joblib_persist::{DumpOptions, load};
use ndarray::{Array0, Array1, Array2, Array3, Axis, ShapeBuilder, Slice};
use num_complex::Complex;
use serde::{Deserialize, Serialize};

use super::versions::Python;
use crate::{Result, workspace};

const COMPRESSORS: [(&str, &str); 7] = [
    ("none", ""),
    ("zlib", ".z"),
    ("gzip", ".gz"),
    ("bz2", ".bz2"),
    ("lzma", ".lzma"),
    ("xz", ".xz"),
    ("lz4", ".lz4"),
];

/// A bit of everything; `expected` of `python_write.py` says the same.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    nothing: Option<u8>,
    something: Option<u8>,
    unit: (),
    flags: (bool, bool),
    integers: Vec<i128>,
    largest: u128,
    floats: Vec<f64>,
    single: f32,
    letter: char,
    texts: Vec<String>,
    bytes: Vec<Bytes>,
    tuples: Tuples,
    keys: BTreeMap<(i8, Vec<u8>), String>,
    variants: Vec<Variant>,
    layers: Vec<Layer>,
    long_list: Vec<i64>,
    long_table: BTreeMap<String, usize>,
    arrays: Arrays,
}

/// One array of each type and layout.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Arrays {
    bool: Array1<bool>,
    u8: Array1<u8>,
    i8: Array1<i8>,
    u16: Array1<u16>,
    i16: Array1<i16>,
    u32: Array1<u32>,
    i32: Array1<i32>,
    u64: Array1<u64>,
    i64: Array1<i64>,
    f32: Array1<f32>,
    f64: Array2<f64>,
    c64: Array1<Complex<f32>>,
    c128: Array1<Complex<f64>>,
    fortran: Array2<f64>,
    scalar: Array0<f64>,
    empty: Array2<f32>,
    cube: Array3<u16>,
    strided: Array2<f64>,
}

type Tuples = ((), (u8,), [u8; 2], [u8; 3], [u8; 4]);

#[derive(Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let bytes = value.root().as_bytes().map(<[u8]>::to_vec);
        bytes.map(Bytes).ok_or_else(|| serde::de::Error::custom("no bytes"))
    }
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Variant {
    Unit,
    Newtype(f64),
    Tuple(u8, Array1<f64>),
    Struct { width: u8, label: char },
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Layer {
    units: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    weights: Array1<f32>,
}

/// Lets each Python write the same value with all compressors and protocols, or each of them once,
/// and reads it typed.
pub(super) fn read_theirs(pythons: &[Python], full: bool) -> Result {
    let folder = workspace::target().join("compat/python_read");
    for python in pythons {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let mut command = python.command("python_write.py");
        command.arg(&folder).arg("--write").args((!full).then_some("few"));
        let written = lines(&mut command)?.len();
        let mut files = 0;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let found: Everything = load(&path)?;
            if found != everything() {
                return Err(format!("{python}: {} is not what went in", path.display()).into());
            }
            files += 1;
        }
        if full && written == 0 {
            println!("{python}: skipped, it cannot write arrays of this numpy");
            continue;
        }
        if files == 0 || files != written {
            return Err(format!("{python} wrote {written} files, {files} were read").into());
        }
        println!("{python}: {files} files of its own read typed");
    }
    Ok(())
}

/// Writes the files, lets Python read and map them, and says what it read.
pub(super) fn run(pythons: &[Python], full: bool) -> Result {
    let folder = workspace::target().join("compat/python_write");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let files = write(&folder, full)?;
    for python in pythons {
        let mut command = python.command("python_write.py");
        let read = lines(command.arg(&folder))?;
        if read.len() != files {
            return Err(format!("{python} read {} of {files} files", read.len()).into());
        }
        let skipped = read.iter().filter(|line| line.ends_with(" skipped")).count();
        let read = files - skipped;
        println!("{python}: read {read} files of ours in full and mapped what is not compressed");
        if skipped > 0 {
            println!("{python}: skipped {skipped} of lz4, which it does not know");
        }
    }
    Ok(())
}

/// All protocols with all compressors, or each of them once.
fn write(folder: &Path, full: bool) -> Result<usize> {
    let value = everything();
    let mut files = 0;
    for protocol in 2..=5 {
        for (name, extension) in COMPRESSORS {
            if full || name == "none" || protocol == 4 {
                let path = folder.join(format!("{name}-{protocol}.pkl{extension}"));
                DumpOptions::new().protocol(protocol).dump(&value, path)?;
                files += 1;
            }
        }
    }
    Ok(files)
}

/// A line for each file that the script says that it read or wrote.
fn lines(command: &mut Command) -> Result<Vec<String>> {
    let output = command.output()?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err("Python and we do not read the same from a Python file".into());
    }
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

fn everything() -> Everything {
    let edges = [0, 1, 255, 256, 65_535, 65_536, 1 << 31, 1 << 32, 1 << 63, 1 << 64, i128::MAX];
    let text = "Grüße, 世界 🎉 ";
    Everything {
        nothing: None,
        something: Some(7),
        unit: (),
        flags: (true, false),
        integers: edges.iter().flat_map(|&n| [n, n - 1, -n, -n - 1, !n]).collect(),
        largest: u128::MAX,
        floats: vec![0.1, -0.0, f64::INFINITY, f64::MIN_POSITIVE, f64::MAX],
        single: 0.1,
        letter: 'é',
        texts: [0, 1, 2, 10, 20, 4_000, 8_000].map(|n| text.repeat(n)).to_vec(),
        bytes: [0, 1, 255, 256, 70_000].map(|n| Bytes((0..n).map(|i| i as u8).collect())).into(),
        tuples: ((), (1,), [1, 2], [1, 2, 3], [1, 2, 3, 4]),
        keys: BTreeMap::from([
            ((1, vec![]), "one".to_owned()),
            ((-2, vec![1, 2, 3, 4]), "two".to_owned()),
        ]),
        variants: vec![
            Variant::Unit,
            Variant::Newtype(1.5),
            Variant::Tuple(1, Array1::linspace(0.0, 1.0, 5)),
            Variant::Struct { width: 3, label: 'b' },
        ],
        layers: (0..2_500).map(layer).collect(),
        long_list: (0..30_000).map(|n| n * n * n - 1_000_000).collect(),
        long_table: (0..5_001).map(|n| (format!("key {n}"), n)).collect(),
        arrays: arrays(),
    }
}

fn layer(units: u32) -> Layer {
    Layer {
        units,
        name: (units % 2 == 1).then(|| format!("layer {}", units % 10)),
        weights: Array1::from_elem(units as usize % 7, 0.5),
    }
}

fn arrays() -> Arrays {
    let grid = Array2::from_shape_fn((300, 40), |(i, j)| (i * 40 + j) as f64 / 8.0);
    let mut strided = grid.clone();
    strided.slice_axis_inplace(Axis(0), Slice::new(0, None, 3));
    strided.slice_axis_inplace(Axis(1), Slice::new(0, None, 2));
    Arrays {
        bool: Array1::from_shape_fn(1_000, |i| i % 3 == 0),
        u8: Array1::from_iter(0..=255),
        i8: Array1::from_iter(-128..=127),
        u16: Array1::from(vec![0, 1, u16::MAX]),
        i16: Array1::from(vec![0, -1, i16::MIN]),
        u32: Array1::from(vec![0, 1, u32::MAX]),
        i32: Array1::from(vec![0, -1, i32::MIN]),
        u64: Array1::from(vec![0, 1, u64::MAX]),
        i64: Array1::from(vec![0, -1, i64::MIN]),
        f32: Array1::from(vec![0.1, f32::NEG_INFINITY]),
        c64: Array1::from(vec![Complex::new(0.5, -1.5)]),
        c128: Array1::from(vec![Complex::new(0.1, -1.0), Complex::new(f64::INFINITY, 0.0)]),
        fortran: Array2::from_shape_fn((60, 200).f(), |(i, j)| (i * 200 + j) as f64),
        scalar: Array0::from_elem((), 2.5),
        empty: Array2::zeros((0, 5)),
        cube: Array3::from_shape_fn((3, 4, 5), |(i, j, k)| (i * 20 + j * 5 + k) as u16),
        strided,
        f64: grid,
    }
}
