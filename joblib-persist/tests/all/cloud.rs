//! Objects as values are dumped to and loaded from, in the memory of this process.

use std::error::Error as _;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

use joblib_persist::cloud::{Bucket, WriteMode};
use joblib_persist::{DumpOptions, dump, load};
use ndarray::Array2;
use proptest::prelude::*;

fn bucket(name: &str) -> Bucket {
    Bucket::open(&format!("memory://{name}/some/folder")).unwrap()
}

fn put(bucket: &Bucket, key: &str, bytes: &[u8], mode: WriteMode) -> bool {
    let mut writer = bucket.write(key, mode);
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn get(bucket: &Bucket, key: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    bucket.read(key).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn values_go_to_urls_and_come_back() {
    let value = Array2::from_shape_fn((300, 70), |(i, j)| (i * j) as f64);
    for name in ["plain.jbl", "packed.jbl.gz"] {
        let url = format!("memory://values/{name}");
        dump(&value, &url).unwrap();
        assert_eq!(load::<Array2<f64>>(&url).unwrap(), value);
    }
    let packed = Bucket::open("memory://values").unwrap();
    assert!(get(&packed, "packed.jbl.gz").starts_with(&[0x1f, 0x8b]), "compressed by its name");
    DumpOptions::new().compress("zlib").dump(&value, "memory://values/plain.jbl").unwrap();
    assert!(get(&packed, "plain.jbl").starts_with(&[0x78]), "replaced, and compressed on request");
}

#[test]
fn what_is_larger_than_a_part_comes_back() {
    let value: Vec<u32> = (0..7_000_000).collect();
    dump(&value, "memory://large/a.jbl").unwrap();
    assert!(load::<Vec<u32>>("memory://large/a.jbl").unwrap() == value);
}

#[test]
fn a_value_that_fails_leaves_the_old_object() {
    struct Fails;
    impl serde::Serialize for Fails {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error, SerializeTuple};
            let mut tuple = serializer.serialize_tuple(2)?;
            tuple.serialize_element(&"x".repeat(20 << 20))?;
            Err(S::Error::custom("enough"))
        }
    }
    let url = "memory://failing/a.jbl";
    dump(&1, url).unwrap();
    assert!(dump(&Fails, url).is_err());
    assert_eq!(load::<i32>(url).unwrap(), 1);
}

#[test]
fn an_object_that_is_not_there_is_named() {
    let error = load::<i32>("memory://empty/none.jbl").unwrap_err();
    assert!(error.to_string().contains("`memory://empty/none.jbl`"), "{error}");
    let cause = error.source().unwrap();
    assert_eq!(cause.downcast_ref::<std::io::Error>().unwrap().kind(), ErrorKind::NotFound);
    assert!(cause.to_string().contains("no such object"), "{cause}");
}

#[test]
fn what_is_no_address_is_refused() {
    for url in ["s3://", "s3://bucket/a?versionId=1", "https://host/a#b", "az://"] {
        let error = load::<i32>(url).unwrap_err();
        assert!(error.to_string().contains(url), "{error}");
    }
}

#[test]
fn an_unfinished_object_is_not_there() {
    let bucket = bucket("unfinished");
    for len in [10, 20 << 20] {
        let mut writer = bucket.write("a", WriteMode::Replace);
        writer.write_all(&vec![1; len]).unwrap();
        drop(writer);
        assert_eq!(bucket.info("a").unwrap(), None);
        assert_eq!(bucket.list("").unwrap(), []);
    }
}

#[test]
fn an_object_is_kept_on_request() {
    let bucket = bucket("kept");
    for len in [10, 20 << 20] {
        let key = format!("a/{len}");
        assert!(put(&bucket, &key, &vec![1; len], WriteMode::IfAbsent));
        assert!(!put(&bucket, &key, &vec![2; len], WriteMode::IfAbsent));
        assert_eq!(get(&bucket, &key)[len - 1], 1);
        assert!(put(&bucket, &key, &vec![3; len], WriteMode::Replace));
        assert_eq!(get(&bucket, &key)[len - 1], 3);
    }
}

#[test]
fn lists_and_deletes_what_is_below() {
    let bucket = bucket("listed");
    for key in ["a/1", "a/b/2", "ab/3", "c%4"] {
        put(&bucket, key, key.as_bytes(), WriteMode::Replace);
    }
    let keys = |folder: &str| {
        let mut keys: Vec<_> =
            bucket.list(folder).unwrap().into_iter().map(|info| (info.key, info.bytes)).collect();
        keys.sort();
        keys
    };
    let [one, two] = [("a/1".to_owned(), 3), ("a/b/2".to_owned(), 5)];
    assert_eq!(keys("a"), [one.clone(), two.clone()]);
    bucket.delete("a/1").unwrap();
    bucket.delete("a/1").unwrap();
    assert_eq!(keys(""), [two, ("ab/3".to_owned(), 4), ("c%4".to_owned(), 3)]);
}

#[test]
fn works_inside_an_asynchronous_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        dump(&7, "memory://inside/a.jbl").unwrap();
        assert_eq!(load::<i32>("memory://inside/a.jbl").unwrap(), 7);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn reads_and_seeks_as_a_file_does(
        steps in prop::collection::vec((0_u64..3_000_000, 0_usize..1_200_000), 1..8)
    ) {
        let bucket = bucket("seeks");
        let bytes: Vec<u8> = (0..2_500_000_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
        if bucket.info("a").unwrap().is_none() {
            put(&bucket, "a", &bytes, WriteMode::Replace);
        }
        let mut object = bucket.read("a").unwrap();
        let mut file = std::io::Cursor::new(&bytes);
        for (position, len) in steps {
            object.seek(SeekFrom::Start(position)).unwrap();
            file.seek(SeekFrom::Start(position)).unwrap();
            let (mut found, mut wanted) = (Vec::new(), Vec::new());
            object.by_ref().take(len as u64).read_to_end(&mut found).unwrap();
            file.by_ref().take(len as u64).read_to_end(&mut wanted).unwrap();
            prop_assert!(found == wanted);
        }
        prop_assert_eq!(object.seek(SeekFrom::End(-5)).unwrap(), 2_499_995);
        let mut rest = Vec::new();
        object.read_to_end(&mut rest).unwrap();
        prop_assert!(rest == bytes[2_499_995..]);
    }
}
