use std::fs;
use std::io::Cursor;
use std::path::Path;

use joblib_persist::value::Value;
use joblib_persist::{
    DumpOptions, ErrorKind, LoadOptions, MappedArray, MmapMode, dump_to, load_from,
};
use ndarray::{Array1, Array2, Ix1};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::tempdir;

use crate::mapped::{Model, file_of, model};
use crate::python_read::fixture;

fn options(folder: &Path, mode: MmapMode) -> LoadOptions {
    LoadOptions::new().mmap_mode(mode).unpack_in(folder)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn a_compressed_file_and_a_stream_are_mapped_like_a_file() {
    let (folder, path) = file_of(&model());
    let compressed = folder.path().join("v.jbl.gz");
    DumpOptions::new().dump(&model(), &compressed).unwrap();
    let bytes = fs::read(&path).unwrap();
    for mode in [MmapMode::Read, MmapMode::Copy] {
        let room = tempdir().unwrap();
        let options = options(room.path(), mode);
        for mut loaded in [
            options.load::<Model>(&compressed).unwrap(),
            options.load_from(Cursor::new(&bytes)).unwrap(),
        ] {
            assert_eq!(loaded, model());
            assert!(loaded.weights.is_mapped() && loaded.more[1].is_mapped());
            assert!(is_empty(room.path()), "a file has a name");
            loaded.weights.verify().unwrap();
            match mode {
                MmapMode::Read => assert!(loaded.weights.view_mut().is_err()),
                _ => loaded.weights.view_mut().unwrap().fill(1.0),
            }
            loaded.weights.flush().unwrap();
            assert_eq!(loaded.more, model().more, "its neighbours stay as they are");
        }
        let value: Value = options.load(&compressed).unwrap();
        assert!(value.root().get("weights").unwrap().as_array().unwrap().is_mapped());
    }
}

#[test]
fn changes_that_would_reach_no_file_are_not_offered() {
    let (folder, _) = file_of(&model());
    let compressed = folder.path().join("v.jbl.gz");
    DumpOptions::new().dump(&model(), &compressed).unwrap();
    let options = options(folder.path(), MmapMode::ReadWrite);
    let loaded: Model = options.load(&compressed).unwrap();
    assert_eq!(loaded, model());
    assert!(!loaded.weights.is_mapped());
}

#[derive(Deserialize)]
struct Arrays {
    table: MappedArray<f64, ndarray::Ix2>,
}

#[test]
fn what_python_wrote_unaligned_or_compressed_is_mapped() {
    let room = tempdir().unwrap();
    let expected = Array2::from_shape_fn((200, 3), |(i, j)| (3 * i + j) as f64);
    for name in ["arrays.joblib.gz", "arrays_0.joblib", "arrays_1.joblib", "arrays_2.joblib"] {
        let options = options(room.path(), MmapMode::Copy);
        let arrays: Arrays = options.load(fixture(name)).unwrap();
        assert!(arrays.table.is_mapped(), "{name}");
        assert_eq!(arrays.table.view(), expected, "{name}");
        let value: Value = options.load(fixture(name)).unwrap();
        assert!(value.root().get("table").unwrap().as_array().unwrap().is_mapped(), "{name}");
    }
    assert!(is_empty(room.path()));
}

/// An array whose elements are not aligned in its file.
fn unaligned_npy(len: usize) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({len},), }}\n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes
}

#[test]
fn files_of_numpy_are_mapped_too() {
    let (folder, room) = (tempdir().unwrap(), tempdir().unwrap());
    let array = Array1::from_iter((0..1001).map(f64::from));
    let mut npy = unaligned_npy(array.len());
    assert!(!npy.len().is_multiple_of(8));
    npy.extend(array.iter().flat_map(|x| x.to_le_bytes()));
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.npy"), npy).unwrap();
    DumpOptions::new().dump(&array, at("b.npy.gz")).unwrap();
    for name in ["a.npy", "b.npy.gz"] {
        let options = options(room.path(), MmapMode::Read);
        let loaded: MappedArray<f64, Ix1> = options.load(at(name)).unwrap();
        assert!(loaded.is_mapped(), "{name}");
        assert_eq!(loaded.view(), array);
    }
    assert!(is_empty(room.path()));
}

#[cfg(feature = "npz")]
#[test]
fn archives_are_mapped() {
    let (folder, room) = (tempdir().unwrap(), tempdir().unwrap());
    let array = Array1::from_iter((0..1001).map(f64::from));
    for compress in [false, true] {
        let path = folder.path().join("a.npz");
        let pair = (&array, &array);
        DumpOptions::new().compress(compress).dump(&pair, &path).unwrap();
        let options = options(room.path(), MmapMode::Read).memory_limit(5000);
        let value: Value = options.load(&path).unwrap();
        for name in ["arr_0", "arr_1"] {
            let found = value.root().get(name).unwrap().as_array().unwrap();
            assert!(found.is_mapped());
            assert_eq!(found.view::<f64, Ix1>().unwrap(), array);
        }
    }
    assert!(is_empty(room.path()));
}

#[test]
fn many_arrays_and_large_ones_have_room() {
    let room = tempdir().unwrap();
    let mut sizes = vec![1025; 70];
    sizes.extend([40 << 20, 40 << 20, 2000]);
    let arrays: Vec<_> =
        sizes.iter().zip(0..).map(|(&len, at)| Array1::from_elem(len, at as u8)).collect();
    let bytes = dump_to(&arrays, Vec::new()).unwrap();
    let loaded: Vec<MappedArray<u8, Ix1>> =
        options(room.path(), MmapMode::Copy).load_from(&bytes[..]).unwrap();
    assert_eq!(loaded.len(), arrays.len());
    for (loaded, array) in loaded.iter().zip(&arrays) {
        assert!(loaded.is_mapped() && loaded.view() == array);
    }
}

fn failure<T: DeserializeOwned>(bytes: &[u8], folder: &Path) -> joblib_persist::Error {
    let result = options(folder, MmapMode::Read).load_from::<T>(bytes);
    assert!(is_empty(folder));
    result.err().unwrap()
}

#[test]
fn damage_is_found_on_the_way() {
    let room = tempdir().unwrap();
    let array = Array1::<f64>::ones(5000);
    let mut bytes = dump_to(&array, Vec::new()).unwrap();
    bytes[20_000] ^= 1;
    let error = failure::<MappedArray<f64, Ix1>>(&bytes, room.path());
    assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
    bytes.truncate(20_000);
    let error = failure::<MappedArray<f64, Ix1>>(&bytes, room.path());
    assert!(matches!(error.kind(), ErrorKind::Truncated { .. }), "{error}");

    let mut flags = dump_to(&Array1::from_elem(5000, true), Vec::new()).unwrap();
    flags[2000] = 3;
    let error = LoadOptions::new()
        .mmap_mode(MmapMode::Read)
        .unpack_in(room.path())
        .verify(false)
        .load_from::<MappedArray<bool, Ix1>>(&flags[..])
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
}

/// Lengths take neither memory nor disk before their bytes arrive.
#[test]
fn lengths_that_lie_end_in_an_error() {
    let room = tempdir().unwrap();
    for len in [1_usize << 30, 1 << 37, 1 << 45, 1 << 59] {
        let mut bytes = unaligned_npy(len);
        bytes.extend([0; 5000]);
        failure::<Value>(&bytes, room.path());
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let room = tempdir().unwrap();
    let bytes = dump_to(&Array1::<f64>::ones(5000), Vec::new()).unwrap();
    let error = options(&room.path().join("none"), MmapMode::Read)
        .load_from::<MappedArray<f64, Ix1>>(&bytes[..])
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
    // Where nothing is unpacked, nothing is wrong with it.
    load_from::<Array1<f64>>(&bytes[..]).unwrap();
}
