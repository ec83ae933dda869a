//! Values through serde.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess};
use serde::{Serialize, Serializer};

use super::de::NAME;
use super::{Value, ValueRef};
use crate::error::{Error, Result};

/// By [`dump`](crate::dump) to Python files as the objects it was read from, and to native files
/// whole as well. Other formats, JSON for example, get what they have words for: see
/// [`ValueRef`].
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, &self.root())
    }
}

/// A value for serde's own buffer, which has no word for most of it: a map of our name to the
/// pickle that makes it.
pub(crate) struct Embedded(Option<Vec<u8>>);

impl Embedded {
    pub(crate) fn of(value: ValueRef<'_>) -> Result<Self> {
        Ok(Embedded(Some(crate::pickle::to_vec(value)?)))
    }
}

impl<'de> MapAccess<'de> for Embedded {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        match self.0 {
            Some(_) => seed.deserialize(StrDeserializer::new(NAME)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let pickle = self.0.take().unwrap_or_default();
        seed.deserialize(serde::de::value::BytesDeserializer::new(&pickle))
    }
}
