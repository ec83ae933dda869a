use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use joblib_compress::{EncodeOptions, Registry};
use joblib_persist::array::Order;
use joblib_persist::value::{Builder, ByteOrder, ElementType, Value};
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

/// Numbers in the other byte order, and pairs of a number and a text: Rust has neither.
fn foreign() -> Value {
    let mut builder = Builder::new();
    let big = Arc::new(ElementType::plain('f', 8, ByteOrder::Big));
    let bytes = (0..1000).flat_map(|number| f64::from(number).to_be_bytes()).collect();
    let numbers = builder.array_from_bytes(big, &[1000], Order::C, bytes).unwrap();
    let text = Arc::new(ElementType::plain('S', 5, ByteOrder::None));
    let bytes = (0..1000).flat_map(|number| format!("{number:05}").into_bytes()).collect();
    let words = builder.array_from_bytes(text, &[1000], Order::C, bytes).unwrap();
    let [first, second] = ["numbers", "words"].map(|name| builder.str(name));
    let root = builder.dict(&[(first, numbers), (second, words)]);
    builder.finish(root)
}

#[derive(Deserialize)]
struct Foreign {
    numbers: MappedArray<f64, Ix1>,
    words: Vec<String>,
}

#[test]
fn elements_that_rust_does_not_have_stay_out_of_memory() {
    let (folder, room) = (tempdir().unwrap(), tempdir().unwrap());
    let value = foreign();
    let npz = if cfg!(feature = "npz") { "a.npz" } else { "a.pkl" };
    for name in ["a.pkl", "a.pkl.gz", "a.jbl", "a.jbl.gz", npz] {
        let path = folder.path().join(name);
        DumpOptions::new().dump(&value, &path).unwrap();
        let options = options(room.path(), MmapMode::Copy).memory_limit(5000);
        let loaded: Value = options.load(&path).unwrap();
        assert_eq!(loaded.to_string(), value.to_string(), "{name}");
        for key in ["numbers", "words"] {
            let array = loaded.root().get(key).unwrap().as_array().unwrap();
            let bytes = value.root().get(key).unwrap().as_array().unwrap().bytes();
            assert!(array.is_mapped() && array.bytes() == bytes, "{name}: {key}");
            assert!(array.view::<f64, Ix1>().is_err() && array.view::<u8, Ix1>().is_err());
        }
        // In memory as what they are wanted as.
        let typed: Foreign = options.memory_limit(1 << 20).load(&path).unwrap();
        assert_eq!(typed.numbers.view(), Array1::from_iter((0..1000).map(f64::from)), "{name}");
        assert!(!typed.numbers.is_mapped());
        assert_eq!(typed.words[999], "00999");
    }
    assert!(is_empty(room.path()));
}

#[test]
fn byte_strings_of_pickles_and_the_arrays_in_them_stay_out_of_memory() {
    let room = tempdir().unwrap();
    let path = fixture("numpy_5.pkl");
    let in_memory: Value = joblib_persist::load(&path).unwrap();
    for mode in [MmapMode::Read, MmapMode::Copy] {
        let options = options(room.path(), mode);
        let plain: Value = options.load(&path).unwrap();
        let streamed: Value = options.load_from(&fs::read(&path).unwrap()[..]).unwrap();
        for value in [plain, streamed] {
            assert!(value.root().get("table").unwrap().as_array().unwrap().is_mapped());
            assert_eq!(value.to_string(), in_memory.to_string());
        }
    }
    let bytes: Vec<u8> = (0..5000).map(|number| number as u8).collect();
    let mut pickle = b"\x80\x04B\x88\x13\0\0".to_vec();
    pickle.extend(&bytes);
    pickle.push(b'.');
    let value: Value =
        options(room.path(), MmapMode::Read).memory_limit(1000).load_from(&pickle[..]).unwrap();
    assert_eq!(value.root().as_bytes(), Some(&bytes[..]));
    assert!(is_empty(room.path()));
}

/// One byte string, and the pickle's calls make array after array of it.
#[test]
fn a_pickle_cannot_fill_the_disk_with_copies() {
    let room = tempdir().unwrap();
    // `str` that is not aligned, stored as 0; then `_frombuffer(0, dtype('f8'), (1250,), 'C')`.
    let mut pickle = b"\x80\x04B\x10\x27\0\0".to_vec();
    pickle.extend([7; 10_000]);
    pickle.extend(b"q\x000cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbq\x010(");
    for _ in 0..400 {
        pickle.extend(b"cnumpy.core.numeric\n_frombuffer\n(h\0h\x01(I1250\ntS'C'\ntR");
    }
    pickle.extend(b"t.");
    // A map that lends each byte once has the arrays copied.
    let error = options(room.path(), MmapMode::Copy).load_from::<Value>(&pickle[..]).unwrap_err();
    assert!(error.to_string().contains("over and over"), "{error}");
    // One that is only read does not.
    let value: Value = options(room.path(), MmapMode::Read).load_from(&pickle[..]).unwrap();
    assert!(value.root().as_sequence().unwrap().get(399).unwrap().as_array().unwrap().is_mapped());
    assert!(is_empty(room.path()));
}

/// The pickle of joblib before 0.10 for an array in a file of its own.
fn array_beside(wrapper: &str, name: &str) -> Vec<u8> {
    let dtype = "cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb";
    let text = format!(
        "cjoblib.numpy_pickle\n{wrapper}\n)\u{81}}}(S'filename'\nS'{name}'\nS'subclass'\n\
         cnumpy\nndarray\nS'init_args'\n(cnumpy\nndarray\n(I0\ntS'b'\ntS'state'\n\
         (I1\n(I1001\nt{dtype}I00\ntub."
    );
    let bytes = text.chars().map(|char| char as u8);
    b"\x80\x02".iter().copied().chain(bytes).collect()
}

#[test]
fn arrays_in_files_of_their_own_stay_out_of_memory() {
    let (folder, room) = (tempdir().unwrap(), tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    let array = Array1::from_iter((0..1001).map(f64::from));
    let elements: Vec<u8> = array.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(at("a.pkl_01.npy"), [unaligned_npy(array.len()), elements.clone()].concat()).unwrap();
    fs::write(at("a.pkl"), array_beside("NDArrayWrapper", "a.pkl_01.npy")).unwrap();
    let registry = Registry::global();
    let zlib = registry.by_name("zlib").unwrap();
    let compressed = |bytes: &[u8]| {
        let mut file = format!("ZF{:<19}", format!("{:#x}", bytes.len())).into_bytes();
        let mut encoder = zlib.encoder(Box::new(&mut file), &EncodeOptions::new(3)).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap();
        file
    };
    fs::write(at("z.pkl_01.npy.z"), compressed(&elements)).unwrap();
    fs::write(at("z.pkl"), array_beside("ZNDArrayWrapper", "z.pkl_01.npy.z")).unwrap();
    for name in ["a.pkl", "z.pkl"] {
        let options = options(room.path(), MmapMode::Read).memory_limit(5000);
        let loaded: MappedArray<f64, Ix1> = options.load(at(name)).unwrap();
        assert!(loaded.is_mapped() && loaded.view() == array, "{name}");
    }
    // Neither fewer nor more than the array has.
    for len in [8000, 8016] {
        fs::write(at("z.pkl_01.npy.z"), compressed(&elements.repeat(2)[..len])).unwrap();
        let error = options(room.path(), MmapMode::Read).load::<Value>(at("z.pkl")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
    }
    assert!(is_empty(room.path()));
}
