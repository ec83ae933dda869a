use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use joblib_persist::message::{Segment, decode, decode_with, encode, encode_with};
use joblib_persist::{ErrorKind, MappedArray, MmapMode, Result};
use ndarray::{Array1, Array2, Array3, Ix2, Ix3, ShapeBuilder, s};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

/// Puts arrays into a file, each at a multiple of 64, and calls them by their places.
fn carried<T: Serialize + ?Sized>(value: &T) -> (Vec<u8>, File) {
    let (mut message, mut file) = (Vec::new(), tempfile::tempfile().unwrap());
    encode_with(value, &mut message, &mut |block| {
        let at = file.seek(SeekFrom::End(0))?.next_multiple_of(64);
        file.seek(SeekFrom::Start(at))?;
        block.try_for_each_chunk(|bytes| file.write_all(bytes))?;
        Ok(Some(at))
    })
    .unwrap();
    (message, file)
}

fn fetched<T: DeserializeOwned>(message: &[u8], segment: &Segment) -> Result<T> {
    let mut rest = message;
    let value = decode_with(&mut rest, &mut |at| Ok(segment.at(at)));
    assert_eq!(rest.is_empty(), value.is_ok());
    value
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Task {
    table: MappedArray<f64, Ix2>,
    own: Array3<u16>,
    flags: Vec<bool>,
    text: String,
    small: Vec<u8>,
    pair: (Option<Array1<i128>>, u8),
}

fn task() -> Task {
    Task {
        table: Array2::from_shape_fn((30, 20).f(), |(i, j)| (i * 100 + j) as f64).into(),
        own: Array3::from_elem((10, 10, 10), 3),
        flags: [true, false].repeat(1000),
        text: "text ".repeat(1000),
        small: vec![1, 2, 3],
        pair: (Some(Array1::from_elem(100, -1)), 7),
    }
}

#[test]
fn arrays_come_back_mapped_or_copied() {
    let (message, file) = carried(&task());
    assert!(message.len() < 400, "{} bytes", message.len());
    for mode in [MmapMode::Read, MmapMode::Copy] {
        let segment = Segment::map(&file, mode).unwrap();
        let loaded: Task = fetched(&message, &segment).unwrap();
        assert_eq!(loaded, task());
        assert!(loaded.table.is_mapped());
        drop(segment);
        assert_eq!(loaded.table, task().table);
    }
    let segment = Segment::map(&file, MmapMode::Read).unwrap();
    fetched::<IgnoredAny>(&message, &segment).unwrap();
    // Without what was put elsewhere there is nothing to be read.
    let error = decode::<Task>(&mut &message[..]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
}

#[test]
fn what_is_not_taken_away_is_in_the_message() {
    let mut message = Vec::new();
    let mut sizes = Vec::new();
    encode_with(&task(), &mut message, &mut |block| {
        sizes.push(block.byte_len());
        Ok(None)
    })
    .unwrap();
    assert_eq!(sizes, [4800, 2000, 2000, 5000, 1600]);
    let mut plain = Vec::new();
    encode(&task(), &mut plain).unwrap();
    assert_eq!(message, plain);
    let loaded: Task = decode(&mut &message[..]).unwrap();
    assert!(!loaded.table.is_mapped());
    assert_eq!(loaded, task());
}

#[test]
fn a_view_is_put_elsewhere_in_pieces() {
    let array = Array2::from_shape_fn((300, 300), |(i, j)| (i * j) as u32);
    let view = array.slice(s![..;3, ..;-2]);
    let (message, file) = carried(&view);
    let segment = Segment::map(&file, MmapMode::Read).unwrap();
    let mapped: MappedArray<u32, Ix2> = fetched(&message, &segment).unwrap();
    assert_eq!(mapped.view(), view);
}

#[test]
fn each_reader_of_a_copy_writes_into_its_own() {
    let (message, file) = carried(&task().table);
    let read = || -> MappedArray<f64, Ix2> {
        fetched(&message, &Segment::map(&file, MmapMode::Copy).unwrap()).unwrap()
    };
    let (mut one, two) = (read(), read());
    one.view_mut().unwrap().fill(-1.0);
    one.flush().unwrap();
    one.verify().unwrap();
    assert_eq!(two, task().table);
    assert_eq!(read(), task().table);
    assert_eq!(one.view().sum(), -600.0);
}

#[test]
fn a_writable_segment_gives_each_byte_once() {
    let twice = (Array2::<u8>::zeros((40, 50)), Array2::<u8>::ones((40, 50)));
    type Two = (MappedArray<u8, Ix2>, MappedArray<u8, Ix2>);
    let (message, file) = carried(&twice);
    for (mode, allowed) in [(MmapMode::Copy, false), (MmapMode::Read, true)] {
        let segment = Segment::map(&file, mode).unwrap();
        let at_one_place = decode_with::<Two>(&mut &message[..], &mut |_| Ok(segment.at(64)));
        assert_eq!(at_one_place.is_ok(), allowed);
        let copied =
            decode_with::<(Array2<u8>, IgnoredAny)>(&mut &message[..], &mut |_| Ok(segment.at(64)));
        assert_eq!(copied.is_ok(), allowed);
    }
    let segment = Segment::map(&file, MmapMode::ReadWrite).unwrap();
    let (mut one, two): Two = fetched(&message, &segment).unwrap();
    one.view_mut().unwrap().fill(9);
    one.flush().unwrap();
    assert!(two.view().iter().all(|&byte| byte == 1));
    drop((one, two, segment));
    let segment = Segment::map(&file, MmapMode::Read).unwrap();
    let (one, _): Two = fetched(&message, &segment).unwrap();
    assert!(one.view().iter().all(|&byte| byte == 9));
}

#[test]
fn places_that_cannot_be_are_refused() {
    let (message, file) = carried(&Array3::<f64>::zeros((2, 10, 10)));
    let segment = Segment::map(&file, MmapMode::Read).unwrap();
    assert_eq!(segment.len(), 1600);
    let at = |offset: u64| {
        let mapped =
            decode_with::<MappedArray<f64, Ix3>>(
                &mut &message[..],
                &mut |_| Ok(segment.at(offset)),
            );
        let owned = decode_with::<Array3<f64>>(&mut &message[..], &mut |_| Ok(segment.at(offset)));
        (mapped.map(drop), owned.map(drop))
    };
    assert!(matches!(at(0), (Ok(()), Ok(()))));
    for offset in [8, 64, 1600, 1601, u64::MAX - 7, u64::MAX] {
        let (Err(mapped), Err(owned)) = at(offset) else { panic!("{offset}") };
        assert!(matches!(mapped.kind(), ErrorKind::Damaged { .. }), "{offset}: {mapped}");
        assert!(matches!(owned.kind(), ErrorKind::Damaged { .. }), "{offset}: {owned}");
    }
    let (message, _) = carried(&Array3::<f64>::zeros((1, 13, 10)));
    let unaligned =
        decode_with::<MappedArray<f64, Ix3>>(&mut &message[..], &mut |_| Ok(segment.at(4)));
    assert!(matches!(unaligned.unwrap_err().kind(), ErrorKind::Damaged { .. }));
}

#[test]
fn failures_of_the_caller_are_handed_on() {
    let array = vec![0u64; 1000];
    let mut message = vec![1, 2];
    let error = encode_with(&array, &mut message, &mut |_| Err(io::ErrorKind::StorageFull.into()));
    assert!(matches!(error.unwrap_err().kind(), ErrorKind::Io { .. }));
    assert_eq!(message, [1, 2]);
    let (message, _) = carried(&array);
    let error =
        decode_with::<Vec<u64>>(&mut &message[..], &mut |_| Err(io::ErrorKind::NotFound.into()));
    let error = error.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
}
