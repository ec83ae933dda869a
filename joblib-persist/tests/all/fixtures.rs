//! Files that were written once, by the first version of each format, are read for ever.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use joblib_persist::array::Order;
use joblib_persist::value::{Builder, ByteOrder, ElementType, Value};
use joblib_persist::{dump, dump_to, load};
#[cfg(feature = "half")]
use ndarray::Ix2;
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

/// Halves and complex numbers, which not every program has a type for.
fn numbers() -> Value {
    let halves = (0..600u16).flat_map(|number| (0x3c00 + number).to_le_bytes()).collect();
    let half = Arc::new(ElementType::plain('f', 2, ByteOrder::Little));
    let mut builder = Builder::new();
    let halves = builder.array_from_bytes(half, &[20, 30], Order::C, halves).unwrap();
    let waves = Array2::from_shape_fn((9, 20), |(i, j)| Complex::new(i as f32, -(j as f32)));
    let waves = builder.array(waves.reversed_axes());
    let small = builder.array(Array1::from(vec![Complex::new(f64::MIN_POSITIVE, -0.0)]));
    let [half, wave, one] = ["halves", "waves", "small"].map(|name| builder.str(name));
    let root = builder.dict(&[(half, halves), (wave, waves), (one, small)]);
    builder.finish(root)
}

#[test]
fn halves_and_complex_numbers_of_version_1_are_read() {
    #[derive(Deserialize)]
    struct Wide {
        halves: Array2<f32>,
        waves: Array2<Complex<f64>>,
    }

    let file = path("v1_numbers.jbl");
    if std::env::var_os("JOBLIB_NEW_FIXTURE").is_some() && !file.exists() {
        dump(&numbers(), &file).unwrap();
    }
    let value: Value = load(&file).unwrap();
    assert_eq!(format!("{value:#}"), format!("{:#}", numbers()));
    assert_eq!(dump_to(&value, Vec::new()).unwrap(), std::fs::read(&file).unwrap());
    let halves = value.get("halves").unwrap().as_array().unwrap();
    assert_eq!((halves.element_type().code(), halves.shape()), ("f2".into(), &[20, 30][..]));
    assert_eq!(value.get("waves").unwrap().as_array().unwrap().order(), Order::F);
    let wide: Wide = load(&file).unwrap();
    assert_eq!((wide.halves[[0, 0]], wide.halves[[0, 1]]), (1.0, 1.0 + 1.0 / 1024.0));
    assert_eq!(wide.waves[[3, 8]], Complex::new(8.0, -3.0));
}

#[cfg(feature = "half")]
#[test]
fn halves_of_version_1_are_those_of_rust() {
    #[derive(Deserialize)]
    struct Halves {
        halves: Array2<half::f16>,
    }

    let loaded: Halves = load(path("v1_numbers.jbl")).unwrap();
    assert_eq!(loaded.halves[[0, 1]], half::f16::from_bits(0x3c01));
    let value: Value = load(path("v1_numbers.jbl")).unwrap();
    let view = value.get("halves").unwrap().as_array().unwrap().view::<half::f16, Ix2>().unwrap();
    assert_eq!(view, loaded.halves);
}

/// What is written today is what was written then: a change of bytes is a new version.
#[test]
fn version_1_is_still_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let today = folder.path().join("today.jbl");
    dump(&value(), &today).unwrap();
    assert!(std::fs::read(today).unwrap() == std::fs::read(path("v1.jbl")).unwrap());
}
