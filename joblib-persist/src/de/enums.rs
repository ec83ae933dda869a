//! Enum values.

use std::rc::Rc;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, VariantAccess, Visitor};

use super::decoder::Decoder;
use super::source::Source;
use crate::error::{Error, Result, Segment};
use crate::format::VariantKind;

/// An enum value whose variant was read.
pub(super) struct Enum<'d, S> {
    pub(super) decoder: &'d mut Decoder<S>,
    pub(super) name: Rc<str>,
    pub(super) kind: VariantKind,
}

impl<S: Source> Enum<'_, S> {
    fn content<T>(
        self,
        wanted: VariantKind,
        read: impl FnOnce(&mut Decoder<S>) -> Result<T>,
    ) -> Result<T> {
        if self.kind != wanted {
            let found = format!("{} `{}`", self.kind.describe(), self.name);
            return Err(Error::mismatch(found, wanted.describe()));
        }
        match read(self.decoder) {
            Ok(content) => Ok(content),
            Err(error) => Err(self.decoder.failed(error, Segment::Field((*self.name).into()))),
        }
    }
}

impl<'de, S: Source> EnumAccess<'de> for Enum<'_, S> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self)> {
        let name = seed.deserialize(StrDeserializer::<Error>::new(&self.name))?;
        Ok((name, self))
    }
}

impl<'de, S: Source> VariantAccess<'de> for Enum<'_, S> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        self.content(VariantKind::Unit, |_| Ok(()))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        self.content(VariantKind::Newtype, |decoder| seed.deserialize(decoder))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.content(VariantKind::Tuple, |decoder| decoder.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.content(VariantKind::Struct, |decoder| decoder.deserialize_struct("", fields, visitor))
    }
}

/// An enum value as a map of one entry: from the variant's name to its content.
pub(super) struct SingleEntry<'d, S> {
    decoder: &'d mut Decoder<S>,
    name: Rc<str>,
    next: Next,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Next {
    Key,
    Value,
    End,
}

impl<'d, S: Source> SingleEntry<'d, S> {
    pub(super) fn new(decoder: &'d mut Decoder<S>, name: Rc<str>) -> Self {
        SingleEntry { decoder, name, next: Next::Key }
    }

    pub(super) fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let value = visitor.visit_map(&mut self)?;
        if self.next != Next::End {
            return Err(Error::mismatch(format!("variant `{}` with content", self.name), "none"));
        }
        Ok(value)
    }
}

impl<'de, S: Source> MapAccess<'de> for SingleEntry<'_, S> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if self.next != Next::Key {
            return Ok(None);
        }
        self.next = Next::Value;
        seed.deserialize(StrDeserializer::<Error>::new(&self.name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        self.next = Next::End;
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(value),
            Err(error) => Err(self.decoder.failed(error, Segment::Field((*self.name).into()))),
        }
    }
}
