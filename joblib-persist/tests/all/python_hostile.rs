use joblib_persist::value::{Kind, Value};
use joblib_persist::{ErrorKind, LoadOptions, Result, load_from};
use proptest::prelude::*;

use super::python_read::fixture;

fn read(bytes: &[u8]) -> Result<Value> {
    LoadOptions::new().memory_limit(1 << 26).load_from(bytes)
}

/// Everything that can be done with a value.
pub(crate) fn use_up(value: Value) {
    let _ = value.to_string();
    let _ = format!("{value:#}");
    let _ = value.root().to_value();
    let _ = value.root().to::<Vec<String>>();
    let _ = value.into_typed::<std::collections::HashMap<String, Vec<f64>>>();
}

#[test]
fn nothing_is_called() {
    let value = read(b"cos\nsystem\n(S'touch /tmp/called'\ntR.").unwrap();
    let Kind::Object(object) = value.kind() else { panic!("{value}") };
    assert_eq!(object.class().unwrap().to_string(), "os.system");
    assert_eq!(object.arguments().get("[0]").unwrap().as_str(), Some("touch /tmp/called"));
}

#[test]
fn lengths_that_are_only_claimed_do_not_add_up() {
    // Four bytes that are there, and then the longest length that can be claimed.
    let claimed = [&b"\x80\x04C\x04abcd\x8e"[..], &[0xff; 8], b"abcd."].concat();
    assert!(load_from::<Value>(&claimed[..]).is_err());
}

#[test]
fn an_object_may_be_its_own_state() {
    let value = read(b"\x80\x04cm\nC\n)\x812b.").unwrap();
    use_up(value);
    // The same, one object away.
    let value = read(b"\x80\x04cm\nC\n)\x81\x94cm\nD\n)\x81h\x00bb.").unwrap();
    use_up(value);
}

#[test]
fn depth_costs_no_stack() {
    let depth = 300_000;
    let lists = [&b"\x80\x04"[..], &b"]".repeat(depth), &b"a".repeat(depth - 1), b"."].concat();
    let tuples = [&b"\x80\x04N"[..], &b"\x85".repeat(depth), b"."].concat();
    let classes = b"cm\nC\n".repeat(depth);
    let objects = [&b"\x80\x04"[..], &classes, b"N", &b"\x85\x81".repeat(depth), b"."].concat();
    for bytes in [lists, tuples, objects] {
        let value = LoadOptions::new().memory_limit(1 << 30).load_from(&bytes[..]).unwrap();
        use_up(value);
    }
}

#[test]
fn what_doubles_itself_stays_small() {
    // A list that contains the one before it twice, forty times over.
    let mut bytes = b"\x80\x04]\x94".to_vec();
    for number in 0..40u8 {
        bytes.extend(b"](");
        bytes.extend([b'h', number, b'h', number]);
        bytes.extend(b"e\x94");
    }
    bytes.push(b'.');
    use_up(read(&bytes).unwrap());
}

#[test]
fn copies_of_copies_are_refused() {
    // One list of a thousand, made into sets again and again.
    let mut bytes = b"\x80\x04c__builtin__\nset\n\x94](".to_vec();
    bytes.extend(b"N".repeat(1000));
    bytes.extend(b"e\x85\x94");
    for _ in 0..100_000 {
        bytes.extend(b"h\0h\x01R0");
    }
    bytes.extend(b"N.");
    let error = read(&bytes).unwrap_err();
    assert!(error.to_string().contains("over and over"), "{error}");
}

#[test]
fn lengths_are_not_believed() {
    let lie = u64::MAX.to_le_bytes();
    for code in [b'\x8d', b'\x8e', b'\x96'] {
        let bytes = [&b"\x80\x05"[..], &[code], &lie, b"abc."].concat();
        assert!(read(&bytes).is_err());
        let bytes = [&b"\x80\x05"[..], &[code], &(1u64 << 40).to_le_bytes(), b"abc."].concat();
        assert!(load_from::<Value>(&bytes[..]).is_err(), "without a limit");
    }
    for bytes in [
        &b"\x80\x02\x8b\xff\xff\xff\x7fabc."[..],
        b"\x80\x02r\xff\xff\xff\xff.",
        b"\x80\x02Nr\xff\xff\xff\xff.",
    ] {
        let _ = read(bytes);
    }
}

#[test]
fn references_to_the_outside_are_refused() {
    for bytes in [
        &b"\x80\x05\x97."[..],
        b"\x80\x05N\x98.",
        b"\x80\x02Nq\0Q.",
        b"\x80\x00Pname\n.",
        b"\x80\x02\x82\x01.",
    ] {
        let error = read(bytes).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Python(_)), "{error}");
    }
    let error = read(b"\x80\x09N.").unwrap_err();
    assert!(error.to_string().contains("protocol 9"), "{error}");
}

#[test]
fn files_beside_are_beside() {
    for name in ["../secret.npy", "/etc/passwd", "..", "", r"a\\b"] {
        let bytes =
            format!("cjoblib.numpy_pickle\nNDArrayWrapper\n)\u{81}}}S'filename'\nS'{name}'\nsb.");
        let bytes: Vec<u8> = bytes.chars().map(|char| char as u8).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pkl");
        std::fs::write(&path, [&b"\x80\x02"[..], &bytes].concat()).unwrap();
        let error = joblib_persist::load::<Value>(&path).unwrap_err();
        assert!(error.to_string().contains("is not the name of a file"), "{error}");
    }
}

#[test]
fn a_cut_file_is_an_error_wherever_it_was_cut() {
    for name in ["arrays.joblib", "plain_0.pkl", "numpy_5.pkl", "objects.joblib"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        let step = whole.len() / 700 + 1;
        for len in (0..whole.len()).step_by(step) {
            assert!(read(&whole[..len]).is_err(), "{name} cut to {len}");
        }
    }
}

const NAMES: [&str; 5] =
    ["arrays.joblib", "plain_0.pkl", "plain_4.pkl", "numpy_2.pkl", "objects.joblib"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_do_no_harm(
        name in 0..NAMES.len(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = std::fs::read(fixture(NAMES[name])).unwrap();
        for (at, byte) in flips {
            *at.get_mut(&mut bytes) = byte;
        }
        if let Ok(value) = read(&bytes) {
            use_up(value);
        }
    }

    #[test]
    fn made_up_programs_do_no_harm(
        codes in prop::collection::vec(prop::sample::select(
            b"(.01 2NK\x01MJIGFX\x8cCUT)\x85\x86\x87t]lae}dsu\x8f\x90\x91c\x93Rbio\x81\x92ghjpqr\x94\x88\x89\n'0a".to_vec()
        ), 0..200),
    ) {
        let bytes = [&b"\x80\x04"[..], &codes, b"."].concat();
        if let Ok(value) = read(&bytes) {
            use_up(value);
        }
    }
}
