//! Values for other formats, JSON above all, through serde.

use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::plain_array::{Element, ObjectRows, Rows};
use super::{ArrayRef, Items, Kind, Object, Pairs, ValueRef};

/// How deep values are written: what contains itself would never end.
const DEPTH_MAX: u32 = 128;

/// How many parts are written: what is shared is written in each of its places.
const PARTS_PER_PART: u64 = 64;

/// As JSON has it: containers are arrays and objects, a key that is no text is shown as text; an
/// array is a sequence of sequences; bytes are numbers; an object is a map of its `__class__` and
/// its attributes, entries, or what it was made with as `__args__`.
///
/// ```
/// use joblib_persist::value::Value;
/// use ndarray::array;
///
/// let value = Value::from(array![[1, 2], [3, 4]]);
/// assert_eq!(serde_json::to_string(&value)?, "[[1,2],[3,4]]");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// What contains itself, or nests deeper than 128 levels, is an error.
impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = (self.arena.slots() + (1 << 16)).saturating_mul(PARTS_PER_PART);
        let left = std::cell::Cell::new(parts);
        Part { value: *self, depth: 0, left: &left }.serialize(serializer)
    }
}

#[derive(Clone, Copy)]
struct Part<'a> {
    value: ValueRef<'a>,
    depth: u32,
    left: &'a std::cell::Cell<u64>,
}

impl<'a> Part<'a> {
    fn inner(self, value: ValueRef<'a>) -> Self {
        Part { value, depth: self.depth + 1, ..self }
    }

    fn sequence<S: Serializer>(self, items: Items<'a>, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(items.len()))?;
        items.iter().try_for_each(|item| seq.serialize_element(&self.inner(item)))?;
        seq.end()
    }

    fn pairs<S: Serializer>(self, pairs: Pairs<'a>, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(pairs.len()))?;
        pairs.iter().try_for_each(|pair| self.entry(&mut map, pair))?;
        map.end()
    }

    fn entry<M: SerializeMap>(
        self,
        map: &mut M,
        (key, value): (ValueRef<'a>, ValueRef<'a>),
    ) -> Result<(), M::Error> {
        match key.as_str() {
            Some(key) => map.serialize_entry(key, &self.inner(value)),
            None => map.serialize_entry(&key.to_string(), &self.inner(value)),
        }
    }

    fn object<S: Serializer>(self, object: Object<'a>, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        if let Some(class) = object.class() {
            map.serialize_entry("__class__", &class.to_string())?;
        }
        let arguments = object.arguments();
        if arguments.as_sequence().is_none_or(|arguments| !arguments.is_empty()) {
            map.serialize_entry("__args__", &self.inner(arguments))?;
        }
        if !object.items().is_empty() {
            let items: Vec<Part<'_>> = object.items().iter().map(|item| self.inner(item)).collect();
            map.serialize_entry("__items__", &items)?;
        }
        object.entries().iter().try_for_each(|pair| self.entry(&mut map, pair))?;
        let mut attributes = object.attributes().peekable();
        match object.state() {
            Some(state) if attributes.peek().is_none() && state.as_dict().is_none() => {
                map.serialize_entry("__state__", &self.inner(state))?;
            }
            _ => attributes.try_for_each(|pair| self.entry(&mut map, pair))?,
        }
        map.end()
    }

    fn array<S: Serializer>(self, array: ArrayRef<'a>, to: S) -> Result<S::Ok, S::Error> {
        match (array.objects(), array.bytes()) {
            (Some(items), _) => {
                let each = |item| self.inner(item);
                ObjectRows { shape: array.shape(), items, each }.serialize(to)
            }
            (None, bytes) => Rows::of(&array, bytes.unwrap_or_default()).serialize(to),
        }
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(left) = self.left.get().checked_sub(1).filter(|_| self.depth < DEPTH_MAX) else {
            return Err(S::Error::custom("a value that contains itself, or nests too deep"));
        };
        self.left.set(left);
        match self.value.kind() {
            Kind::None => to.serialize_unit(),
            Kind::Bool(value) => to.serialize_bool(value),
            Kind::Int(value) => to.serialize_i64(value),
            Kind::BigInt(value) => match (value.to_u128(), value.to_i128()) {
                (Some(value), _) => to.serialize_u128(value),
                (None, Some(value)) => to.serialize_i128(value),
                (None, None) => to.collect_str(&value),
            },
            Kind::Float(value) => to.serialize_f64(value),
            Kind::Complex(value) => [value.re, value.im].serialize(to),
            Kind::Str(text) => to.serialize_str(text),
            Kind::WideStr(bytes) | Kind::Bytes(bytes) | Kind::ByteArray(bytes) => {
                to.serialize_bytes(bytes)
            }
            Kind::List(items) | Kind::Tuple(items) | Kind::Set(items) | Kind::FrozenSet(items) => {
                self.sequence(items, to)
            }
            Kind::Dict(pairs) => self.pairs(pairs, to),
            Kind::Array(array) => self.array(array, to),
            Kind::Scalar(element_type, bytes) => Element { element_type, bytes }.serialize(to),
            Kind::ElementType(element_type) => to.collect_str(element_type),
            Kind::Global(global) => to.collect_str(&global),
            Kind::Object(object) => self.object(object, to),
        }
    }
}
