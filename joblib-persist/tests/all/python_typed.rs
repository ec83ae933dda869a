use std::collections::{BTreeMap, HashMap};

use joblib_persist::load;
use joblib_persist::value::Value;
#[cfg(feature = "mmap")]
use joblib_persist::{LoadOptions, MappedArray, MmapMode};
use ndarray::{Array0, Array1, Array2, array};
#[cfg(feature = "mmap")]
use ndarray::{Ix1, Ix2};
use num_complex::Complex;
use serde::Deserialize;

use super::python_read::fixture;

const WRITERS: [&str; 8] = [
    "arrays.joblib",
    "arrays.joblib.gz",
    "arrays_0.joblib",
    "arrays_1.joblib",
    "arrays_2.joblib",
    "numpy_0.pkl",
    "numpy_2.pkl",
    "numpy_5.pkl",
];

#[derive(Debug, Deserialize, PartialEq)]
struct Point {
    x: f32,
    label: String,
    at: (i16, i16),
}

#[derive(Debug, Deserialize)]
struct Arrays {
    f8: Array2<f64>,
    fortran: Array2<i32>,
    big: Array1<f64>,
    bool: Vec<bool>,
    u1: Array1<u8>,
    c16: Array1<Complex<f64>>,
    bytes: Vec<String>,
    text: Array1<String>,
    time: Array1<i64>,
    object: Array2<Value>,
    points: Vec<Point>,
    zero: Array0<f64>,
    empty: Array2<f64>,
    matrix: Vec<Vec<i64>>,
    scalar: f32,
    index: i64,
    flag: bool,
    word: String,
    dtype: String,
    table: Array2<f64>,
    #[serde(default)]
    missing: Option<u8>,
}

#[test]
fn arrays_arrive_as_what_is_wanted() {
    for name in WRITERS {
        let all: Arrays = load(fixture(name)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(all.f8, array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
        assert_eq!(all.fortran, array![[0, 1, 2], [3, 4, 5]]);
        assert!(all.fortran.t().is_standard_layout(), "Fortran order is kept");
        assert_eq!(all.big, array![0.0, 1.0, 2.0, 3.0]);
        assert_eq!(all.bool, [true, false, true]);
        assert_eq!(all.u1, array![0, 1, 2]);
        assert_eq!(all.c16, array![Complex::new(1.0, 2.0), Complex::new(-0.0, -0.5)]);
        assert_eq!(all.bytes, ["ab", "c"]);
        assert_eq!(all.text, array!["cat", "mouse"].mapv(String::from));
        assert_eq!(all.time, array![19782, 1]);
        assert_eq!(all.object[[1, 1]].root().as_f64(), Some(2.5));
        let point = |x, label: &str, at| Point { x, label: label.into(), at };
        assert_eq!(all.points, [point(1.5, "ab", (1, 2)), point(2.5, "c", (3, 4))]);
        assert_eq!(all.zero[[]], 7.0);
        assert_eq!(all.empty.shape(), [0, 3]);
        assert_eq!(all.matrix, [[1, 2]]);
        assert_eq!((all.scalar, all.index, all.flag), (1.5, -3, true));
        assert_eq!((&*all.word, &*all.dtype), ("word", "float64"));
        assert_eq!(all.table[[199, 2]], 599.0);
        assert_eq!(all.missing, None);
    }
}

#[derive(Debug, Deserialize)]
struct Wider {
    fortran: Array2<f64>,
    u1: Array1<u64>,
    big: Array1<Complex<f64>>,
    scalar: f64,
    f8: Vec<Vec<f64>>,
    zero: f64,
}

#[test]
fn elements_are_widened_where_nothing_is_lost() {
    for name in WRITERS {
        let all: Wider = load(fixture(name)).unwrap();
        assert_eq!(all.fortran, array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
        assert_eq!(all.u1, array![0, 1, 2]);
        assert_eq!(all.big[3], Complex::new(3.0, 0.0));
        assert_eq!((all.scalar, all.zero), (1.5, 7.0));
        assert_eq!(all.f8, [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
    }
}

#[test]
fn what_would_be_lost_is_an_error_with_its_place() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "never made")]
    struct Narrow {
        f8: Array2<f32>,
    }
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "never made")]
    struct Flat {
        f8: Array1<f64>,
    }
    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "never made")]
    struct Letters {
        points: Vec<HashMap<String, u8>>,
    }
    let path = fixture("arrays.joblib");
    let error = load::<Narrow>(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("at `f8`: array of float64, shape [2, 3] found, f32 wanted"),
        "{error}"
    );
    let error = load::<Flat>(&path).unwrap_err().to_string();
    assert!(error.ends_with("at `f8`: array of shape [2, 3] found, 1 axes wanted"), "{error}");
    let error = load::<Letters>(&path).unwrap_err().to_string();
    assert!(error.contains("at `points.[0].x`: "), "{error}");
}

#[derive(Debug, Deserialize, PartialEq)]
struct Model {
    #[serde(rename = "__class__")]
    class: String,
    alpha: f64,
    names: Vec<String>,
    inner: Inner,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Inner {
    depth: u8,
}

#[test]
fn objects_are_structs_of_their_attributes() {
    #[derive(Deserialize)]
    struct Some {
        point: (i64, f64),
        ordered: BTreeMap<String, i64>,
        counts: BTreeMap<String, u8>,
        decimal: String,
        slice: (Option<i64>, Option<i64>, Option<i64>),
        range: [i64; 3],
        color: u8,
        other: String,
        function: String,
        model: Model,
    }
    let all: Some = load(fixture("objects.joblib")).unwrap();
    assert_eq!(all.point, (1, 2.5));
    assert_eq!(all.ordered, BTreeMap::from([("a".into(), 2), ("b".into(), 1)]));
    assert_eq!(all.counts, BTreeMap::from([("x".into(), 3)]));
    assert_eq!(all.decimal, "1.50");
    assert_eq!(all.slice, (Some(1), Some(10), Some(2)));
    assert_eq!(all.range, [0, 10, 3]);
    assert_eq!((all.color, &*all.other), (1, "blue"));
    assert_eq!(all.function, "numpy.linalg.norm");
    assert_eq!(
        all.model,
        Model {
            class: "__main__.Model".into(),
            alpha: 0.5,
            names: vec!["a".into(), "b".into()],
            inner: Inner { depth: 3 },
        }
    );
}

#[test]
fn enums_tell_classes_apart() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(tag = "__class__")]
    enum Tagged {
        #[serde(rename = "__main__.Model")]
        Model { alpha: f64 },
    }
    #[derive(Debug, Deserialize, PartialEq)]
    enum Named {
        Point(i64, f64),
        Model { alpha: f64 },
    }
    #[derive(Deserialize)]
    struct Both<M> {
        model: M,
        point: Value,
    }
    let path = fixture("objects.joblib");
    let all: Both<Tagged> = load(&path).unwrap();
    assert_eq!(all.model, Tagged::Model { alpha: 0.5 });
    let all: Both<Named> = load(&path).unwrap();
    assert_eq!(all.model, Named::Model { alpha: 0.5 });
    assert_eq!(all.point.into_typed::<Named>().unwrap(), Named::Point(1, 2.5));
}

#[test]
fn what_contains_itself_has_no_type() {
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "never made")]
    enum Nested {
        Number(i64),
        List(Vec<Nested>),
    }
    let value: Value = load(fixture("plain_5.pkl")).unwrap();
    let error = value.get("endless").unwrap().to::<Nested>().unwrap_err();
    assert!(error.to_string().contains("nested deeper than 128"), "{error}");
}

#[cfg(feature = "mmap")]
#[test]
fn arrays_stay_in_their_file() {
    #[derive(Deserialize)]
    struct Table {
        table: MappedArray<f64, Ix2>,
        u1: MappedArray<u8, Ix1>,
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.joblib");
    std::fs::copy(fixture("arrays.joblib"), &path).unwrap();
    let read: Table = LoadOptions::new().mmap_mode(MmapMode::Read).load(&path).unwrap();
    assert!(read.table.is_mapped());
    assert!(!read.u1.is_mapped(), "too small");
    assert_eq!(read.table.view()[[199, 2]], 599.0);
    drop(read);

    for (mode, expected) in [(MmapMode::Copy, 3.0), (MmapMode::ReadWrite, -1.0)] {
        let mut all: Table = LoadOptions::new().mmap_mode(mode).load(&path).unwrap();
        assert!(all.table.is_mapped());
        all.table.view_mut().unwrap()[[1, 0]] = -1.0;
        all.table.flush().unwrap();
        drop(all);
        let table: Arrays = load(&path).unwrap();
        assert_eq!(table.table[[1, 0]], expected, "{mode:?}");
    }
    let all: Table =
        LoadOptions::new().mmap_mode(MmapMode::Read).load(fixture("arrays.joblib.gz")).unwrap();
    assert!(!all.table.is_mapped(), "compressed");
    assert_eq!(all.table.view()[[1, 0]], 3.0);
}

#[cfg(feature = "mmap")]
#[test]
fn a_value_keeps_its_arrays_in_their_file() {
    let options = LoadOptions::new().mmap_mode(MmapMode::Read);
    let value: Value = options.load(fixture("arrays.joblib")).unwrap();
    let table = value.get("table").unwrap().as_array().unwrap();
    assert!(table.is_mapped());
    assert_eq!(table.view::<f64, Ix2>().unwrap()[[1, 0]], 3.0);
    assert_eq!(value.into_typed::<Arrays>().unwrap().table[[199, 2]], 599.0);
}

#[test]
fn values_are_json_where_json_has_words() {
    let value: Value = load(fixture("arrays.joblib")).unwrap();
    let json = |path: &str| serde_json::to_string(&value.get(path).unwrap()).unwrap();
    assert_eq!(json("fortran"), "[[0,1,2],[3,4,5]]");
    assert_eq!(json("text"), r#"["cat","mouse"]"#);
    assert_eq!(json("object"), r#"[["a",1],[null,2.5]]"#);
    assert!(json("points").starts_with(r#"[{"x":1.5,"label":"ab","at":[1,2]},"#));
    assert_eq!(json("scalar"), "1.5");
    let value: Value = load(fixture("objects.joblib")).unwrap();
    let model = serde_json::to_value(value.get("model").unwrap()).unwrap();
    assert_eq!(model["__class__"], "__main__.Model");
    assert_eq!(model["inner"]["depth"], 3);
    assert!(serde_json::to_string(&value).is_ok());
    let value: Value = load(fixture("plain_5.pkl")).unwrap();
    assert!(serde_json::to_string(&value.get("endless").unwrap()).is_err());
}
