//! Values in the files of this crate.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::de::NAME;
use super::{Value, ValueRef};
use crate::error::Result;

/// By [`dump`](crate::dump) to Python files as the objects it was read from, and to native files
/// whole as well. Other formats, JSON for example, get what they have words for: see
/// [`ValueRef`].
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, &self.root())
    }
}

/// A value in a native file: the pickle that makes it.
pub(crate) struct Embedded(pub(crate) Vec<u8>);

impl Embedded {
    pub(crate) fn of(value: ValueRef<'_>) -> Result<Self> {
        Ok(Embedded(crate::pickle::to_vec(value)?))
    }
}

impl Serialize for Embedded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct(NAME, 1)?;
        fields.serialize_field(NAME, &Bytes(&self.0))?;
        fields.end()
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
