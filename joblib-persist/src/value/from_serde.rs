//! Values from whatever serde delivers: JSON, or what serde has buffered.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::builder::{Builder, Part};
use super::de::NAME;
use super::{Value, ValueRef, hand_over};
use crate::error::{Error, Result};
use crate::frame_source::Plain;
use crate::pickle::{self, Place};

/// Makes a value of what comes.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let mut builder = Builder::new();
    let root = deserializer.deserialize_any(PartVisitor(&mut builder))?;
    Ok(builder.finish(root))
}

/// One part, in a deserializer that may know values.
struct PartSeed<'b>(&'b mut Builder);

impl<'de> DeserializeSeed<'de> for PartSeed<'_> {
    type Value = Part;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Part, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, NewtypeVisitor(self.0))
    }
}

struct NewtypeVisitor<'b>(&'b mut Builder);

impl<'de> Visitor<'de> for NewtypeVisitor<'_> {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// The sign that a value was laid down.
    fn visit_unit<E>(self) -> Result<Part, E> {
        match hand_over::take() {
            Some(value) => Ok(self.0.absorb(value)),
            None => Ok(self.0.none()),
        }
    }

    /// The name of a field.
    fn visit_str<E>(self, name: &str) -> Result<Part, E> {
        Ok(self.0.str(name))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Part, D::Error> {
        inner.deserialize_any(PartVisitor(self.0))
    }
}

pub(crate) struct PartVisitor<'b>(pub(crate) &'b mut Builder);

impl<'de> Visitor<'de> for PartVisitor<'_> {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Part, E> {
        Ok(self.0.none())
    }

    fn visit_none<E>(self) -> Result<Part, E> {
        Ok(self.0.none())
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Part, D::Error> {
        PartSeed(self.0).deserialize(inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Part, D::Error> {
        PartSeed(self.0).deserialize(inner)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Part, E> {
        Ok(self.0.bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Part, E> {
        Ok(self.0.int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Part, E> {
        Ok(self.0.int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Part, E> {
        Ok(self.0.int(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Part, E> {
        let bytes = [&value.to_le_bytes()[..], &[0]].concat();
        Ok(self.0.big_int(&bytes))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Part, E> {
        Ok(self.0.float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Part, E> {
        Ok(self.0.str(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Part, E> {
        Ok(self.0.bytes(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Part, A::Error> {
        let list = self.0.list(&[]);
        while let Some(item) = items.next_element_seed(PartSeed(self.0))? {
            self.0.push(list, item);
        }
        Ok(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Part, A::Error> {
        let dict = self.0.dict(&[]);
        while let Some(key) = pairs.next_key_seed(PartSeed(self.0))? {
            let value = pairs.next_value_seed(PartSeed(self.0))?;
            if self.0.view(key).as_str() == Some(NAME) {
                let embedded =
                    embedded(self.0.view(value), None).map_err(serde::de::Error::custom)?;
                return Ok(self.0.absorb(embedded));
            }
            self.0.insert(dict, key, value);
        }
        Ok(dict)
    }
}

/// The value of a pickle that is part of another value.
pub(crate) fn embedded(pickle: ValueRef<'_>, memory_limit: Option<u64>) -> Result<Value> {
    let bytes = pickle.as_bytes().ok_or_else(|| Error::damaged("a value without its pickle"))?;
    let place = Place { memory_limit, ..Place::default() };
    Ok(pickle::read(&mut Plain(bytes), true, place)?.value)
}
