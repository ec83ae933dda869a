use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use joblib_persist::{ErrorKind, LoadOptions, dump_to, load_from, message};
use ndarray::{Array1, Array2};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Model {
    name: String,
    coef: Array2<f64>,
    small: Vec<u16>,
    flags: Vec<bool>,
    inner: Vec<Inner>,
    kind: Kind,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Inner {
    b: Array1<f64>,
    text: Option<String>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum Kind {
    One,
    Two(u8, i64),
    Three { map: BTreeMap<String, f32> },
}

fn model() -> Model {
    let inner =
        |len, text: Option<&str>| Inner { b: Array1::zeros(len), text: text.map(str::to_owned) };
    Model {
        name: "model".into(),
        coef: Array2::from_shape_fn((20, 10), |(i, j)| (i * 10 + j) as f64),
        small: vec![1, 2, 3],
        flags: vec![true; 1500],
        inner: vec![inner(2, Some(&"t".repeat(40))), inner(200, None)],
        kind: Kind::Three { map: BTreeMap::from([("k".into(), 0.5)]) },
    }
}

fn model_bytes() -> Vec<u8> {
    dump_to(&model(), Vec::new()).unwrap()
}

#[test]
fn each_flipped_bit_is_noticed() {
    let bytes = model_bytes();
    assert_eq!(load_from::<Model>(&bytes[..]).unwrap(), model());
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let loaded = load_from::<Model>(&flipped[..]);
        assert!(loaded.is_err(), "bit {bit}");
    }
}

#[test]
fn each_cut_is_noticed() {
    let bytes = model_bytes();
    for len in 0..bytes.len() {
        let error = load_from::<Model>(&bytes[..len]).unwrap_err();
        let expected = match len {
            0..8 => matches!(error.kind(), ErrorKind::Foreign { .. } | ErrorKind::Truncated { .. }),
            _ => matches!(error.kind(), ErrorKind::Truncated { .. }),
        };
        assert!(expected, "{len} bytes: {error}");
    }
}

#[test]
fn pieces_left_out_or_repeated_are_noticed() {
    let bytes = model_bytes();
    for start in (0..bytes.len()).step_by(37) {
        for len in [1, 12, 64] {
            let end = (start + len).min(bytes.len());
            let without = [&bytes[..start], &bytes[end..]].concat();
            assert!(load_from::<Model>(&without[..]).is_err(), "without {start}..{end}");
            if end == bytes.len() {
                continue; // That is the value and something behind it.
            }
            let twice = [&bytes[..end], &bytes[start..]].concat();
            assert!(load_from::<Model>(&twice[..]).is_err(), "{start}..{end} twice");
        }
    }
}

#[test]
fn the_footer_of_another_value_is_noticed() {
    let (one, other) = (model_bytes(), dump_to(&1u8, Vec::new()).unwrap());
    let forged = [&one[..one.len() - 32], &other[other.len() - 32..]].concat();
    let error = load_from::<Model>(&forged[..]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
}

#[test]
fn damaged_arrays_are_read_if_that_is_wanted() {
    let mut bytes = dump_to(&vec![0u8; 2000], Vec::new()).unwrap();
    bytes[500] = 7;
    let error = load_from::<Vec<u8>>(&bytes[..]).unwrap_err();
    assert_eq!(error.to_string(), "the data is damaged: the checksum of an array does not match");
    let loaded: Vec<u8> = LoadOptions::new().verify(false).load_from(&bytes[..]).unwrap();
    assert_eq!(loaded.iter().filter(|&&byte| byte == 7).count(), 1);
}

#[test]
fn bools_are_checked_even_if_checksums_are_not() {
    let mut bytes = dump_to(&vec![true; 2000], Vec::new()).unwrap();
    bytes[500] = 7;
    let error = LoadOptions::new().verify(false).load_from::<Vec<bool>>(&bytes[..]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Damaged { .. }), "{error}");
}

fn error_of<T: DeserializeOwned + std::fmt::Debug>(bytes: &[u8]) -> String {
    load_from::<T>(bytes).unwrap_err().to_string()
}

#[test]
fn foreign_and_newer_files_are_named() {
    let error = error_of::<u8>(b"Some text");
    assert!(error.starts_with("not a joblib file (it starts with [53, 6f, 6d"), "{error}");
    let mut newer = dump_to(&1u8, Vec::new()).unwrap();
    newer[8] = 2;
    let error = load_from::<u8>(&newer[..]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Newer { found: 2 }));
    assert_eq!(
        error.to_string(),
        "written in version 2 of the format, this library reads up to 1: update it"
    );
}

#[test]
fn wrong_types_are_refused_with_the_place() {
    #[derive(Deserialize, Debug)]
    #[allow(dead_code, reason = "never loads")]
    struct WrongModel {
        inner: Vec<WrongInner>,
    }
    #[derive(Deserialize, Debug)]
    #[allow(dead_code, reason = "never loads")]
    struct WrongInner {
        b: Array1<f32>,
    }
    let bytes = model_bytes();
    assert_eq!(error_of::<WrongModel>(&bytes), "at `inner.[0].b`: array of f64 found, f32 wanted");

    let cube = dump_to(&Array2::<u8>::zeros((40, 30)), Vec::new()).unwrap();
    assert_eq!(error_of::<Array1<u8>>(&cube), "array of shape [40, 30] found, 1 axes wanted");
    assert_eq!(error_of::<Vec<u8>>(&cube), "array of shape [40, 30] found, 1 axes wanted");
    let tuple = dump_to(&("a", 300u16, [1u8; 3]), Vec::new()).unwrap();
    assert_eq!(
        error_of::<(String, u8, [u8; 3])>(&tuple),
        "at `[1]`: invalid value: integer `300`, expected u8"
    );
    assert_eq!(
        error_of::<(String, u16, [u8; 2])>(&tuple),
        "at `[2]`: a sequence of more elements found, 2 elements wanted"
    );
    let kind = dump_to(&vec![Kind::Two(1, 2)], Vec::new()).unwrap();
    #[derive(Deserialize, Debug)]
    enum OtherKind {
        #[allow(dead_code, reason = "never loads")]
        Two(u8),
    }
    assert_eq!(
        error_of::<Vec<OtherKind>>(&kind),
        "at `[0]`: tuple variant `Two` found, newtype variant wanted"
    );
}

#[test]
fn an_error_that_a_deserialize_swallows_is_not_forgotten() {
    #[derive(Debug)]
    #[allow(dead_code, reason = "never loads")]
    struct Forgiving(Vec<u8>);
    impl<'de> Deserialize<'de> for Forgiving {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Forgiving;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a sequence")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut seq: A,
                ) -> Result<Forgiving, A::Error> {
                    let mut all = Vec::new();
                    for _ in 0..2 {
                        all.extend(seq.next_element::<(u8, u8)>().ok().flatten().map(|two| two.0));
                    }
                    Ok(Forgiving(all))
                }
            }
            deserializer.deserialize_seq(Visitor)
        }
    }
    let bytes = dump_to(&vec![(1, "text"), (2, "text")], Vec::new()).unwrap();
    assert!(load_from::<Forgiving>(&bytes[..]).is_err());
}

#[derive(Serialize, Deserialize, Debug)]
struct Chain(Option<Box<Chain>>);

fn chain(len: usize) -> Chain {
    (0..len).fold(Chain(None), |chain, _| Chain(Some(Box::new(chain))))
}

#[test]
fn deep_values_are_refused_both_ways() {
    let bytes = dump_to(&chain(128), Vec::new()).unwrap();
    load_from::<Chain>(&bytes[..]).unwrap();
    let error = dump_to(&chain(129), Vec::new()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooDeep), "{error}");
    // Made up, as none would be written.
    let deep = |len| [vec![0xa4; len], vec![0xa3]].concat();
    message::decode::<Chain>(&mut &deep(128)[..]).unwrap();
    message::decode::<Chain>(&mut &deep(129)[..]).unwrap_err();
    let bottomless = vec![0xa4; 1000];
    let error = message::decode::<Chain>(&mut &bottomless[..]).unwrap_err();
    assert_eq!(error.to_string(), "nested deeper than 128 levels");
    let error = message::decode::<serde::de::IgnoredAny>(&mut &bottomless[..]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooDeep), "{error}");
}

/// Everything that recurses, on the smallest stack that threads are given.
#[test]
fn the_deepest_value_needs_less_than_a_small_stack() {
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Leaf(u8),
        Seq(Vec<Any>),
    }
    #[derive(Serialize, Deserialize)]
    enum Tree {
        Leaf,
        Node { children: BTreeMap<String, Vec<Tree>> },
    }
    let work = || {
        let bytes = dump_to(&chain(128), Vec::new()).unwrap();
        load_from::<Chain>(&bytes[..]).unwrap();
        let any = (0..120).fold(Any::Leaf(1), |any, _| Any::Seq(vec![any]));
        let bytes = dump_to(&any, Vec::new()).unwrap();
        load_from::<Any>(&bytes[..]).unwrap();
        let tree = (0..30).fold(Tree::Leaf, |tree, _| Tree::Node {
            children: BTreeMap::from([("child".to_owned(), vec![tree])]),
        });
        let bytes = dump_to(&tree, Vec::new()).unwrap();
        load_from::<Tree>(&bytes[..]).unwrap();
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap();
}

/// Counts what is asked for, and never ends.
struct Zeros(u64);

impl Read for Zeros {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        bytes.fill(0);
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }
}

#[test]
fn lengths_out_of_range_allocate_nothing() {
    // Messages have no checksums: bytes can be made up.
    let claims: &[&[u8]] = &[
        // A sequence, a text and a byte string of 2⁶³ − 1.
        &[0xb4, 0xa8, 255, 255, 255, 255, 255, 255, 255, 127, 1],
        &[0xb2, 0xa8, 255, 255, 255, 255, 255, 255, 255, 127, 1],
        &[0xb3, 0xa8, 255, 255, 255, 255, 255, 255, 255, 127, 1],
        // An array of u8 with 2⁴⁰ elements, and one whose size overflows.
        &[0xc2, 0, 1, 1, 0xa8, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0xc2, 0, 9, 1, 0xa8, 255, 255, 255, 255, 255, 255, 255, 127],
        // Of 2⁴⁰ × 2⁴⁰ × 0 elements.
        &[0xc2, 1, 1, 3, 0xa8, 0, 0, 0, 0, 0, 1, 0, 0, 0xa8, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        // A block, where messages have none.
        &[0xc1, 0, 1, 1, 5],
    ];
    for claim in claims {
        assert!(message::decode::<Vec<u8>>(&mut &claim[..]).is_err(), "{claim:02x?}");
        assert!(message::decode::<String>(&mut &claim[..]).is_err(), "{claim:02x?}");
        assert!(message::decode::<Array2<u8>>(&mut &claim[..]).is_err(), "{claim:02x?}");
        assert!(message::decode::<serde::de::IgnoredAny>(&mut &claim[..]).is_err(), "{claim:02x?}");
    }
}

/// A full disk after so many bytes.
struct FailAfter(usize);

impl Write for FailAfter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_is_reported_whichever_byte_it_strikes_at() {
    let value = (model(), vec![1.0; 20_000]);
    let needed = dump_to(&value, Vec::new()).unwrap().len();
    for room in (0..needed).step_by(997).chain([needed - 1]) {
        let error = dump_to(&value, FailAfter(room)).err().unwrap();
        assert_eq!(error.to_string(), "writing failed");
    }
    dump_to(&value, FailAfter(needed)).ok().unwrap();
}

#[test]
fn a_reader_that_gives_a_byte_at_a_time_is_read() {
    struct Slow<'b>(&'b [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let len = bytes.len().min(1);
            self.0.read(&mut bytes[..len])
        }
    }
    let bytes = model_bytes();
    assert_eq!(load_from::<Model>(Slow(&bytes)).unwrap(), model());
}

#[test]
fn an_endless_stream_of_zeros_is_foreign() {
    let mut zeros = Zeros(0);
    load_from::<Model>(&mut zeros).unwrap_err();
    assert!(zeros.0 <= 64 * 1024);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Made-up items: an error or a value, no panic, no hang, no large allocation.
    #[test]
    fn any_bytes_are_harmless(bytes in prop::collection::vec(likely_byte(), 0..200)) {
        let _ = message::decode::<Model>(&mut &bytes[..]);
        let _ = message::decode::<Vec<Kind>>(&mut &bytes[..]);
        let _ = message::decode::<BTreeMap<String, Array2<f32>>>(&mut &bytes[..]);
        let _ = message::decode::<serde::de::IgnoredAny>(&mut &bytes[..]);
        let _ = message::decode::<Chain>(&mut &bytes[..]);
        let _ = message::decode::<joblib_persist::value::Value>(&mut &bytes[..]);
    }

    /// A real message with some bytes changed.
    #[test]
    fn changed_messages_are_harmless(
        changes in prop::collection::vec((any::<prop::sample::Index>(), likely_byte()), 1..8),
    ) {
        let mut bytes = Vec::new();
        message::encode(&[model(), model()], &mut bytes).unwrap();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = message::decode::<Vec<Model>>(&mut &bytes[..]);
        let _ = message::decode::<serde::de::IgnoredAny>(&mut &bytes[..]);
    }
}

/// Mostly tags and small numbers.
fn likely_byte() -> impl Strategy<Value = u8> {
    prop_oneof![3 => 0xa0..=0xc4u8, 2 => 0..5u8, 1 => 0x80..0x84u8, 1 => any::<u8>()]
}
