//! The deserializer of a whole value: who asks for a [`Value`] gets it, and no copy of it.

use serde::de::{Deserializer, Visitor};

use crate::error::{Error, Result};
use crate::value::{Value, hand_over};

pub(super) struct Whole(pub(super) Value);

macro_rules! by_cursor {
    ($($deserialize:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $deserialize<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value> {
            self.0.read_with(|cursor| cursor.$deserialize($($argument,)* visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for Whole {
    type Error = Error;

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match name {
            super::NAME => hand_over::handing(self.0, || visitor.visit_unit()),
            _ => self.0.read_with(|cursor| cursor.deserialize_newtype_struct(name, visitor)),
        }
    }

    by_cursor! {
        deserialize_any() deserialize_bool()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str()
        deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_option()
        deserialize_unit() deserialize_unit_struct(name: &'static str) deserialize_seq()
        deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier() deserialize_ignored_any()
    }
}
