use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use joblib_persist::array::Order;
use joblib_persist::value::{Kind, Value};
use joblib_persist::{DumpOptions, ErrorKind, LoadOptions, dump, dump_to, load, load_from};
use ndarray::{Array0, Array1, Array2, Array3, ArrayD, ShapeBuilder, array};
use num_complex::Complex;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A file that numpy has written.
fn numpy_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/numpy").join(name)
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    load(numpy_file(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[derive(Debug, Deserialize, PartialEq)]
struct Point {
    x: f64,
    label: String,
    pair: [i16; 2],
}

#[test]
fn arrays_of_numpy_load_typed() {
    let grid = array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]];
    assert_eq!(read::<Array2<f64>>("c.npy"), grid);
    let fortran = read::<Array2<f64>>("fortran.npy");
    assert_eq!((&fortran, fortran.strides()), (&grid, &[1, 2][..]));
    assert_eq!(read::<Array1<i32>>("big.npy"), array![0, 1, 2, 3]);
    assert_eq!(read::<Array1<i64>>("big.npy"), array![0, 1, 2, 3]);
    assert_eq!(read::<Array1<f32>>("half.npy"), array![0.5, -2.0, 65504.0]);
    assert_eq!(read::<Array1<bool>>("flags.npy"), array![true, false, true]);
    let complex = array![Complex::new(1.0f32, -2.0), Complex::new(0.0, 0.5)];
    assert_eq!(read::<Array1<Complex<f32>>>("complex.npy"), complex);
    assert_eq!(read::<Vec<String>>("text.npy"), ["a", "größe"]);
    assert_eq!(read::<Vec<String>>("bytes.npy"), ["a", "bcd"]);
    assert_eq!(read::<Array1<i64>>("dates.npy"), array![20454, 1]);
    assert_eq!(read::<f64>("scalar.npy"), 2.5);
    assert_eq!(read::<Array0<f64>>("scalar.npy"), ndarray::arr0(2.5));
    assert_eq!(read::<Array2<f32>>("empty.npy").shape(), [0, 4]);
    assert_eq!(
        read::<Vec<Point>>("points.npy")[1],
        Point { x: -1.0, label: "bcd".into(), pair: [3, 4] }
    );
    for version in 1..=3 {
        let numbers: Array1<u16> = read(&format!("version_{version}.npy"));
        assert_eq!(numbers, array![0, 1, 2, 3, 4]);
    }
}

#[cfg(feature = "half")]
#[test]
fn halves_load_as_halves() {
    let halves = [0.5, -2.0, 65504.0].map(half::f16::from_f32);
    assert_eq!(read::<Array1<half::f16>>("half.npy").as_slice(), Some(&halves[..]));
    let value: Value = read("half.npy");
    let view = value.as_array().unwrap().view::<half::f16, ndarray::Ix1>().unwrap();
    assert_eq!(view.as_slice(), Some(&halves[..]));
}

#[test]
fn objects_of_numpy_are_values() {
    let value: Value = read("objects.npy");
    let items = value.as_array().unwrap().objects().unwrap();
    assert_eq!(items.get(0).unwrap().as_i64(), Some(1));
    assert_eq!(items.get(1).unwrap().as_str(), Some("two"));
    assert!(matches!(items.get(3).unwrap().kind(), Kind::List(_)));
}

#[test]
fn objects_in_fortran_order_keep_their_places() {
    // numpy.asfortranarray([["a", "b"], ["c", "d"]], object): the list of a pickle is in C order.
    let value: Value = read("objects_fortran.npy");
    let texts = |value: &Value| value.root().to::<Vec<Vec<String>>>().unwrap();
    assert_eq!(texts(&value), [["a", "b"], ["c", "d"]]);
    assert_eq!(value.as_array().unwrap().order(), Order::F);
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.npy", "a.pkl", "a.jbl"] {
        let path = folder.path().join(name);
        dump(&value, &path).unwrap();
        let again: Value = load(&path).unwrap();
        assert_eq!((texts(&again), again.as_array().unwrap().order()), (texts(&value), Order::F));
    }
}

#[test]
fn every_file_of_numpy_is_written_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.npy");
    let mut files = 0;
    for entry in std::fs::read_dir(numpy_file("")).unwrap() {
        let original = entry.unwrap().path();
        // A pickle can be written in more than one way, a header is written in the oldest version.
        let name = original.file_stem().unwrap().to_str().unwrap();
        let is_same = !["objects", "objects_fortran", "version_2", "version_3", "old_alignment"]
            .contains(&name);
        if original.extension() != Some("npy".as_ref()) || !is_same {
            continue;
        }
        let value: Value = load(&original).unwrap();
        dump(&value, &path).unwrap();
        // numpy leaves room for the first axis to grow.
        let text = |path: &Path| {
            let bytes = std::fs::read(path).unwrap();
            let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
            let header = String::from_utf8(bytes[10..end].to_vec()).unwrap();
            (header.trim_end().to_owned(), bytes[end..].to_vec())
        };
        assert_eq!(text(&path), text(&original), "{name}");
        files += 1;
    }
    assert_eq!(files, 14);
}

/// Arrays of every type, in both orders, and what stands for one.
fn check<T>(value: &T)
where
    T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let options = DumpOptions::new().format(joblib_persist::FileFormat::Npy);
    let bytes = options.dump_to(value, options.dump_to(value, Vec::new()).unwrap()).unwrap();
    let mut rest = &bytes[..];
    assert_eq!(&load_from::<T>(&mut rest).unwrap(), value);
    assert_eq!(rest.len(), bytes.len() / 2, "not a byte too many was read");
    assert_eq!(&load_from::<T>(&mut rest).unwrap(), value);
    let zipped = dump_to(value, Vec::new()).unwrap();
    assert_ne!(zipped[..6], bytes[..6], "without an extension it is the native format");
}

#[test]
fn arrays_come_back() {
    check(&array![1u8, 255]);
    check(&array![1i8, -128]);
    check(&array![1u16, u16::MAX]);
    check(&array![i16::MIN]);
    check(&array![u32::MAX]);
    check(&array![[i32::MIN, 5]]);
    check(&array![u64::MAX]);
    check(&array![i64::MIN]);
    check(&array![f32::MAX]);
    check(&array![true, false]);
    check(&array![Complex::new(1.0f64, -0.5)]);
    check(&Array3::from_shape_fn((3, 4, 5).f(), |(i, j, k)| (i * 20 + j * 5 + k) as f64));
    check(&ArrayD::from_elem(vec![2, 1, 2, 1, 2], 1.5f32));
    check(&Array2::<f64>::zeros((0, 7)));
    check(&vec![0.5, 1.5]);
    check(&Some(array![1.0]));
    check(&2.5);
    check(&true);
    check(&String::from("größe"));
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
struct Wrapped(Array2<f64>);

#[test]
fn arrays_in_wrappers_are_arrays() {
    let wrapped = Wrapped(array![[1.0, 2.0], [3.0, 4.0]]);
    check(&wrapped);
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.pkl", "a.npy"] {
        let path = folder.path().join(name);
        dump(&wrapped, &path).unwrap();
        let value: Value = load(&path).unwrap();
        let array = value.as_array().expect("an array, not a dict of its parts");
        assert_eq!(array.view::<f64, ndarray::Ix2>().unwrap(), wrapped.0);
        assert_eq!(load::<Wrapped>(&path).unwrap(), wrapped);
    }
    // numpy has no such array; it stays what serde shows.
    let texts = array!["a".to_owned(), "b".to_owned()];
    let path = folder.path().join("texts.pkl");
    dump(&texts, &path).unwrap();
    assert_eq!(load::<Array1<String>>(&path).unwrap(), texts);
}

proptest! {
    #[test]
    fn fortran_order_stays(rows in 2usize..5, columns in 2usize..5, deflate: bool) {
        let array = Array2::from_shape_fn((rows, columns).f(), |(i, j)| (i * 10 + j) as i32);
        let options = DumpOptions::new().format(joblib_persist::FileFormat::Npy);
        let options = if deflate { options.compress(3) } else { options };
        let bytes = options.dump_to(&array, Vec::new()).unwrap();
        let value: Value = load_from(&bytes[..]).unwrap();
        prop_assert_eq!(value.as_array().unwrap().order(), Order::F);
        prop_assert_eq!(load_from::<Array2<i32>>(&bytes[..]).unwrap(), array);
    }

    #[test]
    fn damage_is_an_error_or_a_value(at in 0usize..200, byte: u8, len in 0usize..300) {
        let file = std::fs::read(numpy_file("points.npy")).unwrap();
        let mut bytes = file[..file.len().min(len)].to_vec();
        if let Some(to) = bytes.get_mut(at) {
            *to = byte;
        }
        let limited = LoadOptions::new().memory_limit(1 << 20);
        let _ = limited.load_from::<Value>(&bytes[..]);
    }
}

#[test]
fn what_is_no_array_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let text = |error: joblib_persist::Error| error.to_string();
    let error = text(dump(&BTreeMap::from([("a", array![1.0])]), &path).unwrap_err());
    assert!(error.contains("a map, where") && error.contains(".npz"), "{error}");
    let error = text(dump(&vec!["a"], &path).unwrap_err());
    assert!(error.contains("a list, where"), "{error}");
    let error = text(dump(&array![1u128], &path).unwrap_err());
    assert!(error.contains("array of u128, which numpy has not"), "{error}");
    assert!(!path.exists());
    let error = text(load::<Array1<f32>>(numpy_file("c.npy")).unwrap_err());
    assert!(error.contains("array of float64, shape [2, 3] found, f32 wanted"), "{error}");
}

#[test]
fn lengths_are_not_believed() {
    let header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }\n";
    let bytes = [b"\x93NUMPY\x01\x00", &[header.len() as u8, 0][..], header, &[0; 64]].concat();
    assert!(load_from::<Value>(&bytes[..]).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(load::<Value>(&path).unwrap_err().kind(), ErrorKind::Damaged { .. }));
    let limited = LoadOptions::new().memory_limit(1000);
    let error = limited.load::<Value>(numpy_file("large.npy")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::MemoryLimit { limit: 1000 }), "{error}");
}

#[cfg(feature = "mmap")]
mod maps {
    use joblib_persist::{MappedArray, MmapMode};
    use ndarray::Ix1;

    use super::*;

    #[test]
    fn arrays_are_mapped_in_every_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::copy(numpy_file("large.npy"), &path).unwrap();
        let open = |mode: MmapMode| -> MappedArray<f64, Ix1> {
            LoadOptions::new().mmap_mode(mode).load(&path).unwrap()
        };
        let first = |path: &Path| load::<Array1<f64>>(path).unwrap()[0];
        assert!(open(MmapMode::Read).is_mapped());
        let mut copy = open(MmapMode::Copy);
        copy.view_mut().unwrap()[0] = 7.0;
        assert_eq!((copy.view()[0], first(&path)), (7.0, 0.0));
        drop(copy);
        let mut written = open(MmapMode::ReadWrite);
        written.view_mut().unwrap()[0] = 7.0;
        written.flush().unwrap();
        drop(written);
        assert_eq!(first(&path), 7.0);
        let old: MappedArray<f64, Ix1> = LoadOptions::new()
            .mmap_mode(MmapMode::Read)
            .load(numpy_file("old_alignment.npy"))
            .unwrap();
        assert_eq!(old.view()[199], 199.0);
    }
}

#[cfg(feature = "npz")]
mod archives {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Serialize)]
    struct Model {
        coef: Array2<f64>,
        wrapped: Wrapped,
        names: String,
        scale: f32,
    }

    fn model() -> Model {
        Model {
            coef: Array2::from_shape_fn((30, 4).f(), |(i, j)| (i * j) as f64),
            wrapped: Wrapped(array![[1.0]]),
            names: "größe".into(),
            scale: 0.5,
        }
    }

    #[test]
    fn archives_of_numpy_load() {
        let value: Value = read("stored.npz");
        let Kind::Dict(pairs) = value.kind() else { panic!("a dict") };
        assert_eq!(pairs.len(), 14);
        for (name, array) in pairs.iter() {
            let alone: Value = read(&format!("{}.npy", name.as_str().unwrap()));
            assert_eq!(format!("{array:#}"), format!("{alone:#}"));
        }
        let arrays: BTreeMap<String, ArrayD<f64>> = read("deflated.npz");
        assert_eq!(arrays["x"], Array2::<f64>::eye(3).into_dyn());
        assert_eq!(arrays["arr_0"].len(), 1000);
        assert_eq!(read::<BTreeMap<String, Array1<f64>>>("empty.npz").len(), 0);
    }

    #[test]
    fn structs_of_arrays_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let (stored, deflated) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
        dump(&model(), &stored).unwrap();
        DumpOptions::new().compress(9).dump(&model(), &deflated).unwrap();
        for path in [&stored, &deflated] {
            assert_eq!(load::<Model>(path).unwrap(), model());
            let bytes = std::fs::read(path).unwrap();
            assert_eq!(load_from::<Model>(&bytes[..]).unwrap(), model());
        }
        let len = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(len(&deflated) < len(&stored));
        let value: Value = load(&stored).unwrap();
        dump(&value, &deflated).unwrap();
        assert_eq!(std::fs::read(&deflated).unwrap(), std::fs::read(&stored).unwrap());
    }

    #[test]
    fn arrays_without_names_are_numbered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let names = || {
            let arrays: BTreeMap<String, ArrayD<f64>> = load(&path).unwrap();
            arrays.into_keys().collect::<Vec<_>>()
        };
        dump(&array![1.0], &path).unwrap();
        assert_eq!(names(), ["arr_0"]);
        dump(&vec![1.0], &path).unwrap();
        assert_eq!(names(), ["arr_0"]);
        dump(&(array![1.0], array![[2.0]]), &path).unwrap();
        assert_eq!(names(), ["arr_0", "arr_1"]);
    }

    #[test]
    fn what_archives_cannot_hold_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let error = dump(&BTreeMap::from([("a", vec!["x"])]), &path).unwrap_err().to_string();
        assert!(error.contains("at `a`: a list, where"), "{error}");
        let error = dump(&BTreeMap::from([(1, array![1.0])]), &path).unwrap_err().to_string();
        assert!(error.contains("text as their names"), "{error}");
        let error = DumpOptions::new().compress("gzip").dump(&model(), &path).unwrap_err();
        assert!(error.to_string().contains("by `zlib` alone, not by `gzip`"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn damage_is_found() {
        let bytes = std::fs::read(numpy_file("stored.npz")).unwrap();
        // An element of the largest array.
        let at = bytes.len() / 2;
        for bytes in [
            [&bytes[..at], &[bytes[at] ^ 1], &bytes[at + 1..]].concat(),
            bytes[..at].to_vec(),
            b"PK\x03\x04 and nothing else".to_vec(),
        ] {
            let error = load_from::<Value>(&bytes[..]).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Damaged { .. } | ErrorKind::Io { .. }),
                "{error:?}"
            );
        }
        let limited = LoadOptions::new().memory_limit(4000);
        let error = limited.load::<Value>(numpy_file("deflated.npz")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::MemoryLimit { limit: 4000 }), "{error}");
    }
}
