//! What a file holds, as data.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::array::Order;

/// What a file holds: the result of [`inspect`](crate::inspect()).
///
/// Printed with `{}` it is an indented tree; serialized, a document for other programs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// The format and its version, such as `native format, version 1`.
    pub format: String,
    /// The name of the compressor of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressor: Option<String>,
    /// The length of the file in bytes.
    pub file_bytes: u64,
    /// How many arrays, byte strings and texts of 1 KiB or more there are, listed or not.
    pub arrays: u64,
    /// The bytes of their elements, decompressed.
    pub array_bytes: u64,
    /// The values of the file, in order.
    pub values: Vec<Item>,
}

/// A value, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Item {
    /// The field, the index in brackets, or the key; empty for a value that is not in another.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `array`, `sequence`, `tuple`, `map`, `text`, `bytes`, `integer`, `float`, `bool`, `char`,
    /// `unit`, `none`, the name of a struct, or `Enum::Variant`.
    pub type_name: String,
    /// What it is, if it is small: numbers as Rust writes them, text in quotes, cut after
    /// 60 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How many items it has, listed or not; for text and bytes, how many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
    /// Its elements, if it is an array, or a text or byte string of 1 KiB or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array: Option<ArrayItem>,
    /// The items in it that are listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
}

impl Item {
    /// An item with a name and a type, and nothing else yet.
    pub fn new(name: impl Into<String>, type_name: impl Into<String>) -> Self {
        Item { name: name.into(), type_name: type_name.into(), ..Item::default() }
    }

    /// How many of its items are not listed.
    pub fn unlisted(&self) -> u64 {
        match self.len {
            Some(len) if self.array.is_none() && self.value.is_none() => {
                len.saturating_sub(self.items.len() as u64)
            }
            _ => 0,
        }
    }
}

/// The elements of an array.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ArrayItem {
    /// The type of an element, such as `f64` or `Complex<f32>`.
    pub dtype: String,
    /// The length of each axis.
    pub shape: Vec<u64>,
    /// In which order the elements lie.
    pub order: Order,
    /// The bytes of all elements, decompressed.
    pub bytes: u64,
    /// Where the elements begin in the decompressed file, if they lie there as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How damage would be noticed.
    pub checksum: ArrayChecksum,
}

impl ArrayItem {
    /// Elements whose place and checksum are not known.
    pub fn new(dtype: impl Into<String>, shape: Vec<u64>, order: Order, bytes: u64) -> Self {
        let (dtype, checksum) = (dtype.into(), ArrayChecksum::Absent);
        ArrayItem { dtype, shape, order, bytes, offset: None, checksum }
    }
}

/// How damage of an array would be noticed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ArrayChecksum {
    /// By its own checksum.
    Xxh3(u64),
    /// By the checksum of what is around it: it is small.
    Around,
    /// Not at all for now: it was changed through a map and not flushed.
    Unknown,
    /// Not at all: the format has no checksums.
    Absent,
}

impl fmt::Display for ArrayChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArrayChecksum::Xxh3(digest) => write!(f, "xxh3:{digest:016x}"),
            ArrayChecksum::Around => f.write_str("around"),
            ArrayChecksum::Unknown => f.write_str("unknown"),
            ArrayChecksum::Absent => f.write_str("absent"),
        }
    }
}

impl Serialize for ArrayChecksum {
    /// As it is displayed: not every reader of JSON keeps 64 bits.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
