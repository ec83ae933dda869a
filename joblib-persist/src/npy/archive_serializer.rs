//! What becomes which array of an archive.

use serde::ser::{
    Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct,
};
use serde::{Serialize, Serializer};

use super::archive::Archive;
use super::array_serializer::{write, write_block, write_part};
use crate::array::{self, Block, Origin};
use crate::error::{Error, Result};
use crate::ser::Stop;
use crate::value::{Kind, ValueRef};

/// Serializes the value that came from `origin`.
pub(super) struct ArchiveSerializer<'a, 'w, 'v> {
    archive: &'a mut Archive<'w>,
    origin: Origin<'v>,
}

impl<'a, 'w> ArchiveSerializer<'a, 'w, '_> {
    pub(super) fn write<T: Serialize + ?Sized>(
        value: &T,
        archive: &'a mut Archive<'w>,
    ) -> Result<(), Stop> {
        let origin = Origin::of(value);
        value.serialize(ArchiveSerializer { archive, origin })
    }

    fn only(self, block: &Block<'_>) -> Result<(), Stop> {
        self.archive.add_numbered(|output| write_block(block, output))?;
        Err(Stop::done())
    }

    fn part(self, part: ValueRef<'_>) -> Result<()> {
        match part.kind() {
            Kind::Dict(pairs) => pairs.iter().try_for_each(|(key, value)| {
                let name = key.as_str().ok_or_else(|| no_name(&key.to_string()))?;
                self.archive.add(name, |output| write_part(value, output))
            }),
            Kind::List(items) | Kind::Tuple(items) => items
                .iter()
                .try_for_each(|item| self.archive.add_numbered(|output| write_part(item, output))),
            _ => self.archive.add_numbered(|output| write_part(part, output)),
        }
    }
}

#[cold]
fn no_name(key: &str) -> Error {
    Error::unwritable(format!("the key {key}: arrays in a `.npz` file have text as their names"))
}

#[cold]
fn refused(what: &str) -> Error {
    Error::unwritable(format!(
        "{what}, where a `.npz` file has arrays with names: write a struct or map of arrays, or a \
         `.jbl` or `.pkl` file"
    ))
}

impl<'a, 'w> Serializer for ArchiveSerializer<'a, 'w, '_> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Numbered<'a, 'w>;
    type SerializeTuple = Numbered<'a, 'w>;
    type SerializeTupleStruct = Numbered<'a, 'w>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Named<'a, 'w>;
    type SerializeStruct = Named<'a, 'w>;
    type SerializeStructVariant = Impossible<(), Stop>;

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Stop> {
        Self::write(value, self.archive)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        match Origin::of(value).part() {
            Some(part) if name == crate::value::NAME => Ok(self.part(part)?),
            _ => Self::write(value, self.archive),
        }
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Numbered<'a, 'w>, Stop> {
        match self.origin.slice() {
            Some(block) => self.only(&block).and(Err(Stop::done())),
            None => self.serialize_tuple(len.unwrap_or_default()),
        }
    }

    fn serialize_tuple(self, _len: usize) -> Result<Numbered<'a, 'w>, Stop> {
        Ok(Numbered(self.archive))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Numbered<'a, 'w>, Stop> {
        self.serialize_tuple(len)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Named<'a, 'w>, Stop> {
        Ok(Named { archive: self.archive, name: String::new() })
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Named<'a, 'w>, Stop> {
        match self.origin.array().filter(|_| name == array::STRUCT_NAME) {
            Some(block) => self.only(&block).and(Err(Stop::done())),
            None => self.serialize_map(None),
        }
    }

    array::refuse! { Stop, |what| refused(what).into() =>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes none unit unit_struct
        unit_variant newtype_variant tuple_variant struct_variant
    }
}

/// Arrays with names.
pub(super) struct Named<'a, 'w> {
    archive: &'a mut Archive<'w>,
    /// The key whose value comes next.
    name: String,
}

impl SerializeStruct for Named<'_, '_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        Ok(self.archive.add(name, |output| write(value, output))?)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

impl SerializeMap for Named<'_, '_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Stop> {
        self.name = key.serialize(Key)?;
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Stop> {
        Ok(self.archive.add(&self.name, |output| write(value, output))?)
    }

    fn end(self) -> Result<(), Stop> {
        Ok(())
    }
}

/// Arrays without names.
pub(super) struct Numbered<'a, 'w>(&'a mut Archive<'w>);

macro_rules! numbered {
    ($($serialize:ident, $item:ident;)*) => {$(
        impl $serialize for Numbered<'_, '_> {
            type Ok = ();
            type Error = Stop;

            fn $item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Stop> {
                Ok(self.0.add_numbered(|output| write(value, output))?)
            }

            fn end(self) -> Result<(), Stop> {
                Ok(())
            }
        }
    )*};
}

numbered! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
}

/// The text of a map's key.
struct Key;

impl Serializer for Key {
    type Ok = String;
    type Error = Stop;
    type SerializeSeq = Impossible<String, Stop>;
    type SerializeTuple = Impossible<String, Stop>;
    type SerializeTupleStruct = Impossible<String, Stop>;
    type SerializeTupleVariant = Impossible<String, Stop>;
    type SerializeMap = Impossible<String, Stop>;
    type SerializeStruct = Impossible<String, Stop>;
    type SerializeStructVariant = Impossible<String, Stop>;

    fn serialize_str(self, text: &str) -> Result<String, Stop> {
        Ok(text.to_owned())
    }

    fn serialize_char(self, value: char) -> Result<String, Stop> {
        Ok(value.to_string())
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<String, Stop> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<String, Stop> {
        value.serialize(Key)
    }

    array::refuse! { Stop, |what| no_name(what).into() =>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 bytes none some unit unit_struct
        newtype_variant seq tuple tuple_struct tuple_variant map struct struct_variant
    }
}
