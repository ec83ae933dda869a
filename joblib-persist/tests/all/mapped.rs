use std::path::{Path, PathBuf};

use joblib_persist::{
    DumpOptions, ErrorKind, LoadOptions, MappedArray, MmapMode, Result, dump, dump_to, load,
    load_from, message,
};
use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2, IxDyn, ShapeBuilder, arr1};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::{TempDir, tempdir};

pub(crate) const MODES: [MmapMode; 3] = [MmapMode::Read, MmapMode::ReadWrite, MmapMode::Copy];

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub(crate) struct Model {
    pub(crate) weights: MappedArray<f64, Ix2>,
    note: String,
    flags: MappedArray<bool, Ix1>,
    tiny: MappedArray<u8, Ix1>,
    plain: Array1<f32>,
    pub(crate) more: Vec<MappedArray<u16, IxDyn>>,
}

pub(crate) fn model() -> Model {
    Model {
        weights: Array2::from_shape_fn((60, 40).f(), |(i, j)| (i * 100 + j) as f64).into(),
        note: "n".repeat(2000),
        flags: Array1::from_shape_fn(3001, |i| i % 3 == 0).into(),
        tiny: arr1(&[1, 2, 3]).into(),
        plain: Array1::ones(1000),
        more: vec![ArrayD::from_elem(vec![7, 11, 13], 5).into(), ArrayD::ones(vec![600]).into()],
    }
}

pub(crate) fn file_of<T: Serialize>(value: &T) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("v.jbl");
    dump(value, &path).unwrap();
    (folder, path)
}

pub(crate) fn mapped<T: DeserializeOwned>(path: &Path, mode: MmapMode) -> Result<T> {
    LoadOptions::new().mmap_mode(mode).load(path)
}

#[test]
fn every_mode_shows_the_same_as_loading() {
    let (_folder, path) = file_of(&model());
    assert_eq!(load::<Model>(&path).unwrap(), model());
    for mode in MODES {
        let loaded: Model = mapped(&path, mode).unwrap();
        assert_eq!(loaded, model(), "{mode:?}");
        assert_eq!(loaded.weights.is_mapped(), cfg!(feature = "mmap"));
        assert_eq!(loaded.flags.is_mapped(), cfg!(feature = "mmap"));
        assert_eq!(loaded.more[0].is_mapped(), cfg!(feature = "mmap"));
        assert!(!loaded.tiny.is_mapped());
        assert_eq!(loaded.weights.view().strides(), model().weights.view().strides());
        loaded.weights.verify().unwrap();
        assert_eq!(loaded.weights.into_array(), model().weights.into_array());
    }
}

#[test]
fn mapped_arrays_are_aligned() {
    let (_folder, path) = file_of(&(1u8, model()));
    let (_, loaded): (u8, Model) = mapped(&path, MmapMode::Read).unwrap();
    if loaded.weights.is_mapped() {
        assert_eq!(loaded.weights.view().as_ptr().align_offset(64), 0);
        assert_eq!(loaded.flags.view().as_ptr().align_offset(64), 0);
        assert_eq!(loaded.more[1].view().as_ptr().align_offset(64), 0);
    }
}

#[test]
fn arrays_and_mapped_arrays_are_the_same_in_a_file() {
    let array = Array2::<f64>::ones((30, 30));
    let bytes = dump_to(&array, Vec::new()).unwrap();
    assert_eq!(dump_to(&MappedArray::from(array.clone()), Vec::new()).unwrap(), bytes);
    let loaded: MappedArray<f64, Ix2> = load_from(&bytes[..]).unwrap();
    assert_eq!(loaded.into_array(), array);
    let mut message = Vec::new();
    message::encode(&MappedArray::from(array.clone()), &mut message).unwrap();
    let decoded: MappedArray<f64, Ix2> = message::decode(&mut &message[..]).unwrap();
    assert_eq!(decoded.into_array(), array);
}

#[test]
fn compressed_files_are_loaded_into_memory() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("v.jbl");
    DumpOptions::new().compress("zlib").dump(&model(), &path).unwrap();
    for mode in MODES {
        let mut loaded: Model = mapped(&path, mode).unwrap();
        assert_eq!(loaded, model());
        assert!(!loaded.weights.is_mapped());
        loaded.weights.view_mut().unwrap().fill(0.0);
        loaded.weights.flush().unwrap();
    }
}

#[test]
fn wrong_types_are_refused_as_when_loading() {
    let (_folder, path) = file_of(&vec![Array2::<f64>::ones((20, 20))]);
    for mode in MODES {
        let error = mapped::<Vec<MappedArray<f32, Ix2>>>(&path, mode).unwrap_err();
        assert!(error.to_string().ends_with("at `[0]`: array of f64 found, f32 wanted"), "{error}");
        let error = mapped::<Vec<MappedArray<f64, Ix1>>>(&path, mode).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Axes { wanted: 1, .. }), "{error}");
    }
}
