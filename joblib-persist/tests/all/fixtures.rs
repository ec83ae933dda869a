//! Files that were written once, by the first version of each format, are read for ever.

use std::collections::BTreeMap;
use std::path::PathBuf;

use joblib_persist::{dump, load};
use ndarray::{Array1, Array2, ArrayD, IxDyn, ShapeBuilder};
use num_complex::Complex;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
enum Kernel {
    Linear,
    Gaussian(f64),
    Polynomial { degree: u32, scale: f32 },
    Pair(i8, i64),
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Layer {
    name: String,
    kernel: Kernel,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    bias: Option<f64>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Everything {
    rows_first: Array2<f64>,
    columns_first: Array2<f32>,
    small: Array1<i16>,
    any: ArrayD<u128>,
    waves: Vec<Complex<f64>>,
    flags: Vec<bool>,
    empty: Array2<u8>,
    layers: Vec<Layer>,
    table: BTreeMap<String, (u64, char)>,
    integers: (i128, u64, i32, u8),
    text: String,
    nothing: (),
}

fn value() -> Everything {
    let layer = |name: &str, kernel, bias| Layer { name: name.into(), kernel, bias };
    Everything {
        rows_first: Array2::from_shape_fn((20, 10), |(i, j)| i as f64 - j as f64 / 8.0),
        columns_first: Array2::from_shape_fn((30, 10).f(), |(i, j)| (i * j) as f32),
        small: Array1::from(vec![-1, 0, 1]),
        any: ArrayD::from_elem(IxDyn(&[1, 2, 1, 3]), u128::MAX),
        waves: (0..100).map(|i| Complex::new(f64::from(i), -0.0)).collect(),
        flags: vec![true, false, true],
        empty: Array2::zeros((0, 4)),
        layers: vec![
            layer("first", Kernel::Linear, None),
            layer("second", Kernel::Gaussian(0.5), Some(f64::MIN_POSITIVE)),
            layer("third", Kernel::Polynomial { degree: 3, scale: 1.5 }, None),
            layer("fourth", Kernel::Pair(-7, i64::MIN), Some(2.0)),
        ],
        table: [("a".into(), (1, 'x')), ("ä".into(), (u64::MAX, '€'))].into(),
        integers: (i128::MIN, 1 << 40, -129, 200),
        text: "long text ".repeat(300),
        nothing: (),
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn version_1_is_read() {
    let file = path("v1.jbl");
    if std::env::var_os("JOBLIB_NEW_FIXTURE").is_some() && !file.exists() {
        dump(&value(), &file).unwrap();
    }
    assert_eq!(load::<Everything>(&file).unwrap(), value());
}

/// What is written today is what was written then: a change of bytes is a new version.
#[test]
fn version_1_is_still_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let today = folder.path().join("today.jbl");
    dump(&value(), &today).unwrap();
    assert!(std::fs::read(today).unwrap() == std::fs::read(path("v1.jbl")).unwrap());
}
