//! Which visitor a type's own `Deserialize` uses: found by asking it.

use std::any::TypeId;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// The id of the visitor that `T` hands to a deserializer first.
pub(super) fn visitor_of<T: Deserialize<'static>>() -> Option<TypeId> {
    T::deserialize(Probe).err().and_then(|found| found.0)
}

struct Probe;

/// Carries the id out: a deserializer must return the visitor's value or an error.
#[derive(Debug)]
struct Found(Option<TypeId>);

impl<'de> Deserializer<'de> for Probe {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Found> {
        Err(Found(Some(typeid::of::<V>())))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a visitor was found")
    }
}

impl std::error::Error for Found {}

impl serde::de::Error for Found {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Found(None)
    }
}
