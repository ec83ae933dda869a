use std::collections::BTreeMap;

use joblib_persist::{DumpOptions, InspectOptions, LoadOptions, dump_to, load_from, message};
use ndarray::{Array2, ArrayD, IxDyn};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// A bit of everything that serde can say, in any nesting.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Node {
    Unit,
    Signed(i64),
    Wide(u128),
    Negative(i128),
    Float(f64),
    Single(f32),
    Char(char),
    Flag(bool),
    Text(String),
    Numbers(Vec<u16>),
    Matrix(Array2<f32>),
    Flags(ArrayD<bool>),
    Option(Option<Box<Node>>),
    Pair(Box<Node>, (u8, Box<Node>)),
    Record {
        name: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        note: Option<String>,
        inner: Box<Node>,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        more: Vec<Node>,
    },
    List(Vec<Node>),
    Keys(BTreeMap<u32, Node>),
    Names(BTreeMap<String, Node>),
    Tagged(Tagged),
    Open(Open),
    Loose(Loose),
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "kind")]
enum Tagged {
    Empty,
    Full { x: i32, loose: Vec<Loose> },
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Open {
    id: u64,
    #[serde(flatten)]
    rest: BTreeMap<String, Loose>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(untagged)]
enum Loose {
    Flag(bool),
    Number(i64),
    Named { name: String, size: Option<u8> },
    Text(String),
    List(Vec<Loose>),
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zäöü€ ]{0,12}", 1 => "x{28,36}", 1 => "[a-z]{1000,1100}"]
}

fn float() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("a number equals itself", |float| !float.is_nan())
}

fn loose() -> impl Strategy<Value = Loose> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Loose::Flag),
        any::<i64>().prop_map(Loose::Number),
        (text(), any::<Option<u8>>()).prop_map(|(name, size)| Loose::Named { name, size }),
        text().prop_map(Loose::Text),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Loose::List))
}

fn leaf() -> impl Strategy<Value = Node> {
    let matrix = |(rows, columns, transposed): (usize, usize, bool)| {
        let array = Array2::from_shape_fn((rows, columns), |(i, j)| i as f32 - j as f32 / 4.0);
        Node::Matrix(if transposed { array.reversed_axes() } else { array })
    };
    let tagged = prop_oneof![
        Just(Tagged::Empty),
        (any::<i32>(), prop::collection::vec(loose(), 0..3))
            .prop_map(|(x, loose)| Tagged::Full { x, loose }),
    ];
    let open = (any::<u64>(), prop::collection::btree_map("[a-h]{2,4}", loose(), 0..4));
    prop_oneof![
        Just(Node::Unit),
        any::<i64>().prop_map(Node::Signed),
        any::<u128>().prop_map(Node::Wide),
        any::<i128>().prop_map(Node::Negative),
        float().prop_map(Node::Float),
        (-100i8..100).prop_map(|i| Node::Single(f32::from(i) / 3.0)),
        any::<char>().prop_map(Node::Char),
        any::<bool>().prop_map(Node::Flag),
        text().prop_map(Node::Text),
        prop::collection::vec(any::<u16>(), 0..700).prop_map(Node::Numbers),
        (0..40usize, 0..40usize, any::<bool>()).prop_map(matrix),
        prop::collection::vec(0..5usize, 0..6)
            .prop_map(|shape| Node::Flags(ArrayD::from_elem(IxDyn(&shape), true))),
        tagged.prop_map(Node::Tagged),
        open.prop_map(|(id, rest)| Node::Open(Open { id, rest })),
        loose().prop_map(Node::Loose),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    leaf().prop_recursive(6, 60, 8, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let record = (
            text(),
            any::<Option<bool>>(),
            boxed.clone(),
            prop::collection::vec(inner.clone(), 0..3),
        );
        prop_oneof![
            prop::option::of(boxed.clone()).prop_map(Node::Option),
            (boxed.clone(), any::<u8>(), boxed).prop_map(|(a, b, c)| Node::Pair(a, (b, c))),
            record.prop_map(|(name, note, inner, more)| {
                let note = note.map(|note| note.to_string());
                Node::Record { name, note, inner, more }
            }),
            prop::collection::vec(inner.clone(), 0..8).prop_map(Node::List),
            prop::collection::btree_map(any::<u32>(), inner.clone(), 0..5).prop_map(Node::Keys),
            prop::collection::btree_map(text(), inner, 0..5).prop_map(Node::Names),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_values_come_back(value in node(), second in node()) {
        let file = dump_to(&second, dump_to(&value, Vec::new()).unwrap()).unwrap();
        let mut rest = &file[..];
        prop_assert_eq!(&load_from::<Node>(&mut rest).unwrap(), &value);
        prop_assert_eq!(&load_from::<Node>(&mut rest).unwrap(), &second);
        prop_assert!(rest.is_empty());
        load_from::<IgnoredAny>(&file[..]).unwrap();

        let all = InspectOptions::new().items(u64::MAX).total(u64::MAX);
        let description = all.inspect_from(&file[..]).unwrap();
        prop_assert_eq!(description.values.len(), 2);
        prop_assert!(description.to_string().lines().count() > 2);

        let mut message = Vec::new();
        message::encode(&value, &mut message).unwrap();
        message::encode(&second, &mut message).unwrap();
        let mut rest = &message[..];
        prop_assert_eq!(&message::decode::<Node>(&mut rest).unwrap(), &value);
        prop_assert_eq!(&message::decode::<Node>(&mut rest).unwrap(), &second);
    }

    #[test]
    fn random_values_come_back_compressed_and_within_their_size(value in node()) {
        let options = DumpOptions::new().compress("gzip:1").threads(2);
        let file = options.dump_to(&value, Vec::new()).unwrap();
        prop_assert_eq!(&load_from::<Node>(&file[..]).unwrap(), &value);
        // Everything that is in memory was counted, and nothing twice.
        let plain = dump_to(&value, Vec::new()).unwrap();
        let limited = LoadOptions::new().memory_limit(plain.len() as u64);
        prop_assert_eq!(&limited.load_from::<Node>(&plain[..]).unwrap(), &value);
    }
}
