use joblib_persist::value::Value;
use joblib_persist::{Error, ErrorKind, load, message};
use proptest::prelude::*;

use super::native_values::everything;
use super::python_hostile::use_up;
use super::python_read::fixture;

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    message::encode(value, &mut bytes).unwrap();
    bytes
}

#[test]
fn every_flipped_bit_and_every_cut_is_harmless() {
    let bytes = encoded(&everything());
    for at in 0..bytes.len() {
        message::decode::<Value>(&mut &bytes[..at]).unwrap_err();
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let decoded = message::decode::<Value>(&mut &flipped[..]);
            // Looking at all that contains itself takes long.
            if let Some(value) = decoded.ok().filter(|_| at % 64 == 0) {
                use_up(value);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn changed_values_are_harmless(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0xa0..0xc6u8), 1..6),
    ) {
        let mut bytes = encoded(&load::<Value>(fixture("numpy_5.pkl")).unwrap());
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(value) = message::decode::<Value>(&mut &bytes[..]) {
            use_up(value);
        }
        let _ = message::decode::<serde::de::IgnoredAny>(&mut &bytes[..]);
    }
}

// Items by hand, as FORMAT.md has them.

const PARTS: u8 = 0xc3;
const PART: u8 = 0xc4;
const END: u8 = 0xc0;
const NONE: u8 = 0xa3;
const SEQ: u8 = 0xb4;
const TUPLE: u8 = 0xb5;
const MAP: u8 = 0xb6;
const NEWTYPE: u8 = 1;

fn parts(parts: &[Vec<u8>]) -> Vec<u8> {
    [&[PARTS], &parts.concat()[..], &[END]].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&[0x80 + text.len() as u8], text.as_bytes()].concat()
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    [&[0xb3, bytes.len() as u8], bytes].concat()
}

fn items(tag: u8, items: &[Vec<u8>]) -> Vec<u8> {
    [&[tag, items.len() as u8], &items.concat()[..]].concat()
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<_> =
        entries.iter().map(|(key, item)| [&text(key)[..], item].concat()).collect();
    items(MAP, &entries)
}

fn variant(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    [&[0xbc], &text("Value")[..], &[6], &text(name), &[kind], content].concat()
}

fn special(name: &str, content: &[u8]) -> Vec<u8> {
    parts(&[variant(name, NEWTYPE, content)])
}

fn array(changes: &[(&'static str, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut entries = vec![
        ("type", text(">i2")),
        ("shape", items(SEQ, &[vec![2]])),
        ("order", text("C")),
        ("elements", bytes(&[0, 1, 0, 2])),
    ];
    for (key, item) in changes {
        entries.retain(|(known, _)| known != key);
        entries.extend(item.clone().map(|item| (*key, item)));
    }
    special("Array", &map(&entries))
}

fn objects(count: usize) -> Vec<u8> {
    items(SEQ, &vec![vec![NONE]; count])
}

fn decode(mut bytes: &[u8]) -> Result<Value, Error> {
    message::decode(&mut bytes)
}

/// So that what follows is refused for the reason it is meant to be.
#[test]
fn items_by_hand_are_values() {
    let shared = parts(&[items(SEQ, &[vec![PART, 1], vec![PART, 1]]), text("a part")]);
    let class = variant("Global", NEWTYPE, &items(TUPLE, &[text("module"), text("name")]));
    let object = map(&[("class", class), ("arguments", items(TUPLE, &[]))]);
    let of_objects =
        array(&[("type", Some(text("|O8"))), ("elements", None), ("objects", Some(objects(2)))]);
    for (shown, item) in [
        ("array(>int16, shape=(2,))", array(&[])),
        (", [None, None])", of_objects),
        ("['a part', 'a part']", shared),
        ("module.name()", special("Call", &object)),
        ("(258)", special("Scalar", &items(TUPLE, &[text(">i2"), bytes(&[1, 2])]))),
    ] {
        let value = decode(&item).unwrap();
        let found = format!("{value}");
        assert!(found.contains(shown), "{found} instead of {shown}");
    }
}

#[test]
fn parts_that_do_not_fit_together_are_damage() {
    let wide = |len: usize| Some(items(SEQ, &vec![vec![1]; len]));
    let class = || variant("Global", NEWTYPE, &items(TUPLE, &[text("module"), text("name")]));
    let arguments = || items(TUPLE, &[]);
    let u64_max = [0xa8, 255, 255, 255, 255, 255, 255, 255, 255].to_vec();
    let cases = [
        ("no part", parts(&[])),
        ("a part that is itself", parts(&[vec![PART, 0]])),
        ("a part that is another", parts(&[vec![PART, 1], vec![7]])),
        ("a part that there is not", parts(&[items(SEQ, &[vec![PART, 1]])])),
        ("a part of a great number", parts(&[items(SEQ, &[[&[PART], &u64_max[..]].concat()])])),
        ("a part outside of parts", items(SEQ, &[vec![PART, 0]])),
        ("parts in parts", parts(&[parts(&[vec![7]])])),
        ("an unknown variant", special("Unknown", &[7])),
        ("a variant that is no newtype", parts(&[variant("Set", 0, &[])])),
        ("too few elements", array(&[("elements", Some(bytes(&[0, 1, 0])))])),
        ("too many elements", array(&[("elements", Some(bytes(&[0, 1, 0, 2, 3])))])),
        ("elements of another type", array(&[("type", Some(text(">i4")))])),
        ("elements that are no bytes", array(&[("elements", Some(text("abcd")))])),
        ("no type", array(&[("type", None)])),
        ("no elements", array(&[("elements", None)])),
        ("elements and objects", array(&[("objects", Some(objects(2)))])),
        ("objects for numbers", array(&[("elements", None), ("objects", Some(objects(2)))])),
        ("bytes for objects", {
            let elements = Some(bytes(&[0; 16]));
            array(&[("type", Some(text("|O8"))), ("elements", elements)])
        }),
        ("too few objects", {
            let objects = Some(objects(1));
            array(&[("type", Some(text("|O8"))), ("elements", None), ("objects", objects)])
        }),
        ("a bool of 2", {
            array(&[("type", Some(text("|b1"))), ("elements", Some(bytes(&[1, 2])))])
        }),
        ("an unknown type", array(&[("type", Some(text("<q2")))])),
        ("an unknown byte order", array(&[("type", Some(text("!i2")))])),
        ("an unknown order", array(&[("order", Some(text("K")))])),
        ("an unknown key", array(&[("strides", Some(vec![7]))])),
        ("65 axes", { array(&[("shape", wide(65)), ("elements", Some(bytes(&[0, 1])))]) }),
        ("more elements than there can be", {
            array(&[("shape", Some(items(SEQ, &[u64_max.clone(), u64_max.clone()])))])
        }),
        ("a scalar that is too short", {
            special("Scalar", &items(TUPLE, &[text("<i4"), bytes(&[1, 2])]))
        }),
        ("a scalar that is an object", {
            special("Scalar", &items(TUPLE, &[text("|O8"), bytes(&[0; 8])]))
        }),
        ("a scalar of three", {
            special("Scalar", &items(TUPLE, &[text("<i2"), bytes(&[1, 2]), vec![7]]))
        }),
        ("a set that is no sequence", special("Set", &[7])),
        ("an object that is no map", special("Call", &arguments())),
        ("an object without class", special("Call", &map(&[("arguments", arguments())]))),
        ("an object without arguments", special("New", &map(&[("class", class())]))),
        ("an object with something else", {
            let entries = [("class", class()), ("arguments", arguments()), ("name", text("x"))];
            special("Call", &map(&entries))
        }),
    ];
    let accepted: Vec<_> = cases
        .into_iter()
        .map(|(name, item)| (name, decode(&item)))
        .filter(|(_, decoded)| {
            let error = decoded.as_ref().err();
            !error.is_some_and(|error| matches!(error.kind(), ErrorKind::Damaged { .. }))
        })
        .collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
}
