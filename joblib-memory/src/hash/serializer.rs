//! The serializer that feeds a value to the digest.

use std::fmt;

use joblib_persist::array::{Block, DType, Order, Origin, STRUCT_FIELDS, STRUCT_NAME};
use serde::{Serialize, Serializer};

use super::accumulator::Accumulator;
use super::compound::{Fields, Items, Sequence};
use super::encoding::{self as tag, Kind, Run};
use super::unordered::Unordered;
use crate::{Algorithm, Digest};

/// Why serializing ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// An array was digested whole: its elements are not wanted.
    Done,
    /// The value refused.
    Refused(Box<str>),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("already digested"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Stop {}

impl serde::ser::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Refused(message.to_string().into())
    }
}

/// The version `ndarray` serializes with its arrays.
const ARRAY_VERSION: u8 = 1;

pub(super) type Result<T = ()> = std::result::Result<T, Stop>;

/// Where a value stands, which decides how it is written.
pub(super) enum Place<'h> {
    /// On its own.
    Value(&'h mut Accumulator),
    /// In a sequence, where primitives of one kind are gathered into runs.
    Element(&'h mut Accumulator, &'h mut Run),
    /// The shape of an array: a tuple whatever type holds it.
    Shape(&'h mut Accumulator),
}

/// Writes `value` as it stands in its place.
pub(super) fn feed<T: Serialize + ?Sized>(value: &T, place: Place<'_>) -> Result {
    match value.serialize(ValueSerializer { place, origin: Origin::of(value) }) {
        Err(Stop::Done) => Ok(()),
        other => other,
    }
}

pub(super) struct ValueSerializer<'h, 'v> {
    place: Place<'h>,
    origin: Origin<'v>,
}

impl<'h> ValueSerializer<'h, '_> {
    #[inline]
    fn primitive(self, kind: Kind, bytes: &[u8]) -> Result {
        match self.place {
            Place::Value(out) | Place::Shape(out) => out.primitive(kind, bytes),
            Place::Element(out, run) => run.push(kind, bytes, out),
        }
        Ok(())
    }

    /// Begins an item that is no primitive.
    fn item(self, tag: u8) -> &'h mut Accumulator {
        let out = match self.place {
            Place::Value(out) | Place::Shape(out) => out,
            Place::Element(out, run) => {
                run.finish(out);
                out
            }
        };
        out.tag(tag);
        out
    }

    /// Begins a named item.
    fn named(self, tag: u8, name: &str) -> &'h mut Accumulator {
        let out = self.item(tag);
        out.text(name.as_bytes());
        out
    }

    fn variant(self, tag: u8, name: &str, variant: &str) -> &'h mut Accumulator {
        let out = self.named(tag, name);
        out.text(variant.as_bytes());
        out
    }
}

/// The array that `look` finds, if its memory has the byte order that counts.
fn block<'v>(
    origin: Origin<'v>,
    look: impl FnOnce(Origin<'v>) -> Option<Block<'v>>,
) -> Option<Block<'v>> {
    if cfg!(target_endian = "little") { look(origin) } else { None }
}

/// Writes what [`Fields`] writes of an array that comes element by element.
fn write_array(block: &Block<'_>, out: &mut Accumulator) {
    out.primitive(DType::U8.code(), &[ARRAY_VERSION]);
    out.tag(tag::TUPLE);
    for &length in block.shape() {
        out.primitive(DType::U64.code(), &(length as u64).to_le_bytes());
    }
    out.tag(tag::END);
    out.tag(if block.order() == Order::F { tag::ORDER_F } else { tag::ORDER_C });
    out.tag(tag::SEQUENCE);
    write_elements(block, out);
    out.tag(tag::END);
}

/// Writes what [`Sequence`] writes of elements that come one by one.
fn write_elements(block: &Block<'_>, out: &mut Accumulator) {
    let dtype = block.dtype();
    let count = (block.byte_len() / dtype.size()) as u64;
    if count > 0 {
        out.run(dtype.code(), count, digest_of_elements(block, out.algorithm()));
    }
    out.tag(tag::END);
}

fn digest_of_elements(block: &Block<'_>, algorithm: Algorithm) -> Digest {
    if let Some(memory) = block.memory() {
        return algorithm.digest(memory);
    }
    let mut bytes = Accumulator::new(algorithm);
    let Ok(()) = block.try_for_each_chunk(|chunk| {
        bytes.write(chunk);
        Ok::<(), std::convert::Infallible>(())
    });
    bytes.take_digest()
}

/// Whether a type that serializes as a sequence has no order: serde does not tell sets apart.
fn is_unordered(type_name: &str) -> bool {
    let name = type_name.trim_start_matches(['&', '*']).trim_start_matches("mut ");
    let path = name.split('<').next().unwrap_or(name);
    path.ends_with("HashSet") || path.contains("::hash_set::") || path.contains("::hash::set::")
}

macro_rules! numbers {
    ($($method:ident: $type:ty = $dtype:ident),* $(,)?) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result {
            self.primitive(DType::$dtype.code(), &value.to_le_bytes())
        }
    )*};
}

impl<'h> Serializer for ValueSerializer<'h, '_> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Sequence<'h>;
    type SerializeTuple = Items<'h>;
    type SerializeTupleStruct = Items<'h>;
    type SerializeTupleVariant = Items<'h>;
    type SerializeMap = Unordered<'h>;
    type SerializeStruct = Fields<'h>;
    type SerializeStructVariant = Fields<'h>;

    numbers! {
        serialize_u8: u8 = U8, serialize_i8: i8 = I8, serialize_u16: u16 = U16,
        serialize_i16: i16 = I16, serialize_u32: u32 = U32, serialize_i32: i32 = I32,
        serialize_u64: u64 = U64, serialize_i64: i64 = I64, serialize_u128: u128 = U128,
        serialize_i128: i128 = I128, serialize_f32: f32 = F32, serialize_f64: f64 = F64,
    }

    fn serialize_bool(self, value: bool) -> Result {
        self.primitive(DType::Bool.code(), &[u8::from(value)])
    }

    fn serialize_char(self, value: char) -> Result {
        self.primitive(tag::CHAR, &u32::from(value).to_le_bytes())
    }

    fn serialize_str(self, value: &str) -> Result {
        self.item(tag::STR).text(value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result {
        self.item(tag::BYTES).text(value);
        Ok(())
    }

    fn serialize_none(self) -> Result {
        self.item(tag::NONE);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        feed(value, Place::Value(self.item(tag::SOME)))
    }

    fn serialize_unit(self) -> Result {
        self.item(tag::UNIT);
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result {
        self.named(tag::UNIT_STRUCT, name);
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result {
        self.variant(tag::UNIT_VARIANT, name, variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result {
        // No struct has such a name: it is an arrangement between a type and a format, as that of
        // `MappedArray`, which is an array like any other.
        if name.starts_with('$') {
            return feed(value, self.place);
        }
        feed(value, Place::Value(self.named(tag::NEWTYPE_STRUCT, name)))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        feed(value, Place::Value(self.variant(tag::NEWTYPE_VARIANT, name, variant)))
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Sequence<'h>> {
        if let Place::Shape(out) = self.place {
            out.tag(tag::TUPLE);
            return Ok(Sequence::shape(out));
        }
        let block = block(self.origin, Origin::slice);
        let out = self.item(tag::SEQUENCE);
        let Some(block) = block else { return Ok(Sequence::new(out)) };
        write_elements(&block, out);
        Err(Stop::Done)
    }

    fn collect_seq<I>(self, items: I) -> Result
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        use serde::ser::SerializeSeq;
        if is_unordered(std::any::type_name::<I>()) {
            let mut set = Unordered::new(self.item(tag::SET));
            items.into_iter().try_for_each(|item| set.add(&item))?;
            set.finish();
            return Ok(());
        }
        let mut sequence = self.serialize_seq(None)?;
        items.into_iter().try_for_each(|item| sequence.serialize_element(&item))?;
        SerializeSeq::end(sequence)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Items<'h>> {
        Ok(Items::new(self.item(tag::TUPLE)))
    }

    fn serialize_tuple_struct(self, name: &'static str, _len: usize) -> Result<Items<'h>> {
        Ok(Items::new(self.named(tag::TUPLE_STRUCT, name)))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items<'h>> {
        Ok(Items::new(self.variant(tag::TUPLE_VARIANT, name, variant)))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Unordered<'h>> {
        Ok(Unordered::new(self.item(tag::MAP)))
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Fields<'h>> {
        if name != STRUCT_NAME || len != STRUCT_FIELDS.len() {
            return Ok(Fields::new(self.named(tag::STRUCT, name)));
        }
        let block = block(self.origin, Origin::array);
        let out = self.item(tag::ARRAY);
        let Some(block) = block else { return Ok(Fields::array(out)) };
        write_array(&block, out);
        Err(Stop::Done)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'h>> {
        Ok(Fields::new(self.variant(tag::STRUCT_VARIANT, name, variant)))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
