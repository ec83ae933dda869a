//! A digest depends on what a value holds, and not on how it came.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use joblib_memory::{Digest, Error};
use ndarray::{Array1, Array2, ArrayD, Axis, ShapeBuilder, arr0, arr2, s};
use num_complex::Complex;
use proptest::prelude::*;
use serde::{Serialize, Serializer};

fn hash<T: Serialize + ?Sized>(value: &T) -> Digest {
    joblib_memory::hash(value).unwrap()
}

/// Serializes as its content does, but hides it: arrays in it come element by element.
#[derive(Serialize)]
#[serde(transparent)]
struct Hidden<T>(T);

#[test]
fn the_route_of_a_value_does_not_count() {
    let vec = vec![1.0_f64, 2.0, 3.0];
    let expected = hash(&vec);
    assert_eq!(hash(&&vec), expected);
    assert_eq!(hash(&&&vec), expected);
    assert_eq!(hash(vec.as_slice()), expected);
    assert_eq!(hash(&vec.clone().into_boxed_slice()), expected);
    assert_eq!(hash(&Box::new(vec.clone())), expected);
    assert_eq!(hash(&Rc::new(vec.clone())), expected);
    assert_eq!(hash(&Arc::new(vec.clone())), expected);
    assert_eq!(hash(&Cow::Borrowed(vec.as_slice())), expected);
    assert_eq!(hash(&Hidden(vec)), expected);
    assert_eq!(hash("text"), hash(&"text".to_owned()));
    assert_eq!(hash("text"), hash(&Cow::Borrowed("text")));
}

#[test]
fn arrays_hash_alike_by_every_route() {
    let array = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let expected = hash(&array);
    assert_eq!(hash(&&array), expected);
    assert_eq!(hash(&&&&array), expected);
    assert_eq!(hash(&array.view()), expected);
    assert_eq!(hash(&array.to_shared()), expected);
    assert_eq!(hash(&Arc::new(array.clone())), expected);
    assert_eq!(hash(&Hidden(array.clone())), expected);
    assert_eq!(hash(&array.clone().into_dyn()), expected);
    assert_eq!(hash(&Hidden(array.into_dyn())), expected);
    assert_eq!(hash(&Hidden(arr0(1_u8))), hash(&arr0(1_u8)));
}

#[test]
fn views_hash_as_their_copies() {
    let array = Array2::from_shape_fn((60, 70), |(i, j)| (100 * i + j) as f32);
    for view in [
        array.slice(s![..;2, ..;3]),
        array.slice(s![..;-1, 5..]),
        array.slice(s![7, ..]).insert_axis(Axis(0)),
    ] {
        assert_eq!(hash(&view), hash(&view.as_standard_layout().to_owned()));
    }
    let cube =
        ArrayD::<u16>::from_shape_fn(vec![3, 4, 5], |i| (i[0] * 20 + i[1] * 5 + i[2]) as u16);
    let permuted = cube.view().permuted_axes(vec![1, 0, 2]);
    assert_eq!(hash(&permuted), hash(&permuted.as_standard_layout().to_owned()));
}

#[test]
fn the_order_of_an_array_counts() {
    let c = Array2::<f64>::ones((2, 3));
    let f = Array2::<f64>::ones((2, 3).f());
    assert_ne!(hash(&c), hash(&f));
    assert_eq!(hash(&f), hash(&&f.view()));
    // Where both orders are the same there is no difference.
    assert_eq!(hash(&Array2::<f64>::ones((1, 3))), hash(&Array2::<f64>::ones((1, 3).f())));
}

#[test]
fn the_order_of_sets_and_maps_does_not_count() {
    // Every HashMap iterates in an order of its own.
    let map = || (0..100).map(|i| (i.to_string(), i)).collect::<HashMap<_, _>>();
    assert_eq!(hash(&map()), hash(&map()));
    assert_eq!(hash(&map()), hash(&map().into_iter().collect::<BTreeMap<_, _>>()));
    let set = || (0..100).collect::<HashSet<i32>>();
    assert_eq!(hash(&set()), hash(&set()));
    assert_eq!(hash(&Rc::new(set())), hash(&set()));
    assert_ne!(hash(&set()), hash(&(1..101).collect::<HashSet<i32>>()));
    // A sequence of sets is still a sequence.
    let [a, b] = [HashSet::from([1]), HashSet::from([2])];
    assert_ne!(hash(&vec![a.clone(), b.clone()]), hash(&vec![b, a]));
    assert_ne!(hash(&BTreeSet::from([1])), hash(&HashSet::from([1])));
}

#[test]
fn what_differs_hashes_differently() {
    #[derive(Serialize)]
    struct Meters(f64);
    #[derive(Serialize)]
    struct Feet(f64);
    #[derive(Serialize)]
    enum Unit {
        Meters,
        Feet,
        Other(u8),
        Named { a: u8 },
        Pair(u8, u8),
    }
    let digests = [
        hash(&()),
        hash(&None::<()>),
        hash(&Some(())),
        hash(&true),
        hash(&1_u8),
        hash(&1_i8),
        hash(&1_u16),
        hash(&1_u64),
        hash(&1_u128),
        hash(&1.0_f32),
        hash(&1.0_f64),
        hash(&0.0_f64),
        hash(&-0.0_f64),
        hash(&'1'),
        hash("1"),
        hash(""),
        hash(&("ab", "c")),
        hash(&("a", "bc")),
        hash(&(1, 2)),
        hash(&vec![1, 2]),
        hash(&vec![2, 1]),
        hash(&vec![1_u8, 2]),
        hash(&vec![vec![1], vec![2]]),
        hash(&vec![vec![1, 2]]),
        hash(&vec![vec![], vec![1, 2]]),
        hash(&vec![vec![1, 2], vec![]]),
        hash(&Array1::from(vec![1, 2])),
        hash(&arr2(&[[1, 2]])),
        hash(&arr2(&[[1], [2]])),
        hash(&Meters(1.0)),
        hash(&Feet(1.0)),
        hash(&Unit::Meters),
        hash(&Unit::Feet),
        hash(&Unit::Other(1)),
        hash(&Unit::Named { a: 1 }),
        hash(&Unit::Pair(1, 1)),
        hash(&HashMap::from([(1, 2)])),
        hash(&HashMap::from([(2, 1)])),
        hash(&HashMap::from([((1, 2), ())])),
    ];
    let distinct: HashSet<&Digest> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
}

#[test]
fn the_types_of_elements_count_one_by_one() {
    use Mixed::{Large, Small};
    // The same bytes in the same number of elements.
    assert_ne!(
        hash(&[Small(0), Large(0), Small(0)][..]),
        hash(&[Small(0), Small(0), Large(0)][..])
    );
}

#[test]
fn nan_equals_itself() {
    assert_eq!(hash(&f64::NAN), hash(&f64::NAN));
    assert_eq!(hash(&vec![f32::NAN]), hash(&Hidden(vec![f32::NAN])));
}

#[test]
fn arrays_of_every_element_type_are_found_either_way() {
    macro_rules! both_ways {
        ($($value:expr),* $(,)?) => {$(
            let array = vec![$value; 70];
            assert_eq!(hash(&array), hash(&Hidden(&array)), stringify!($value));
        )*};
    }
    both_ways!(
        true,
        1_u8,
        1_i8,
        1_u16,
        1_i16,
        1_u32,
        1_i32,
        1_u64,
        1_i64,
        1_u128,
        1_i128,
        1_f32,
        1_f64,
        1_usize,
        1_isize,
        Complex::new(1_f32, 2.0),
        Complex::new(1_f64, 2.0),
    );
}

#[test]
fn a_struct_called_array_is_no_array() {
    #[derive(Serialize)]
    struct Array {
        x: u8,
        y: u8,
        z: u8,
    }
    assert_ne!(hash(&Array { x: 1, y: 2, z: 3 }), hash(&Array { x: 1, y: 3, z: 2 }));
}

#[test]
fn a_refusal_is_an_error_and_no_digest() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    let error = joblib_memory::hash(&vec![Refuses]).unwrap_err();
    assert!(matches!(error, Error::Hash { .. }));
    assert_eq!(error.to_string(), "hashing a value failed: its `Serialize` refused");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "not today");
}

proptest! {
    #[test]
    fn any_sequence_hashes_alike_found_or_not(values in prop::collection::vec(any::<f64>(), 0..300)) {
        prop_assert_eq!(hash(&values), hash(&Hidden(&values)));
        let array = Array1::from(values);
        prop_assert_eq!(hash(&array), hash(&Hidden(&array)));
    }

    #[test]
    fn different_texts_hash_differently(a in prop::collection::vec(".{0,9}", 0..5), b in prop::collection::vec(".{0,9}", 0..5)) {
        prop_assert_eq!(a == b, hash(&a) == hash(&b));
    }

    #[test]
    fn mixed_sequences_depend_on_every_element(a in prop::collection::vec(mixed(), 0..8), b in prop::collection::vec(mixed(), 0..8)) {
        prop_assert_eq!(a == b, hash(&a) == hash(&b));
    }
}

/// Numbers of two types, and something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Mixed {
    Small(u8),
    Large(u64),
    List(Vec<u8>),
    Nothing,
}

fn mixed() -> impl Strategy<Value = Mixed> {
    prop_oneof![
        (0_u8..3).prop_map(Mixed::Small),
        (0_u64..3).prop_map(Mixed::Large),
        prop::collection::vec(0_u8..2, 0..2).prop_map(Mixed::List),
        Just(Mixed::Nothing),
    ]
}
