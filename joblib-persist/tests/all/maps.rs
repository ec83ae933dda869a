use std::fs::{self, File};

use joblib_persist::array::{Element, Order};
use joblib_persist::{ErrorKind, MappedArray, MmapMode, dump, dump_to, load, verify};
use ndarray::{Array, Array1, Array2, ArrayD, Axis, Dimension, Ix1, Ix2, IxDyn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::mapped::{MODES, Model, file_of, mapped, model};

#[test]
fn reading_only_means_that() {
    let (_folder, path) = file_of(&Array1::<u8>::ones(5000));
    let mut loaded: MappedArray<u8, Ix1> = mapped(&path, MmapMode::Read).unwrap();
    assert!(matches!(loaded.view_mut().unwrap_err().kind(), ErrorKind::ReadOnly));
}

#[test]
fn copies_on_write_leave_the_file_alone() {
    let (_folder, path) = file_of(&Array1::<u8>::ones(5000));
    let before = fs::read(&path).unwrap();
    let mut loaded: MappedArray<u8, Ix1> = mapped(&path, MmapMode::Copy).unwrap();
    loaded.view_mut().unwrap().fill(9);
    loaded.flush().unwrap();
    assert!(loaded.view().iter().all(|&element| element == 9));
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn what_is_written_is_in_the_file() {
    let (_folder, path) = file_of(&model());
    let mut loaded: Model = mapped(&path, MmapMode::ReadWrite).unwrap();
    loaded.weights.view_mut().unwrap()[[3, 4]] = -1.0;
    loaded.more[1].view_mut().unwrap().fill(77);
    let mut expected = model();
    expected.weights.view_mut().unwrap()[[3, 4]] = -1.0;
    expected.more[1].view_mut().unwrap().fill(77);
    drop(loaded);
    assert_eq!(load::<Model>(&path).unwrap(), expected);
}

/// Where the elements of an array of one axis lie in its file, after a dump of nothing else.
const BLOCK: usize = 64;

#[test]
fn the_checksum_is_unknown_while_writing_and_right_after_a_flush() {
    let (_folder, path) = file_of(&Array1::<u8>::ones(5000));
    let checksum = |bytes: &[u8]| bytes[BLOCK + 5000..][..8].to_vec();
    let original = checksum(&fs::read(&path).unwrap());
    let mut loaded: MappedArray<u8, Ix1> = mapped(&path, MmapMode::ReadWrite).unwrap();
    assert_eq!(checksum(&fs::read(&path).unwrap()), original, "nothing was written yet");
    loaded.view_mut().unwrap()[0] = 2;
    assert_eq!(checksum(&fs::read(&path).unwrap()), [255; 8]);
    loaded.verify().unwrap();
    loaded.flush().unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut changed = Array1::<u8>::ones(5000);
    changed[0] = 2;
    assert!(bytes == dump_to(&changed, Vec::new()).unwrap());
    loaded.view_mut().unwrap()[0] = 1;
    assert_eq!(checksum(&fs::read(&path).unwrap()), [255; 8]);
    loaded.flush().unwrap();
    assert_eq!(checksum(&fs::read(&path).unwrap()), original);
}

#[test]
fn damage_is_found_by_verify() {
    let (_folder, path) = file_of(&Array1::<u8>::ones(5000));
    let mut bytes = fs::read(&path).unwrap();
    bytes[BLOCK + 7] = 3;
    fs::write(&path, bytes).unwrap();
    let loaded: MappedArray<u8, Ix1> = mapped(&path, MmapMode::Read).unwrap();
    let error = loaded.verify().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
}

#[test]
fn bools_that_are_none_are_refused() {
    let (_folder, path) = file_of(&Array1::from_elem(5000, true));
    let mut bytes = fs::read(&path).unwrap();
    bytes[BLOCK + 7] = 3;
    fs::write(&path, bytes).unwrap();
    for mode in MODES {
        let error = mapped::<MappedArray<bool, Ix1>>(&path, mode).unwrap_err();
        assert!(error.to_string().contains("bytes other than 0 and 1"), "{error}");
    }
}

#[test]
fn files_that_were_cut_are_refused() {
    let (_folder, path) = file_of(&(Array1::<u8>::ones(5000), Array1::<u8>::ones(5000)));
    type Two = (MappedArray<u8, Ix1>, MappedArray<u8, Ix1>);
    let whole = fs::metadata(&path).unwrap().len();
    for len in (0..whole).step_by(61) {
        File::options().write(true).open(&path).unwrap().set_len(len).unwrap();
        for mode in MODES {
            let error = mapped::<Two>(&path, mode).unwrap_err();
            let named = matches!(
                error.kind(),
                ErrorKind::Truncated { .. } | ErrorKind::Damaged { .. } | ErrorKind::Foreign { .. }
            );
            assert!(named, "{len}: {error}");
        }
        dump(&(Array1::<u8>::ones(5000), Array1::<u8>::ones(5000)), &path).unwrap();
    }
}

#[test]
fn a_file_mapped_for_writing_is_mapped_once() {
    let (folder, path) = file_of(&Array1::<u8>::ones(5000));
    let link = folder.path().join("other name");
    fs::hard_link(&path, &link).unwrap();
    type Bytes = MappedArray<u8, Ix1>;
    let reader: Bytes = mapped(&path, MmapMode::Read).unwrap();
    let another: Bytes = mapped(&link, MmapMode::Copy).unwrap();
    let error = mapped::<Bytes>(&path, MmapMode::ReadWrite).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Mapped), "{error}");
    drop((reader, another));
    let writer: Bytes = mapped(&path, MmapMode::ReadWrite).unwrap();
    for mode in MODES {
        let error = mapped::<Bytes>(&link, mode).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Mapped), "{error}");
    }
    drop(writer);
    mapped::<Bytes>(&path, MmapMode::ReadWrite).unwrap();
}

#[test]
fn a_map_outlives_the_file_and_its_replacement() {
    let (_folder, path) = file_of(&Array1::<u8>::ones(5000));
    let old: MappedArray<u8, Ix1> = mapped(&path, MmapMode::Read).unwrap();
    dump(&Array1::<u8>::zeros(5000), &path).unwrap();
    let new: MappedArray<u8, Ix1> = mapped(&path, MmapMode::Read).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(old.view().iter().all(|&element| element == 1));
    assert!(new.view().iter().all(|&element| element == 0));
}

#[test]
fn a_created_array_is_zero_and_then_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.jbl");
    dump("old", &path).unwrap();
    for order in [Order::C, Order::F] {
        let mut array = MappedArray::<i64, Ix2>::create(&path, (300, 7), order).unwrap();
        assert!(array.is_mapped());
        assert_eq!(array.view(), Array2::<i64>::zeros((300, 7)));
        assert_eq!(array.view().is_standard_layout(), order == Order::C);
        array.view_mut().unwrap()[[299, 3]] = -5;
        assert_eq!(verify(&path).unwrap().unverified, 1);
        assert_eq!(load::<Array2<i64>>(&path).unwrap()[[299, 3]], -5);
        array.flush().unwrap();
        assert_eq!(verify(&path).unwrap().unverified, 0);
        assert_eq!(load::<Array2<i64>>(&path).unwrap(), array.view());
    }
    // One file, and no temporary one.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn created_arrays_may_be_small_empty_or_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.jbl");
    for shape in [vec![], vec![0, 3], vec![5]] {
        let mut array = MappedArray::<bool, IxDyn>::create(&path, shape.clone(), Order::C).unwrap();
        array.flush().unwrap();
        assert_eq!(verify(&path).unwrap().unverified, 0, "{shape:?}");
        assert_eq!(array.view().shape(), shape);
    }
    let too_large = MappedArray::<f64, Ix2>::create(&path, (1 << 40, 1 << 40), Order::C);
    assert!(matches!(too_large.unwrap_err().kind(), ErrorKind::Damaged { .. }));
    let too_large = MappedArray::<f64, Ix2>::create(&path, (1 << 30, 1 << 26), Order::C);
    assert!(matches!(too_large.unwrap_err().kind(), ErrorKind::Io { .. }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn threads_share_a_map() {
    let (_folder, path) = file_of(&Array2::<u32>::zeros((8, 1000)));
    let mut table: MappedArray<u32, Ix2> = mapped(&path, MmapMode::ReadWrite).unwrap();
    let mut rows = table.view_mut().unwrap();
    std::thread::scope(|scope| {
        for mut row in rows.axis_chunks_iter_mut(Axis(0), 1) {
            scope.spawn(move || row.fill(1));
        }
    });
    let view = &table;
    let sum: u32 = std::thread::scope(|scope| {
        let sums: Vec<_> = (0..8).map(|i| scope.spawn(move || view.view().row(i).sum())).collect();
        sums.into_iter().map(|sum| sum.join().unwrap()).sum()
    });
    assert_eq!(sum, 8000);
}

#[test]
fn every_element_and_dimension_is_mapped() {
    fn check<E, D>(array: Array<E, D>)
    where
        E: Element + Serialize + DeserializeOwned + PartialEq,
        E: std::fmt::Debug,
        D: Dimension + Serialize + DeserializeOwned,
    {
        let (_folder, path) = file_of(&array);
        let loaded: MappedArray<E, D> = mapped(&path, MmapMode::Read).unwrap();
        assert!(loaded.is_mapped());
        assert_eq!(loaded.view(), array);
    }
    check(Array1::<i8>::ones(2000));
    check(Array2::<u128>::ones((10, 20)));
    check(ndarray::Array6::<f32>::ones((2, 3, 4, 5, 6, 7)));
    check(ArrayD::<num_complex::Complex<f64>>::ones(vec![3, 4, 5, 6]));
}
