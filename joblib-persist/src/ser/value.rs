//! The serializer of one value.

use serde::{Serialize, Serializer};

use super::compound::{Items, StructFields};
use super::encoder::Encoder;
use super::sink::Sink;
use super::stop::Stop;
use crate::array::{self, Origin};
use crate::format::{Container, VariantKind, tag};

type Result<T = ()> = std::result::Result<T, Stop>;

/// Serializes the value that came from `origin`.
pub(super) struct ValueSerializer<'e, 'v, S> {
    pub(super) encoder: &'e mut Encoder<S>,
    pub(super) origin: Origin<'v>,
}

impl<'e, S: Sink> ValueSerializer<'e, '_, S> {
    fn items(self, tag: u8, len: usize) -> Result<Items<'e, S>> {
        self.encoder.with_len(tag, len)?;
        Items::new(self.encoder, Some(len))
    }

    fn open(self, tag: u8) -> Result<Items<'e, S>> {
        self.encoder.put([tag])?;
        Items::new(self.encoder, None)
    }
}

impl<'e, S: Sink> Serializer for ValueSerializer<'e, '_, S> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Items<'e, S>;
    type SerializeTuple = Items<'e, S>;
    type SerializeTupleStruct = Items<'e, S>;
    type SerializeTupleVariant = Items<'e, S>;
    type SerializeMap = Items<'e, S>;
    type SerializeStruct = StructFields<'e, S>;
    type SerializeStructVariant = StructFields<'e, S>;

    #[inline]
    fn serialize_bool(self, v: bool) -> Result {
        Ok(self.encoder.put([if v { tag::TRUE } else { tag::FALSE }])?)
    }

    #[inline]
    fn serialize_i8(self, v: i8) -> Result {
        Ok(self.encoder.signed(v.into())?)
    }

    #[inline]
    fn serialize_i16(self, v: i16) -> Result {
        Ok(self.encoder.signed(v.into())?)
    }

    #[inline]
    fn serialize_i32(self, v: i32) -> Result {
        Ok(self.encoder.signed(v.into())?)
    }

    #[inline]
    fn serialize_i64(self, v: i64) -> Result {
        Ok(self.encoder.signed(v)?)
    }

    fn serialize_i128(self, v: i128) -> Result {
        if let Ok(v) = i64::try_from(v) {
            self.serialize_i64(v)
        } else if let Ok(v) = u128::try_from(v) {
            self.serialize_u128(v)
        } else {
            Ok(self.encoder.tagged(tag::N128, (!v as u128).to_le_bytes())?)
        }
    }

    #[inline]
    fn serialize_u8(self, v: u8) -> Result {
        Ok(self.encoder.unsigned(v.into())?)
    }

    #[inline]
    fn serialize_u16(self, v: u16) -> Result {
        Ok(self.encoder.unsigned(v.into())?)
    }

    #[inline]
    fn serialize_u32(self, v: u32) -> Result {
        Ok(self.encoder.unsigned(v.into())?)
    }

    #[inline]
    fn serialize_u64(self, v: u64) -> Result {
        Ok(self.encoder.unsigned(v)?)
    }

    fn serialize_u128(self, v: u128) -> Result {
        match u64::try_from(v) {
            Ok(v) => self.serialize_u64(v),
            Err(_) => Ok(self.encoder.tagged(tag::U128, v.to_le_bytes())?),
        }
    }

    #[inline]
    fn serialize_f32(self, v: f32) -> Result {
        Ok(self.encoder.tagged(tag::F32, v.to_le_bytes())?)
    }

    #[inline]
    fn serialize_f64(self, v: f64) -> Result {
        Ok(self.encoder.tagged(tag::F64, v.to_le_bytes())?)
    }

    #[inline]
    fn serialize_char(self, v: char) -> Result {
        Ok(self.encoder.tagged(tag::CHAR, u32::from(v).to_le_bytes())?)
    }

    #[inline]
    fn serialize_str(self, v: &str) -> Result {
        Ok(self.encoder.text(v)?)
    }

    fn serialize_bytes(self, v: &[u8]) -> Result {
        Ok(self.encoder.byte_string(tag::BYTES, Container::Bytes, v)?)
    }

    #[inline]
    fn serialize_none(self) -> Result {
        Ok(self.encoder.put([tag::NONE])?)
    }

    #[inline]
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result {
        self.encoder.put([tag::SOME])?;
        self.encoder.enter()?;
        self.encoder.value(value)?;
        self.encoder.leave();
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result {
        Ok(self.encoder.put([tag::UNIT])?)
    }

    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result {
        Ok(self.encoder.variant(name, index, variant, VariantKind::Unit)?)
    }

    #[inline]
    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result {
        if name == crate::value::NAME
            && let Some(part) = Origin::of(value).part()
        {
            return Ok(self.encoder.parts(part)?);
        }
        self.encoder.value(value)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.encoder.variant(name, index, variant, VariantKind::Newtype)?;
        self.encoder.enter()?;
        self.encoder.value(value)?;
        self.encoder.leave();
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items<'e, S>> {
        if let Some(block) = self.origin.slice() {
            self.encoder.array(&block)?;
            return Err(Stop(None));
        }
        match len {
            Some(len) => self.items(tag::SEQ, len),
            None => self.open(tag::SEQ_OPEN),
        }
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Items<'e, S>> {
        self.items(tag::TUPLE, len)
    }

    #[inline]
    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Items<'e, S>> {
        self.items(tag::TUPLE, len)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items<'e, S>> {
        self.encoder.variant(name, index, variant, VariantKind::Tuple)?;
        self.items(tag::TUPLE, len)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Items<'e, S>> {
        match len {
            Some(len) => self.items(tag::MAP, len),
            None => self.open(tag::MAP_OPEN),
        }
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<StructFields<'e, S>> {
        if name == array::STRUCT_NAME
            && let Some(block) = self.origin.array()
        {
            self.encoder.array(&block)?;
            return Err(Stop(None));
        }
        StructFields::begin(self.encoder, name, len)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<StructFields<'e, S>> {
        self.encoder.variant(name, index, variant, VariantKind::Struct)?;
        StructFields::begin(self.encoder, variant, len)
    }

    // Types that look at this write a number or a text. Serde's own buffer, through which flattened
    // and untagged values are read, expects the text whatever the format says.
    fn is_human_readable(&self) -> bool {
        true
    }
}
