use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use joblib_persist::{ErrorKind, dump_to, load_from, message};
use ndarray::{
    ArcArray1, Array0, Array1, Array2, Array3, ArrayD, CowArray, IxDyn, ShapeBuilder, arr0, arr1,
    array, s,
};
use num_complex::Complex;
use serde::de::DeserializeOwned;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

fn through_file<T: Serialize + ?Sized, R: DeserializeOwned>(value: &T) -> R {
    let bytes = dump_to(value, Vec::new()).unwrap();
    let mut rest = &bytes[..];
    let loaded = load_from(&mut rest).unwrap();
    assert!(rest.is_empty(), "{} bytes left", rest.len());
    loaded
}

fn through_message<T: Serialize + ?Sized, R: DeserializeOwned>(value: &T) -> R {
    let mut bytes = vec![1, 2, 3];
    message::encode(value, &mut bytes).unwrap();
    let mut rest = &bytes[3..];
    let decoded = message::decode(&mut rest).unwrap();
    assert!(rest.is_empty(), "{} bytes left", rest.len());
    decoded
}

#[track_caller]
fn returns<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    assert_eq!(through_file::<T, T>(&value), value);
    assert_eq!(through_message::<T, T>(&value), value);
    // The second of its kind, where shapes and variants are known.
    let twice = (value, through_file::<(), ()>(&()), 7u8);
    let (first, (), seven): (T, (), u8) = through_file(&twice);
    assert_eq!((first, seven), (twice.0, 7));
}

#[track_caller]
fn all_return<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    values: impl IntoIterator<Item = T>,
) {
    let values: Vec<T> = values.into_iter().collect();
    returns(values);
}

#[test]
fn integers_of_every_length_and_sign() {
    all_return([0u8, 1, 127, 128, 255]);
    all_return([0u64, 127, 128, 255, 256, 65_535, 65_536, u32::MAX.into(), 1 << 32, u64::MAX]);
    all_return([0i64, -1, 127, -128, -129, -256, -257, -65_536, -65_537, i64::MIN, i64::MAX]);
    all_return([(0u128, i128::MIN), (u128::MAX, i128::MAX), (1 << 64, -(1 << 64) - 1)]);
    all_return([(i8::MIN, i16::MIN, i32::MIN), (i8::MAX, i16::MAX, i32::MAX)]);
    all_return([(-(1i128 << 64), -(1i128 << 63) - 1, -(1i128 << 63))]);
}

#[test]
fn floats_keep_every_bit() {
    all_return([(0.0f32, -0.0f64), (f32::MIN_POSITIVE, f64::MAX), (f32::INFINITY, f64::EPSILON)]);
    let nan = f64::from_bits(0x7ff8_dead_beef_0001);
    let loaded: f64 = through_file(&nan);
    assert_eq!(loaded.to_bits(), nan.to_bits());
    let loaded: f32 = through_message(&f32::from_bits(0x7fc0_1234));
    assert_eq!(loaded.to_bits(), 0x7fc0_1234);
}

#[test]
fn text_bytes_and_chars_of_every_length() {
    for len in [0, 1, 31, 32, 127, 128, 1_022, 1_023, 1_024, 1_025, 70_000] {
        returns("x".repeat(len));
        returns("é".repeat(len));
        returns(Bytes(vec![200; len]));
    }
    all_return(['a', 'ß', '\u{10ffff}', '\0']);
}

#[derive(Debug, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[test]
fn options_units_and_newtypes() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Unit;
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Newtype(Option<Option<u8>>);
    all_return([Newtype(None), Newtype(Some(None)), Newtype(Some(Some(3)))]);
    returns((Unit, (), Some(Unit), Some(())));
    returns(Box::new(Some(Cow::<str>::Owned("text".into()))));
}

#[test]
fn maps_and_nested_sequences() {
    returns(BTreeMap::from([(1u8, vec!["a".to_owned()]), (200, vec![])]));
    returns(HashMap::from([("k".to_owned(), Some(vec![vec![1u8]])), (String::new(), None)]));
    returns(BTreeMap::from([((1u8, 'x'), ()), ((2, 'y'), ())]));
    returns(vec![vec![String::new()]; 3]);
    returns([[1.5f64; 3]; 2]);
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Shape {
    Empty,
    Point(f64),
    Line(f64, f64),
    Circle { centre: (i32, i32), radius: f32 },
}

fn shapes() -> Vec<Shape> {
    let circle = Shape::Circle { centre: (-1, 300), radius: 0.5 };
    vec![Shape::Empty, Shape::Point(1.0), Shape::Line(1.0, 2.0), circle]
}

#[test]
fn enums_of_every_kind_new_and_known() {
    all_return([shapes(), shapes(), shapes()].concat());
    returns(BTreeMap::from([("a".to_owned(), shapes())]));
    returns(Ok::<u8, String>(3));
    returns(Err::<u8, String>("no".to_owned()));
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Default)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    first: Option<u8>,
    always: u8,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    middle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    last: Option<u8>,
}

#[test]
fn skipped_fields_in_any_combination() {
    let mut values = Vec::new();
    for bits in (0..8).chain((0..8).rev()) {
        values.push(Sparse {
            first: (bits & 1 != 0).then_some(1),
            always: bits,
            middle: (bits & 2 != 0).then(|| "m".to_owned()),
            last: (bits & 4 != 0).then_some(4),
        });
    }
    all_return(values);
}

#[test]
fn tagged_enums_of_every_representation() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(tag = "type")]
    enum Internal {
        A { x: u8, y: Vec<f64> },
        B { z: String, w: Option<u8> },
        C { x: u8 },
        D(Sparse),
        E,
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(tag = "t", content = "c")]
    enum Adjacent {
        A(u8, u8),
        B { x: Vec<u16> },
        C,
        D(f32),
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(untagged)]
    enum Untagged {
        Address(Ipv4Addr),
        Number(i64),
        Name(String),
        Array(Vec<f64>),
        Pair { a: u8, b: Option<Box<Untagged>> },
        Shape(Shape),
    }
    let make = || {
        (
            vec![
                Internal::A { x: 1, y: vec![0.5; 200] },
                Internal::B { z: "z".into(), w: None },
                Internal::C { x: 3 },
                Internal::D(Sparse { always: 9, ..Sparse::default() }),
                Internal::E,
            ],
            vec![Adjacent::A(1, 2), Adjacent::B { x: vec![7; 600] }, Adjacent::C, Adjacent::D(0.5)],
            vec![
                Untagged::Address(Ipv4Addr::LOCALHOST),
                Untagged::Number(-5),
                Untagged::Name("n".into()),
                Untagged::Array(vec![1.5; 130]),
                Untagged::Pair { a: 1, b: Some(Box::new(Untagged::Number(2))) },
                Untagged::Shape(Shape::Line(1.0, 2.0)),
                Untagged::Shape(Shape::Circle { centre: (0, 1), radius: 2.0 }),
            ],
        )
    };
    all_return([make(), make()]);
}

#[test]
fn flattened_structs_and_maps() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Outer {
        id: u8,
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        rest: BTreeMap<String, f64>,
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Inner {
        address: IpAddr,
        values: Array1<f32>,
    }
    let make = |id| Outer {
        id,
        inner: Inner { address: Ipv4Addr::LOCALHOST.into(), values: arr1(&[0.5; 300]) },
        rest: BTreeMap::from([("a".to_owned(), 1.0), ("b".to_owned(), 2.0)]),
    };
    all_return([make(1), make(2)]);
    returns(IpAddr::from(Ipv4Addr::LOCALHOST));
}

#[test]
fn renamed_defaulted_and_converted_fields() {
    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    #[serde(rename_all = "camelCase", from = "Raw", into = "Raw")]
    struct Cooked(u32);
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Raw {
        #[serde(rename = "the value")]
        value: u32,
        #[serde(skip)]
        cached: u8,
        time: Duration,
    }
    impl From<Raw> for Cooked {
        fn from(raw: Raw) -> Self {
            Cooked(raw.value)
        }
    }
    impl From<Cooked> for Raw {
        fn from(cooked: Cooked) -> Self {
            Raw { value: cooked.0, cached: 9, time: Duration::from_millis(1) }
        }
    }
    all_return([Cooked(1), Cooked(2), Cooked(3)]);
}

/// Announces neither length, and sends fields as it pleases.
#[derive(Debug)]
struct Odd(&'static [&'static str]);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut odd = serializer.serialize_struct("Odd", self.0.len())?;
        for (i, name) in self.0.iter().enumerate() {
            odd.serialize_field(name, &i)?;
        }
        odd.end()
    }
}

#[test]
fn structs_of_one_name_with_other_fields() {
    let odd: &[&[&str]] = &[
        &["a", "b", "c"],
        &["a", "b", "c"],
        &["a", "c", "b"],
        &["x", "y", "z"],
        &["a", "b", "z"],
        &["c", "b", "a"],
        &["a"],
        &["b"],
        &[],
        &[],
        &["a", "b", "c"],
    ];
    let values: Vec<Odd> = odd.iter().map(|fields| Odd(fields)).collect();
    let expected: Vec<BTreeMap<String, usize>> = odd
        .iter()
        .map(|fields| fields.iter().enumerate().map(|(i, name)| ((*name).into(), i)).collect())
        .collect();
    assert_eq!(through_file::<_, Vec<BTreeMap<String, usize>>>(&values), expected);
    assert_eq!(through_message::<_, Vec<BTreeMap<String, usize>>>(&values), expected);
    let struct_wanted: Vec<Abc> = through_file(&values[..3]);
    assert_eq!(
        struct_wanted,
        [Abc { a: 0, b: 1, c: 2 }, Abc { a: 0, b: 1, c: 2 }, Abc { a: 0, b: 2, c: 1 }]
    );
}

#[derive(Deserialize, Serialize, Debug, PartialEq)]
struct Abc {
    a: u8,
    b: u8,
    c: u8,
}

#[test]
fn lengths_that_are_not_known() {
    struct Unknown(u8);
    impl Serialize for Unknown {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if self.0.is_multiple_of(2) {
                let mut seq = serializer.serialize_seq(None)?;
                (0..self.0).try_for_each(|i| seq.serialize_element(&i))?;
                seq.end()
            } else {
                let mut map = serializer.serialize_map(None)?;
                (0..self.0).try_for_each(|i| map.serialize_entry(&i, &[i]))?;
                map.end()
            }
        }
    }
    let (seq, map): (Vec<u8>, BTreeMap<u8, [u8; 1]>) = through_file(&(Unknown(4), Unknown(3)));
    assert_eq!((seq, map), (vec![0, 1, 2, 3], BTreeMap::from([(0, [0]), (1, [1]), (2, [2])])));
    let empty: (Vec<u8>, u8) = through_message(&(Unknown(0), 1u8));
    assert_eq!(empty, (vec![], 1));
}

#[test]
fn a_serialize_that_breaks_its_word_is_refused() {
    struct Liar(usize, usize, bool);
    impl Serialize for Liar {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if self.2 {
                let mut liar = serializer.serialize_struct("Liar", self.0)?;
                (0..self.1).try_for_each(|i| liar.serialize_field("f", &i))?;
                liar.end()
            } else {
                let mut liar = serializer.serialize_seq(Some(self.0))?;
                (0..self.1).try_for_each(|i| liar.serialize_element(&i))?;
                liar.end()
            }
        }
    }
    for (announced, sent) in [(1, 2), (2, 1), (0, 1), (1, 0)] {
        for is_struct in [false, true] {
            let liar = Liar(announced, sent, is_struct);
            let error = dump_to(&liar, Vec::new()).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Unwritable { .. }), "{error}");
            let mut out = vec![1];
            message::encode(&liar, &mut out).unwrap_err();
            assert_eq!(out, [1]);
        }
    }
}

#[test]
fn fields_may_be_added_removed_and_reordered() {
    #[derive(Serialize)]
    struct Old {
        gone: Vec<Array2<f64>>,
        kept: u8,
        moved: String,
        more: Shape,
    }
    #[derive(Deserialize, PartialEq, Debug)]
    struct New {
        moved: String,
        kept: u16,
        #[serde(default)]
        added: Option<u8>,
    }
    let old = || Old {
        gone: vec![Array2::zeros((30, 40)), Array2::zeros((1, 1))],
        kept: 3,
        moved: "m".into(),
        more: Shape::Circle { centre: (1, 2), radius: 1.0 },
    };
    let new = || New { moved: "m".into(), kept: 3, added: None };
    let loaded: Vec<New> = through_file(&[old(), old(), old()]);
    assert_eq!(loaded, [new(), new(), new()]);
    let loaded: Vec<New> = through_message(&[old(), old()]);
    assert_eq!(loaded, [new(), new()]);
}

#[test]
fn arrays_of_every_size_and_order() {
    for len in [0usize, 1, 127, 128, 129, 5_000, 40_000] {
        let values: Vec<f64> = (0..len).map(|i| i as f64).collect();
        returns(values.clone());
        returns(arr1(&values));
        returns((arr1(&values), 1u8, values.clone(), Some(arr1(&values).to_shared())));
    }
    let fortran = Array2::from_shape_fn((50, 70).f(), |(i, j)| (i * 100 + j) as u16);
    let loaded: Array2<u16> = through_file(&fortran);
    assert_eq!(loaded, fortran);
    assert_eq!(loaded.strides(), fortran.strides());
    returns(Array3::<f32>::zeros((0, 3, 0)));
    returns(arr0(Complex::new(1.0f32, -1.0)));
    returns(ArrayD::<bool>::from_elem(IxDyn(&[2, 3, 4, 5, 6, 7, 2]), true));
    returns((vec![true, false], vec![1u128 << 100], vec![i128::MIN], vec![usize::MAX]));
    returns(array![[Complex::new(0.5f64, 2.0)]]);
}

#[cfg(feature = "half")]
#[test]
fn half_precision_is_a_type_of_elements() {
    use half::f16;
    let halves = |n: u16| -> Vec<f16> { (0..n).map(f16::from_bits).collect() };
    for len in [0, 3, 511, 512, 40_000] {
        let bits = |values: &[f16]| -> Vec<u16> { values.iter().map(|v| v.to_bits()).collect() };
        // NaNs are among them: compared by their bits.
        let loaded: Vec<f16> = through_file(&halves(len));
        assert_eq!(bits(&loaded), bits(&halves(len)));
        let loaded: Array1<f16> = through_message(&arr1(&halves(len)));
        assert_eq!(bits(loaded.as_slice().unwrap()), bits(&halves(len)));
    }
    let error = load_from::<Vec<f32>>(&dump_to(&halves(9), Vec::new()).unwrap()[..]).unwrap_err();
    assert_eq!(error.to_string(), "array of f16 found, f32 wanted");
    // By element, where the type is not asked for.
    let by_bits: Vec<(u16,)> = through_file(&vec![(f16::ONE,), (f16::from_f32(-2.5),)]);
    assert_eq!(by_bits, [(0x3c00,), (0xc100,)]);
}

#[test]
fn views_and_pointers_load_as_what_they_show() {
    let whole = Array2::from_shape_fn((40, 50), |(i, j)| (i * 50 + j) as i32);
    let view = whole.slice(s![..;2, ..;-3]);
    let loaded: Array2<i32> = through_file(&view);
    assert_eq!(loaded, view);
    let loaded: ArcArray1<i32> = through_message(&whole.row(3));
    assert_eq!(loaded, whole.row(3));
    let loaded: CowArray<'static, i32, ndarray::Ix2> = through_file(&CowArray::from(&whole));
    assert_eq!(loaded, whole);
    let loaded: Box<[u8]> = through_file(&&[9u8; 3000][..]);
    assert_eq!(*loaded, [9; 3000]);
}

#[test]
fn an_array_of_one_axis_and_a_vec_are_alike() {
    let loaded: Vec<f64> = through_file(&arr1(&[1.0, 2.0]));
    assert_eq!(loaded, [1.0, 2.0]);
    let loaded: Array1<f64> = through_file(&vec![1.0; 500]);
    assert_eq!(loaded, arr1(&[1.0; 500]));
}

#[test]
fn arrays_that_are_not_recognised_travel_by_element() {
    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone, Copy)]
    #[serde(transparent)]
    struct Metre(f64);
    returns(arr1(&[Metre(1.0), Metre(2.0)]));
    returns(arr1(&["a".to_owned()]).into_shape_with_order((1, 1)).unwrap());
    // Written as a block, read by element: in logical order whatever the memory's.
    let fortran = Array2::from_shape_fn((20, 30).f(), |(i, j)| (i * 30 + j) as f64);
    let loaded: Array2<Metre> = through_file(&fortran);
    assert_eq!(loaded, fortran.mapv(Metre));
    let loaded: Vec<Metre> = through_file(&vec![3.0; 200]);
    assert_eq!(loaded, vec![Metre(3.0); 200]);
    let loaded: Vec<Option<(f32, f32)>> = through_message(&vec![Complex::new(1f32, 2.0)]);
    assert_eq!(loaded, [Some((1.0, 2.0))]);
    // Written by element, read as an array.
    let loaded: Array1<f64> = through_file(&arr1(&[Metre(1.0)]));
    assert_eq!(loaded, arr1(&[1.0]));
}

#[test]
fn custom_functions_of_a_field_are_honoured() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Doubled {
        #[serde(serialize_with = "halve", deserialize_with = "double")]
        values: Vec<f64>,
        #[serde(deserialize_with = "count")]
        counted: Array1<f64>,
    }
    fn halve<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        values.iter().map(|v| v / 2.0).collect::<Vec<f64>>().serialize(serializer)
    }
    fn double<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<f64>::deserialize(deserializer)?.into_iter().map(|v| v * 2.0).collect())
    }
    fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Array1<f64>, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Array1<f64>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut names = 0.0;
                while map.next_entry::<String, serde::de::IgnoredAny>()?.is_some() {
                    names += 1.0;
                }
                Ok(arr1(&[names]))
            }
        }
        deserializer.deserialize_struct("Array", &["v", "dim", "data"], Visitor)
    }
    let values = vec![1.0; 300];
    let doubled = Doubled { values, counted: arr1(&[0.5; 300]) };
    let loaded: Doubled = through_file(&doubled);
    assert_eq!(loaded, Doubled { counted: arr1(&[3.0]), ..doubled });
}

#[test]
fn a_visitor_that_knows_only_names_gets_names() {
    #[derive(PartialEq, Debug)]
    struct ByName(u8);
    impl<'de> Deserialize<'de> for ByName {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct NamesOnly;
            impl<'de> serde::de::Visitor<'de> for NamesOnly {
                type Value = ByName;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a map")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<ByName, A::Error> {
                    let mut sum = 0;
                    while let Some((_, value)) = map.next_entry::<String, u8>()? {
                        sum += value;
                    }
                    Ok(ByName(sum))
                }
            }
            deserializer.deserialize_struct("Abc", &["a", "b", "c"], NamesOnly)
        }
    }
    let abc = || Abc { a: 1, b: 2, c: 3 };
    let loaded: Vec<ByName> = through_file(&[abc(), abc(), abc()]);
    assert_eq!(loaded, [ByName(6), ByName(6), ByName(6)]);
}

#[test]
fn many_values_follow_each_other() {
    let mut bytes = Vec::new();
    for i in 0..20u32 {
        bytes = dump_to(&(i, vec![f64::from(i); 100 * i as usize]), bytes).unwrap();
    }
    let mut rest = &bytes[..];
    for i in 0..20u32 {
        let (number, values): (u32, Vec<f64>) = load_from(&mut rest).unwrap();
        assert_eq!((number, values.len()), (i, 100 * i as usize));
        assert!(values.iter().all(|&value| value == f64::from(i)));
    }
    assert!(rest.is_empty());
}

#[test]
fn values_of_many_frames() {
    let values: Vec<(u32, String, Shape)> =
        (0..20_000).map(|i| (i, format!("number {i}"), shapes()[i as usize % 4].clone())).collect();
    returns(values);
    let structs: Vec<Sparse> = (0..20_000)
        .map(|i| Sparse { always: i as u8, last: Some(1), ..Sparse::default() })
        .collect();
    returns(structs);
    returns((0..3_000).map(|i| vec![i as f32; i % 300]).collect::<Vec<_>>());
}

#[test]
fn scalars_are_small() {
    let len = |value: f64| dump_to(&value, Vec::new()).unwrap().len();
    assert_eq!(len(0.5), 16 + 12 + 9 + 32);
    let scalar: Array0<f64> = arr0(0.5);
    let mut out = Vec::new();
    message::encode(&scalar, &mut out).unwrap();
    assert_eq!(out.len(), 4 + 8);
}
