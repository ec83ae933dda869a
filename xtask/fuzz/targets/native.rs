//! Native files, loaded as a type with a bit of everything.

#![no_main]

use std::collections::BTreeMap;

use joblib_persist::value::Value;
use joblib_persist::{InspectOptions, LoadOptions, load_from};
use libfuzzer_sys::fuzz_target;
use ndarray::{Array1, Array2};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Everything {
    name: String,
    coefficients: Array2<f64>,
    small: Array1<i16>,
    flags: Vec<bool>,
    table: BTreeMap<String, u8>,
    shapes: Vec<Shape>,
    nothing: Option<Box<Everything>>,
}

#[derive(Debug, Deserialize)]
enum Shape {
    Point,
    #[allow(dead_code, reason = "only parsed")]
    Circle(f64),
    #[allow(dead_code, reason = "only parsed")]
    Box { width: u8, label: char },
}

impl Default for Everything {
    fn default() -> Self {
        Self {
            name: String::new(),
            coefficients: Array2::zeros((0, 0)),
            small: Array1::zeros(0),
            flags: Vec::new(),
            table: BTreeMap::new(),
            shapes: vec![Shape::Point],
            nothing: None,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let _ = load_from::<Everything>(data);
    let _ = load_from::<serde::de::IgnoredAny>(data);
    if let Ok(value) = LoadOptions::new().memory_limit(1 << 24).load_from::<Value>(data) {
        let _ = value.into_typed::<Everything>();
    }
    let _ = InspectOptions::new().total(1000).inspect_from(data).map(|found| found.to_string());
});
