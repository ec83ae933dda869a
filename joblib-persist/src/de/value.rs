//! The deserializer of one value.

use serde::de::{Deserializer, Visitor};

use super::compound::Items;
use super::decoder::{Decoder, unexpected};
use super::enums::{Enum, SingleEntry};
use super::source::Source;
use crate::error::{Error, Result};
use crate::format::{VariantKind, tag};
use crate::value::{Embedded, hand_over};

impl<S: Source> Decoder<S> {
    #[inline]
    fn visit_short_text<'de, V: Visitor<'de>>(&mut self, tag: u8, visitor: V) -> Result<V::Value> {
        self.text(usize::from(tag - tag::SHORT_TEXT), |text| visitor.visit_str(text))
    }

    /// Whatever item comes.
    pub(super) fn visit_any<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let tag = self.byte()?;
        match tag {
            0..=tag::INT_MAX => visitor.visit_u8(tag),
            tag::SHORT_TEXT..=tag::SHORT_TEXT_END => self.visit_short_text(tag, visitor),
            tag::U8..=tag::CHAR => self.visit_scalar(tag, visitor),
            tag::UNIT => visitor.visit_unit(),
            tag::FALSE => visitor.visit_bool(false),
            tag::TRUE => visitor.visit_bool(true),
            tag::NONE => visitor.visit_none(),
            tag::SOME => self.nested(|decoder| visitor.visit_some(decoder)),
            tag::TEXT => {
                let len = self.len()?;
                self.text(len, |text| visitor.visit_str(text))
            }
            tag::BYTES => {
                let len = self.len()?;
                self.slice(len, |bytes| visitor.visit_bytes(bytes))
            }
            tag::SEQ | tag::TUPLE | tag::SEQ_OPEN => {
                let left = if tag == tag::SEQ_OPEN { None } else { Some(self.len()?) };
                self.nested(|decoder| Items::new(decoder, left).visit_seq(visitor))
            }
            tag::MAP | tag::MAP_OPEN => {
                let left = if tag == tag::MAP_OPEN { None } else { Some(self.len()?) };
                self.nested(|decoder| Items::new(decoder, left).visit_map(visitor))
            }
            tag::STRUCT_NEW..=tag::STRUCT_MIXED => self.visit_struct_map(tag, visitor),
            tag::VARIANT_NEW | tag::VARIANT => self.visit_any_variant(tag, visitor),
            tag::ARRAY | tag::SMALL | tag::CARRIED => self.visit_array(tag, visitor),
            tag::PARTS => {
                self.at -= 1;
                self.whole_value()?.read_with(|value| value.deserialize_any(visitor))
            }
            _ => Err(unexpected(tag, "an item")),
        }
    }

    /// What is most likely a sequence or tuple of known length.
    #[inline]
    fn visit_items<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        if !matches!(self.peek()?, tag::SEQ | tag::TUPLE) {
            return self.visit_any(visitor);
        }
        self.at += 1;
        let left = Some(self.len()?);
        self.nested(|decoder| Items::new(decoder, left).visit_seq(visitor))
    }

    fn visit_scalar<'de, V: Visitor<'de>>(&mut self, tag: u8, visitor: V) -> Result<V::Value> {
        match tag {
            tag::U8 => visitor.visit_u8(u8::from_le_bytes(self.take()?)),
            tag::U16 => visitor.visit_u16(u16::from_le_bytes(self.take()?)),
            tag::U32 => visitor.visit_u32(u32::from_le_bytes(self.take()?)),
            tag::U64 => visitor.visit_u64(u64::from_le_bytes(self.take()?)),
            tag::U128 => visitor.visit_u128(u128::from_le_bytes(self.take()?)),
            tag::N8 => visitor.visit_i64(!i64::from(u8::from_le_bytes(self.take()?))),
            tag::N16 => visitor.visit_i64(!i64::from(u16::from_le_bytes(self.take()?))),
            tag::N32 => visitor.visit_i64(!i64::from(u32::from_le_bytes(self.take()?))),
            tag::N64 => match !i128::from(u64::from_le_bytes(self.take()?)) {
                number if number >= i64::MIN.into() => visitor.visit_i64(number as i64),
                number => visitor.visit_i128(number),
            },
            tag::N128 => match i128::try_from(u128::from_le_bytes(self.take()?)) {
                Ok(number) => visitor.visit_i128(!number),
                Err(_) => Err(Error::damaged("an integer of more than 128 bits")),
            },
            tag::F32 => visitor.visit_f32(f32::from_le_bytes(self.take()?)),
            tag::F64 => visitor.visit_f64(f64::from_le_bytes(self.take()?)),
            _ => match char::from_u32(u32::from_le_bytes(self.take()?)) {
                Some(char) => visitor.visit_char(char),
                None => Err(Error::damaged("a char that is not a Unicode scalar value")),
            },
        }
    }

    /// An enum value for who does not know that it is one: as JSON has it, a name or a map of
    /// name to content.
    fn visit_any_variant<'de, V: Visitor<'de>>(&mut self, tag: u8, visitor: V) -> Result<V::Value> {
        let (name, kind) = self.variant(tag)?;
        match kind {
            VariantKind::Unit => visitor.visit_str(&name),
            _ => self.nested(|decoder| SingleEntry::new(decoder, name).visit(visitor)),
        }
    }

    #[inline(always)]
    fn visit_number<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            number @ 0..=tag::INT_MAX => {
                self.at += 1;
                visitor.visit_u8(number)
            }
            tag::F64 => {
                self.at += 1;
                visitor.visit_f64(f64::from_le_bytes(self.take()?))
            }
            tag::F32 => {
                self.at += 1;
                visitor.visit_f32(f32::from_le_bytes(self.take()?))
            }
            tag::U64 => {
                self.at += 1;
                visitor.visit_u64(u64::from_le_bytes(self.take()?))
            }
            tag::U32 => {
                self.at += 1;
                visitor.visit_u32(u32::from_le_bytes(self.take()?))
            }
            tag @ tag::U8..=tag::CHAR => {
                self.at += 1;
                self.visit_scalar(tag, visitor)
            }
            _ => self.visit_any(visitor),
        }
    }
}

macro_rules! numbers {
    ($($deserialize:ident)*) => {$(
        #[inline]
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.visit_number(visitor)
        }
    )*};
}

impl<'de, S: Source> Deserializer<'de> for &mut Decoder<S> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            // Serde may buffer what comes here, and has no words for most of it.
            tag::PARTS => visitor.visit_map(Embedded::of(self.whole_value()?.root())?),
            _ => self.visit_any(visitor),
        }
    }

    numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_f32 deserialize_f64
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            tag @ (tag::FALSE | tag::TRUE) => {
                self.at += 1;
                visitor.visit_bool(tag == tag::TRUE)
            }
            _ => self.visit_any(visitor),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            tag @ tag::SHORT_TEXT..=tag::SHORT_TEXT_END => {
                self.at += 1;
                self.visit_short_text(tag, visitor)
            }
            _ => self.visit_any(visitor),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            tag if tag::is_array(tag) => {
                self.at += 1;
                self.visit_bytes(tag, visitor)
            }
            tag::PARTS => self.whole_value()?.read_with(|value| value.deserialize_bytes(visitor)),
            _ => self.visit_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    /// Also takes a value that was not an option when it was written.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            tag::NONE | tag::UNIT => {
                self.at += 1;
                visitor.visit_none()
            }
            tag::SOME => {
                self.at += 1;
                self.nested(|decoder| visitor.visit_some(decoder))
            }
            // Counted although it uses no byte: a type may be an option of itself.
            _ => self.nested(|decoder| visitor.visit_some(decoder)),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name == crate::value::NAME {
            return hand_over::handing(self.whole_value()?, || visitor.visit_unit());
        }
        if name == crate::mapped::NAME && self.peek()? == tag::PARTS {
            let value = self.whole_value()?;
            return value.read_with(|value| value.deserialize_newtype_struct(name, visitor));
        }
        if name == crate::mapped::NAME
            && self.source.is_mapped()
            && let tag @ (tag::ARRAY | tag::CARRIED) = self.peek()?
        {
            self.at += 1;
            return self.visit_mapped(tag, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.peek()? {
            tag if tag::is_array(tag) => {
                self.at += 1;
                self.visit_sequence(tag, visitor)
            }
            tag::PARTS => self.whole_value()?.read_with(|value| value.deserialize_seq(visitor)),
            _ => self.visit_items(visitor),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value> {
        self.visit_items(visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.visit_items(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.peek()? {
            tag::PARTS => {
                let value = self.whole_value()?;
                value.read_with(|value| value.deserialize_struct(name, fields, visitor))
            }
            tag::STRUCT => {
                self.at += 1;
                self.visit_struct(fields, visitor)
            }
            tag if tag::is_array(tag) => {
                self.at += 1;
                self.visit_struct_array(tag, visitor)
            }
            _ => self.visit_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.byte()? {
            tag::PARTS => {
                self.at -= 1;
                let value = self.whole_value()?;
                value.read_with(|value| value.deserialize_enum(name, variants, visitor))
            }
            tag @ (tag::VARIANT_NEW | tag::VARIANT) => {
                let (name, kind) = self.variant(tag)?;
                self.nested(|decoder| visitor.visit_enum(Enum { decoder, name, kind }))
            }
            found => Err(Error::mismatch(tag::describe(found), "an enum value")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.skip_item()?;
        visitor.visit_unit()
    }

    // See the serializer.
    fn is_human_readable(&self) -> bool {
        true
    }

    serde::forward_to_deserialize_any! {
        char unit unit_struct map identifier
    }
}
