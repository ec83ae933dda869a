use std::path::PathBuf;

use joblib_persist::array::Order;
use joblib_persist::value::{ByteOrder, Form, Kind, Making, Value};
use joblib_persist::{LoadOptions, load, load_from};
use ndarray::{Ix2, array};

pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/python").join(name)
}

fn loaded(name: &str) -> Value {
    load(fixture(name)).unwrap()
}

/// `text[…]` of a value, shown.
fn shown(value: &Value, path: &str) -> String {
    value.get(path).unwrap_or_else(|| panic!("nothing at `{path}`")).to_string()
}

#[test]
fn every_protocol_holds_the_same() {
    for protocol in 0..=5 {
        let value = loaded(&format!("plain_{protocol}.pkl"));
        assert_eq!(shown(&value, "none"), "None");
        assert_eq!(shown(&value, "bools"), "[True, False]");
        assert_eq!(
            shown(&value, "ints"),
            "[0, 1, -1, 255, 256, -129, 65536, 2147483647, -2147483648, 1099511627776, \
             4611686018427387904, -9223372036854775808]"
        );
        let large = format!(
            "[{}, {}, {}, 1{zeros}, -1{zeros}]",
            1u64 << 63,
            1u128 << 64,
            -(1i128 << 64),
            zeros = "0".repeat(40)
        );
        assert_eq!(shown(&value, "large"), large);
        assert_eq!(shown(&value, "floats"), "[0.0, -0.0, 1.5, -2.25, 1e300, inf]");
        assert_eq!(shown(&value, "complex"), "(1-2j)");
        assert_eq!(value.get("text[2]").unwrap().as_str(), Some("Grüße €"));
        assert_eq!(value.get("text[3]").unwrap().as_str(), Some("\u{1f600}"));
        assert_eq!(value.get("text[4]").unwrap().as_str(), Some(&*"x".repeat(300)));
        assert_eq!(value.get("bytes[1]").unwrap().as_bytes(), Some(&[0, 255][..]));
        assert_eq!(value.get("bytes[2]").unwrap().as_bytes(), Some(&[b'y'; 300][..]));
        assert!(matches!(value.get("bytearray").unwrap().kind(), Kind::ByteArray(b"abc")));
        assert!(
            matches!(value.get("tuples[4]").unwrap().kind(), Kind::Tuple(items) if items.len() == 4)
        );
        assert!(matches!(value.get("set").unwrap().kind(), Kind::Set(items) if items.len() == 1));
        let frozen = value.get("frozenset").unwrap().kind();
        assert!(matches!(frozen, Kind::FrozenSet(items) if items.len() == 1));
        assert_eq!(shown(&value, "keys[1]"), "'int'");
        assert_eq!(value.get("keys").unwrap().as_dict().unwrap().len(), 4);
    }
}

#[test]
fn what_is_shared_stays_one() {
    for protocol in 0..=5 {
        let value = loaded(&format!("plain_{protocol}.pkl"));
        let identity = |path| value.get(path).unwrap().identity().unwrap();
        assert_eq!(identity("shared[0]"), identity("shared[1]"));
        assert_ne!(identity("shared[0]"), identity("shared"));
        assert_eq!(identity("endless"), identity("endless[1][1][1]"));
        assert!(value.get("endless").unwrap().to_string().len() < 1000);
    }
}

#[test]
fn arrays_of_every_kind_from_every_writer() {
    let files = [
        "arrays.joblib",
        "arrays.joblib.gz",
        "arrays_0.joblib",
        "arrays_1.joblib",
        "arrays_2.joblib",
        "numpy_0.pkl",
        "numpy_2.pkl",
        "numpy_5.pkl",
    ];
    for name in files {
        let value = loaded(name);
        let array = |path| value.get(path).unwrap().as_array().unwrap();
        let f8 = array("f8").view::<f64, Ix2>().unwrap();
        assert_eq!(f8, array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], "{name}");
        let fortran = array("fortran");
        assert_eq!(fortran.order(), Order::F, "{name}");
        assert_eq!(fortran.view::<i32, Ix2>().unwrap(), array![[0, 1, 2], [3, 4, 5]]);
        assert_eq!(array("big").element_type().byte_order, ByteOrder::Big);
        assert_eq!(array("big").bytes().unwrap()[8..16], 1f64.to_be_bytes());
        assert_eq!(array("half").element_type().to_string(), "float16");
        assert_eq!(array("bytes").bytes(), Some(&b"abc\0"[..]));
        let Form::Time(unit) = &array("time").element_type().form else { panic!("no time") };
        assert_eq!((unit.unit.as_str(), unit.num), ("D", 1));
        let objects = array("object").objects().unwrap();
        assert_eq!(objects.len(), 4);
        assert_eq!(objects.get(3).unwrap().as_f64(), Some(2.5));
        let points = array("points");
        let names: Vec<_> = points.element_type().fields().iter().map(|f| &*f.name).collect();
        assert_eq!(names, ["x", "label", "at"]);
        assert!(array("aligned").element_type().is_aligned);
        assert_eq!(array("aligned").element_type().fields()[1].offset, 8);
        assert!(array("zero").shape().is_empty());
        assert_eq!(array("empty").shape(), [0, 3]);
        assert_eq!(array("matrix").class().unwrap().name, "matrix");
        assert_eq!(value.get("scalar").unwrap().as_f64(), Some(1.5));
        assert_eq!(value.get("index").unwrap().as_i64(), Some(-3));
        assert_eq!(value.get("flag").unwrap().as_bool(), Some(true));
        assert!(
            matches!(value.get("dtype").unwrap().kind(), Kind::ElementType(t) if t.code() == "f8")
        );
        assert_eq!(
            value.get("masked").unwrap().as_object().unwrap().class().unwrap().name,
            "_mareconstruct"
        );
        let random = value.get("random").unwrap().as_object().unwrap();
        assert!(random.state().is_some());
    }
}

#[test]
fn objects_are_the_calls_that_make_them() {
    let value = loaded("objects.joblib");
    let object = |path| value.get(path).unwrap().as_object().unwrap();
    assert_eq!(object("point").making(), Making::New);
    assert_eq!(object("point").class().unwrap().to_string(), "__main__.Point");
    assert_eq!(object("decimal").making(), Making::Call);
    assert_eq!(shown(&value, "ordered.b"), "1");
    assert_eq!(shown(&value, "counts[\"x\"]"), "3");
    assert_eq!(shown(&value, "model.inner.depth"), "3");
    assert_eq!(shown(&value, "slice"), "slice(1, 10, 2)");
    assert!(value.get("function").unwrap().as_global().unwrap().is("numpy.linalg", "norm"));
}

#[test]
fn pickles_follow_each_other_in_a_stream() {
    for protocol in 0..=5 {
        let name = fixture(&format!("plain_{protocol}.pkl"));
        let once = std::fs::read(name).unwrap();
        let twice = [&once[..], &once[..], b"rest"].concat();
        let mut rest = &twice[..];
        let first: Value = load_from(&mut rest).unwrap();
        let second: Value = load_from(&mut rest).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(first.to_string(), second.to_string());
        assert_eq!(rest, b"rest");
    }
}

#[test]
fn memory_is_limited() {
    let options = LoadOptions::new().memory_limit(2_000);
    let error = options.load::<Value>(fixture("arrays.joblib")).unwrap_err();
    assert!(error.to_string().contains("2000"), "{error}");
    LoadOptions::new().memory_limit(1 << 20).load::<Value>(fixture("arrays.joblib")).unwrap();
}
