//! Files of the native format, read by a Python reader that was written from FORMAT.md alone:
//! `xtask/python/jbl.py`.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use joblib_persist::{DumpOptions, dump_to};
use ndarray::{Array1, Array2, ShapeBuilder};
use serde::Serialize;

use crate::{Result, python, workspace};

/// A bit of everything that has a tag of its own; `expected` of `native.py` says the same.
#[derive(Serialize)]
struct Everything {
    name: &'static str,
    coefficients: Array2<f64>,
    fortran: Array2<f32>,
    small: Array1<i16>,
    empty: Array2<f64>,
    flags: Vec<bool>,
    text: String,
    numbers: (u8, u8, u8, u64, u64, i8, i16, i64),
    float: f64,
    tuple: (char, bool, ()),
    table: BTreeMap<&'static str, u8>,
    shapes: Vec<Shape>,
    layers: Vec<Layer>,
    nothing: Option<u8>,
    something: Option<u8>,
    tag: Tagged,
    last: Array1<u32>,
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(u8, u8),
    Box { width: u8, label: char },
}

#[derive(Serialize)]
struct Layer {
    units: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    Round { radius: u8 },
}

/// Writes the files, lets Python read them, and prints what it read.
pub(super) fn run() -> Result {
    let folder = workspace::target().join("compat/native");
    fs::create_dir_all(&folder)?;
    let value = everything()?;
    DumpOptions::new().dump(&value, folder.join("plain.jbl"))?;
    DumpOptions::new().dump(&value, folder.join("packed.jbl.gz"))?;
    let twice = dump_to(&value, dump_to(&value, Vec::new())?)?;
    fs::write(folder.join("twice.jbl"), twice)?;

    let mut command = Command::new(python::interpreter()?);
    command.arg(python::script("native.py")).arg(&folder);
    let output = command.output()?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err("Python read something else than was written to a native file".into());
    }
    let expected = "packed.jbl.gz\t0\nplain.jbl\t5\ntwice.jbl\t10\n";
    let found = String::from_utf8(output.stdout)?;
    if found != expected {
        return Err(format!("files and arrays mapped: {found:?}, not {expected:?}").into());
    }
    println!("3 native files read in Python by FORMAT.md, 15 arrays mapped in place");
    Ok(())
}

fn everything() -> Result<Everything> {
    let index = || (0..12_000_u16).map(f32::from);
    let layer =
        |units: u32| Layer { units, name: (units % 2 == 1).then(|| format!("layer {units}")) };
    Ok(Everything {
        name: "Grüße",
        coefficients: Array2::from_shape_vec(
            (300, 40),
            index().map(|n| f64::from(n) / 8.0).collect(),
        )?,
        fortran: Array2::from_shape_vec((60, 200).f(), index().collect())?,
        small: Array1::from(vec![-1, 0, i16::MAX]),
        empty: Array2::zeros((0, 5)),
        flags: (0..2_000).map(|n| n % 3 == 0).collect(),
        text: "0123456789".repeat(500),
        numbers: (0, 127, 128, 1 << 32, u64::MAX, -1, -129, i64::MIN),
        float: 0.1,
        tuple: ('x', true, ()),
        table: BTreeMap::from([("one", 1), ("two", 2)]),
        shapes: vec![
            Shape::Point,
            Shape::Circle(1.5),
            Shape::Line(1, 2),
            Shape::Box { width: 3, label: 'b' },
            Shape::Circle(2.5),
        ],
        layers: (0..5_000).map(layer).collect(),
        nothing: None,
        something: Some(7),
        tag: Tagged::Round { radius: 2 },
        last: (0..1_000).collect(),
    })
}
