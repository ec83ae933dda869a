#[cfg(feature = "mmap")]
use joblib_persist::MappedArray;
use joblib_persist::value::{Builder, Global, Kind, Making, Value};
use joblib_persist::{
    DumpOptions, ErrorKind, FileFormat, LoadOptions, MmapMode, dump, dump_to, inspect, load,
    load_from, verify,
};
use ndarray::{Array1, Array2, Ix2, ShapeBuilder};
use serde::{Deserialize, Serialize};

use super::python_read::fixture;

/// A bit of everything: shared parts, a cycle, arrays, an object.
pub(crate) fn everything() -> Value {
    let mut builder = Builder::new();
    let matrix = builder.array(Array2::from_shape_fn((20, 10).f(), |(i, j)| i as f64 - j as f64));
    let small = builder.array(Array1::from(vec![1i16, -2, 3]));
    let list = builder.list(&[matrix, small]);
    builder.push(list, list);
    let long = builder.str("a text that is longer than what is written again for each of its uses");
    let parts = [builder.none(), builder.bool(true), builder.int(i128::MIN), builder.float(-0.0)];
    let huge = builder.big_int(&[7; 20]);
    let bytes = builder.bytes(b"bytes");
    let tuple = builder.tuple(&[list, long, huge, bytes]);
    let set = builder.set(&parts);
    let frozen = builder.frozen_set(&[long]);
    let callable = builder.global(Global { module: "collections", name: "deque" });
    let arguments = builder.tuple(&[]);
    let none = builder.none();
    let object = builder.object(Making::Call, callable, arguments, none);
    builder.push(object, tuple);
    let (key, other) = (builder.str("a"), builder.int(7));
    let state = builder.dict(&[(key, matrix), (other, object)]);
    builder.set_state(object, state);
    let root = builder.dict(&[(key, tuple), (long, set), (frozen, object), (other, state)]);
    builder.finish(root)
}

#[test]
fn every_kind_of_part_comes_back() {
    let value = everything();
    let bytes = dump_to(&value, Vec::new()).unwrap();
    let back: Value = load_from(&bytes[..]).unwrap();
    assert_eq!(format!("{back:#}"), format!("{value:#}"));
    assert_eq!(dump_to(&back, Vec::new()).unwrap(), bytes);
}

#[test]
fn what_was_one_part_stays_one() {
    let bytes = dump_to(&everything(), Vec::new()).unwrap();
    let value: Value = load_from(&bytes[..]).unwrap();
    let identity = |path: &str| value.get(path).unwrap().identity().unwrap();
    let is_list = matches!(value.get("a[0]").unwrap().kind(), Kind::List(_));
    assert!(is_list);
    assert_eq!(identity("a[0][2]"), identity("a[0]"), "a list in itself");
    assert_eq!(identity("[7].a"), identity("a[0][0]"), "an array in two places");
    let root = value.root().as_dict().unwrap();
    let object = root.iter().nth(2).unwrap().1;
    assert_eq!(object.as_object().unwrap().state().unwrap().identity(), Some(identity("[7]")));
    assert_eq!(
        value.get("[7][7]").unwrap().identity(),
        object.identity(),
        "an object in its state"
    );
}

/// Values were written as pickles at first.
#[test]
fn values_of_earlier_files_load() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/v1_value.jbl");
    let old: Value = load(file).unwrap();
    assert_eq!(format!("{old:#}"), format!("{:#}", everything()));
    let error = LoadOptions::new().memory_limit(2300).load::<Value>(file).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MemoryLimit { .. }), "{error:?}");
}

#[test]
fn all_of_python_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("value.jbl");
    for name in ["arrays.joblib", "numpy_5.pkl", "objects.joblib", "plain_0.pkl", "plain_5.pkl"] {
        let value: Value = load(fixture(name)).unwrap();
        dump(&value, &path).unwrap();
        let back: Value = load(&path).unwrap();
        assert_eq!(format!("{back:#}"), format!("{value:#}"), "{name}");
        let bytes = std::fs::read(&path).unwrap();
        assert!(dump_to(&back, Vec::new()).unwrap() == bytes, "{name}");
        verify(&path).unwrap();
        inspect(&path).unwrap();
    }
}

#[test]
fn arrays_lie_raw_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("value.jbl");
    let mut builder = Builder::new();
    let array = builder.array(Array2::from_shape_fn((20, 10).f(), |(i, j)| (i * j) as f64));
    let key = builder.str("weights");
    let root = builder.dict(&[(key, array)]);
    dump(&builder.finish(root), &path).unwrap();

    let description = inspect(&path).unwrap();
    assert_eq!(description.arrays, 1);
    let item = &description.values[0].items[0];
    let array = item.array.as_ref().unwrap();
    assert_eq!(
        (&item.name[..], &array.dtype[..], &array.shape[..]),
        ("\"weights\"", "f64", &[20, 10][..])
    );
    assert_eq!(array.offset.unwrap() % 64, 0);
    let shared = dump_to(&everything(), Vec::new()).unwrap();
    std::fs::write(&path, shared).unwrap();
    let shown = inspect(&path).unwrap().to_string();
    assert!(shown.contains("value in parts"), "{shown}");
    assert!(shown.contains("array of f64 [20, 10] F"), "{shown}");
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Model {
    name: String,
    weights: Array2<f64>,
    steps: Vec<f32>,
    kind: Solver,
    pair: (u8, Option<char>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Solver {
    Direct,
    Iterative { steps: u32 },
}

fn model() -> Model {
    Model {
        name: "ridge".into(),
        weights: Array2::from_shape_fn((30, 10), |(i, j)| i as f64 / (j + 1) as f64),
        steps: vec![0.5; 400],
        kind: Solver::Iterative { steps: 3 },
        pair: (7, Some('x')),
    }
}

#[test]
fn any_file_loads_as_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.jbl");
    dump(&[model(), model()], &path).unwrap();
    for mode in [None, Some(MmapMode::Read), Some(MmapMode::Copy)] {
        let value: Value = LoadOptions::new().mmap_mode(mode).load(&path).unwrap();
        let weights = value.get("[1].weights").unwrap().as_array().unwrap();
        assert_eq!(weights.view::<f64, Ix2>().unwrap(), model().weights);
        assert_eq!(weights.is_mapped(), mode.is_some() && cfg!(feature = "mmap"));
        assert_eq!(value.get("[0].steps").unwrap().as_array().unwrap().shape(), [400]);
        assert_eq!(value.get("[0].kind.Iterative.steps").unwrap().as_i64(), Some(3));
        assert_eq!(value.get("[0].pair[1]").unwrap().as_str(), Some("x"));
        let back: Vec<Model> = value.into_typed().unwrap();
        assert_eq!(back, [model(), model()]);
    }
}

#[test]
fn a_value_loads_as_a_type_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.jbl");
    dump(&model(), &path).unwrap();
    let value: Value = load(&path).unwrap();
    dump(&value, &path).unwrap();
    assert_eq!(load::<Model>(&path).unwrap(), model());
    // Also where it is part of something else.
    let bytes = dump_to(&(1, vec![value]), Vec::new()).unwrap();
    assert_eq!(load_from::<(u8, Vec<Model>)>(&bytes[..]).unwrap().1, [model()]);
    let json: serde_json::Value = load(&path).unwrap();
    assert_eq!(json["kind"]["Iterative"]["steps"], 3);
}

#[test]
#[cfg(feature = "mmap")]
fn arrays_of_a_value_are_mapped_and_their_checksums_kept() {
    #[derive(Deserialize)]
    struct Mapped {
        weights: MappedArray<f64, Ix2>,
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.jbl");
    dump(&model(), &path).unwrap();
    let value: Value = load(&path).unwrap();
    dump(&value, &path).unwrap();
    let mut mapped: Mapped = LoadOptions::new().mmap_mode(MmapMode::ReadWrite).load(&path).unwrap();
    assert!(mapped.weights.is_mapped());
    mapped.weights.verify().unwrap();
    mapped.weights.view_mut().unwrap()[[0, 0]] = 77.0;
    assert_eq!(verify(&path).unwrap().unverified, 1);
    mapped.weights.flush().unwrap();
    drop(mapped);
    assert_eq!(verify(&path).unwrap().unverified, 0);
    assert_eq!(load::<Model>(&path).unwrap().weights[[0, 0]], 77.0);
}

#[test]
fn values_pass_through_what_serde_buffers() {
    #[derive(Serialize, Deserialize)]
    struct Outer {
        name: String,
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Serialize, Deserialize)]
    struct Inner {
        value: Value,
    }

    let outer = Outer { name: "outer".into(), inner: Inner { value: everything() } };
    let bytes = dump_to(&outer, Vec::new()).unwrap();
    let back: Outer = load_from(&bytes[..]).unwrap();
    assert_eq!(format!("{:#}", back.inner.value), format!("{:#}", everything()));
}

#[test]
fn depth_costs_no_stack() {
    let mut builder = Builder::new();
    let mut part = builder.none();
    for level in 0..50_000 {
        part = match level % 3 {
            0 => builder.list(&[part]),
            1 => builder.tuple(&[part]),
            _ => {
                let key = builder.str("key");
                let class = builder.global(Global { module: "m", name: "C" });
                let (arguments, none) = (builder.tuple(&[]), builder.none());
                let object = builder.object(Making::New, class, arguments, none);
                let state = builder.dict(&[(key, part)]);
                builder.set_state(object, state);
                object
            }
        };
    }
    let value = builder.finish(part);
    let bytes = dump_to(&value, Vec::new()).unwrap();
    let back: Value = load_from(&bytes[..]).unwrap();
    assert!(dump_to(&back, Vec::new()).unwrap() == bytes);
}

#[derive(Serialize)]
enum Nested {
    Deeper(Box<Nested>),
    Value(Value),
}

fn nested(value: Value, depth: usize) -> Nested {
    (0..depth).fold(Nested::Value(value), |inner, _| Nested::Deeper(Box::new(inner)))
}

#[test]
fn what_can_be_written_can_be_read() {
    for depth in 0..120 {
        let Ok(bytes) = dump_to(&nested(everything(), depth), Vec::new()) else {
            assert!(depth > 80, "{depth}");
            continue;
        };
        load_from::<serde::de::IgnoredAny>(&bytes[..]).unwrap();
        load_from::<Value>(&bytes[..]).unwrap();
        joblib_persist::InspectOptions::new().inspect_from(&bytes[..]).unwrap();
    }
}

#[test]
fn memory_of_arrays_is_limited() {
    let bytes = dump_to(&Value::from(Array1::<f64>::zeros(10_000)), Vec::new()).unwrap();
    let load = |limit| LoadOptions::new().memory_limit(limit).load_from::<Value>(&bytes[..]);
    load(90_000).unwrap();
    let error = load(70_000).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MemoryLimit { .. }), "{error:?}");
}

#[test]
fn values_go_to_python_as_they_came() {
    let value: Value = load(fixture("objects.joblib")).unwrap();
    let native = dump_to(&value, Vec::new()).unwrap();
    let back: Value = load_from(&native[..]).unwrap();
    let pickled = |value: &Value| {
        DumpOptions::new().format(FileFormat::Python).dump_to(value, Vec::new()).unwrap()
    };
    let again: Value = load_from(&pickled(&back)[..]).unwrap();
    assert_eq!(format!("{again:#}"), format!("{value:#}"));
}
