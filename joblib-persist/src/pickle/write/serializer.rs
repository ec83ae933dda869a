//! The serializer of one value.

use serde::{Serialize, Serializer};

use super::compound::{Items, Kind, begin_variant, end_variant};
use super::pickler::Pickler;
use crate::array::{self, Gathered, Origin};
use crate::pickle::opcode as op;
use crate::ser::Stop;

type Result<T = ()> = std::result::Result<T, Stop>;

/// Serializes the value that came from `origin`.
pub(super) struct PickleSerializer<'p, 'w, 'v> {
    pickler: &'p mut Pickler<'w>,
    origin: Origin<'v>,
    /// Whether what shows itself as an array is one of numbers, which numpy has.
    may_be_array: bool,
}

impl<'p, 'w> PickleSerializer<'p, 'w, '_> {
    /// Writes `value` with its contents.
    #[inline]
    pub(super) fn write<T: Serialize + ?Sized>(pickler: &'p mut Pickler<'w>, value: &T) -> Result {
        let origin = Origin::of(value);
        match value.serialize(PickleSerializer { pickler, origin, may_be_array: true }) {
            Err(stop) if !stop.is_done() => return Err(stop),
            _ => {}
        }
        if std::mem::take(&mut pickler.is_wrapped) { Self::wrapped(pickler, value) } else { Ok(()) }
    }

    /// Writes what shows itself as an array, but is not one of the types that are known: from its
    /// elements. Without it the same array would be another thing in Python for its wrapper.
    #[cold]
    fn wrapped<T: Serialize + ?Sized>(pickler: &mut Pickler<'_>, value: &T) -> Result {
        if let Some(array) = Gathered::of(value) {
            return Ok(pickler.gathered(&array)?);
        }
        let origin = Origin::of(value);
        value.serialize(PickleSerializer { pickler, origin, may_be_array: false })
    }
}

impl<'p, 'w> Serializer for PickleSerializer<'p, 'w, '_> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Items<'p, 'w>;
    type SerializeTuple = Items<'p, 'w>;
    type SerializeTupleStruct = Items<'p, 'w>;
    type SerializeTupleVariant = Items<'p, 'w>;
    type SerializeMap = Items<'p, 'w>;
    type SerializeStruct = Items<'p, 'w>;
    type SerializeStructVariant = Items<'p, 'w>;

    #[inline]
    fn serialize_bool(self, v: bool) -> Result {
        Ok(self.pickler.boolean(v)?)
    }

    #[inline]
    fn serialize_i8(self, v: i8) -> Result {
        Ok(self.pickler.int(v.into())?)
    }

    #[inline]
    fn serialize_i16(self, v: i16) -> Result {
        Ok(self.pickler.int(v.into())?)
    }

    #[inline]
    fn serialize_i32(self, v: i32) -> Result {
        Ok(self.pickler.int(v.into())?)
    }

    #[inline]
    fn serialize_i64(self, v: i64) -> Result {
        Ok(self.pickler.int(v)?)
    }

    fn serialize_i128(self, v: i128) -> Result {
        Ok(self.pickler.wide_int(v)?)
    }

    #[inline]
    fn serialize_u8(self, v: u8) -> Result {
        Ok(self.pickler.int(v.into())?)
    }

    #[inline]
    fn serialize_u16(self, v: u16) -> Result {
        Ok(self.pickler.int(v.into())?)
    }

    #[inline]
    fn serialize_u32(self, v: u32) -> Result {
        Ok(self.pickler.int(v.into())?)
    }

    #[inline]
    fn serialize_u64(self, v: u64) -> Result {
        Ok(self.pickler.wide_int(v.into())?)
    }

    fn serialize_u128(self, v: u128) -> Result {
        let mut bytes = [0; 17];
        bytes[..16].copy_from_slice(&v.to_le_bytes());
        match i64::try_from(v) {
            Ok(v) => Ok(self.pickler.int(v)?),
            Err(_) => Ok(self.pickler.long(&bytes)?),
        }
    }

    #[inline]
    fn serialize_f32(self, v: f32) -> Result {
        Ok(self.pickler.float(v.into())?)
    }

    #[inline]
    fn serialize_f64(self, v: f64) -> Result {
        Ok(self.pickler.float(v)?)
    }

    fn serialize_char(self, v: char) -> Result {
        Ok(self.pickler.text(v.encode_utf8(&mut [0; 4]))?)
    }

    #[inline]
    fn serialize_str(self, v: &str) -> Result {
        Ok(self.pickler.text(v)?)
    }

    fn serialize_bytes(self, v: &[u8]) -> Result {
        Ok(self.pickler.bytes(v)?)
    }

    #[inline]
    fn serialize_none(self) -> Result {
        Ok(self.pickler.op(op::NONE)?)
    }

    #[inline]
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result {
        let pickler = self.pickler;
        pickler.enter()?;
        PickleSerializer::write(pickler, value)?;
        pickler.leave();
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result {
        self.serialize_none()
    }

    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        self.serialize_none()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result {
        Ok(self.pickler.text(variant)?)
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
            return Ok(self.pickler.value(part)?);
        }
        PickleSerializer::write(self.pickler, value)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        let pickler = self.pickler;
        pickler.enter()?;
        begin_variant(pickler, variant)?;
        PickleSerializer::write(pickler, value)?;
        end_variant(pickler)?;
        pickler.leave();
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items<'p, 'w>> {
        if self.pickler.keys > 0 {
            return Ok(Items::new(self.pickler, Kind::Tuple(len))?);
        }
        if let Some(block) = self.origin.slice()
            && self.pickler.numbers(&block)?
        {
            return Err(Stop::done());
        }
        Ok(Items::new(self.pickler, Kind::List)?)
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Items<'p, 'w>> {
        Ok(Items::new(self.pickler, Kind::Tuple(Some(len)))?)
    }

    #[inline]
    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Items<'p, 'w>> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Items<'p, 'w>> {
        Ok(Items::variant(self.pickler, variant, Kind::Tuple(Some(len)))?)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Items<'p, 'w>> {
        Ok(Items::new(self.pickler, Kind::Dict)?)
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Items<'p, 'w>> {
        if name == array::STRUCT_NAME && self.may_be_array {
            match self.origin.array() {
                Some(block) => self.pickler.block(&block)?,
                None => self.pickler.is_wrapped = true,
            }
            return Err(Stop::done());
        }
        Ok(Items::new(self.pickler, Kind::Dict)?)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items<'p, 'w>> {
        Ok(Items::variant(self.pickler, variant, Kind::Dict)?)
    }

    // As in the native format: what a type writes must not depend on the kind of file.
    fn is_human_readable(&self) -> bool {
        true
    }
}
