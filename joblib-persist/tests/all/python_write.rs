//! What Python files are, byte by byte; that Python opens them is seen by `cargo xtask compat`.

use joblib_persist::{DumpOptions, ErrorKind, FileFormat, dump};
use ndarray::{Array1, arr1};
use serde::Serialize;

fn pickle<T: Serialize + ?Sized>(value: &T, protocol: u8) -> Vec<u8> {
    let options = DumpOptions::new().format(FileFormat::Python).protocol(protocol);
    options.dump_to(value, Vec::new()).unwrap()
}

/// What `pickle.dumps(value, protocol)` of Python 3.11 writes.
#[test]
fn small_values_are_what_python_writes() {
    assert_eq!(pickle(&(1u8, -1i8, true), 2), b"\x80\x02K\x01J\xff\xff\xff\xff\x88\x87.");
    assert_eq!(pickle(&(None::<u8>, 300), 3), b"\x80\x03NM\x2c\x01\x86.");
    let long = b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8a\x08\0\0\0\0\0\0\0\x80.";
    assert_eq!(pickle(&i64::MIN, 4)[11..], long[11..]);
    assert_eq!(pickle(&0.5, 5), b"\x80\x05\x95\x0a\0\0\0\0\0\0\0G\x3f\xe0\0\0\0\0\0\0.");
    assert_eq!(pickle(&(1u64 << 63), 2), b"\x80\x02\x8a\x09\0\0\0\0\0\0\0\x80\0.");
    assert_eq!(pickle(&-(1i128 << 63), 2), b"\x80\x02\x8a\x08\0\0\0\0\0\0\0\x80.");
}

#[test]
fn a_repeated_name_is_written_once() {
    #[derive(Serialize)]
    struct Row {
        temperature: f64,
    }
    let rows: Vec<Row> = (0..100).map(|n| Row { temperature: n.into() }).collect();
    let bytes = pickle(&rows, 4);
    let name = b"temperature";
    assert_eq!(bytes.windows(name.len()).filter(|window| window == name).count(), 1);
}

#[test]
fn memory_of_arrays_is_aligned_and_follows_a_frame() {
    for len in 0..40 {
        let name = "x".repeat(len);
        let array: Array1<f64> = arr1(&[1.5; 300]);
        for protocol in 2..=5 {
            let bytes = pickle(&(&name, &array, &array), protocol);
            let element = 1.5f64.to_le_bytes();
            let starts: Vec<usize> = (0..bytes.len() - 8)
                .filter(|&at| bytes[at..].starts_with(&element) && !bytes[..at].ends_with(&element))
                .collect();
            assert_eq!(starts.len(), 2, "{len} {protocol}");
            for start in starts {
                assert_eq!((start % 16, bytes[start - 1]), (0, b'b'), "{len} {protocol}");
            }
        }
    }
}

#[test]
fn what_python_cannot_read_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let message = |options: DumpOptions, name: &str| {
        options.dump(&1, folder.path().join(name)).unwrap_err().kind().to_string()
    };
    let new = DumpOptions::new;
    assert!(message(new().compress("zstd"), "a.pkl").contains("does not read `zstd`: use `zlib`"));
    assert!(message(new(), "a.pkl.zst").contains("does not read `zstd`"));
    assert!(message(new().protocol(6), "a.pkl").contains("unknown pickle protocol `6`: 2"));
    assert!(new().protocol(6).dump(&1, folder.path().join("a.jbl")).is_ok());

    let refused = |error: joblib_persist::Error, with: &str| {
        assert!(matches!(error.kind(), ErrorKind::Unwritable { .. }), "{error}");
        assert!(error.to_string().contains(with), "{error}");
    };
    let to_python = |value: &dyn Fn(DumpOptions) -> joblib_persist::Result<Vec<u8>>| {
        value(new().format(FileFormat::Python)).unwrap_err()
    };
    let wide = arr1(&[1u128]);
    refused(to_python(&|options| options.dump_to(&wide, Vec::new())), "numpy has not");
    let keyed = std::collections::BTreeMap::from([(std::collections::BTreeMap::from([(1, 2)]), 3)]);
    refused(to_python(&|options| options.dump_to(&keyed, Vec::new())), "cannot hash");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no half-written file is left"
    );
}

#[test]
fn the_extension_chooses_the_format() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.pkl", "a.pickle", "a.joblib"] {
        let path = folder.path().join(name);
        dump("text", &path).unwrap();
        assert_eq!(std::fs::read(path).unwrap()[..2], [0x80, 4], "{name}");
    }
    let path = folder.path().join("a.jbl");
    dump("text", &path).unwrap();
    assert_eq!(std::fs::read(path).unwrap()[..4], *b"\x89JBL");
}
