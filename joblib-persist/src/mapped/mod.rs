//! Arrays that stay in their file.

mod array;
#[cfg(feature = "mmap")]
mod block;
mod bytes;
#[cfg(feature = "mmap")]
mod create;
#[cfg(feature = "mmap")]
mod map;
#[cfg(not(feature = "mmap"))]
mod never;
#[cfg(feature = "mmap")]
mod offer;
#[cfg(feature = "mmap")]
mod open_files;
#[cfg(all(feature = "mmap", unix))]
mod segment;
#[cfg(feature = "mmap")]
mod unpacked;

use std::sync::Arc;

use crate::array::{DType, Elements};
use crate::error::Result;

pub use array::MappedArray;
pub(crate) use bytes::MappedBytes;
#[cfg(feature = "mmap")]
pub(crate) use map::Map;
#[cfg(not(feature = "mmap"))]
pub(crate) use never::{Map, Unpacker, offering};
#[cfg(feature = "mmap")]
pub(crate) use offer::offering;
#[cfg(all(feature = "mmap", unix))]
pub use segment::{Carried, Segment};
#[cfg(feature = "mmap")]
pub(crate) use unpacked::Unpacker;

/// The name by which [`MappedArray`] asks a deserializer for a map. Nobody else has it.
pub(crate) const NAME: &str = "$joblib_persist::MappedArray";

/// Where a block lies in a map.
#[cfg_attr(
    not(feature = "mmap"),
    allow(dead_code, reason = "nobody looks where there are no maps")
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    /// Whether its checksum follows it, as in a file.
    pub(crate) has_checksum: bool,
}

impl Place {
    /// How many bytes the block takes with its checksum, if it has one.
    pub(crate) fn with_checksum(self, byte_len: usize) -> usize {
        byte_len.saturating_add(if self.has_checksum { CHECKSUM_LEN } else { 0 })
    }
}

/// What has fewer bytes is not worth a map.
pub(crate) const MAP_MIN: usize = 1024;

/// Puts elements into a file, and maps them there, if someone takes them and they are worth it.
pub(crate) fn unpack(
    unpacker: Option<&Unpacker>,
    dtype: Option<DType>,
    byte_len: usize,
    elements: &mut dyn Elements,
) -> Result<Option<Arc<MappedBytes>>> {
    let Some(unpacker) = unpacker.filter(|_| byte_len >= MAP_MIN) else { return Ok(None) };
    unpacker.put_as(dtype, byte_len, elements).map(|bytes| Some(Arc::new(bytes)))
}

/// The bytes of a checksum behind a block.
const CHECKSUM_LEN: usize = 8;

/// How the arrays of a file are mapped: `mmap_mode` of `numpy` and of Python's `joblib.load`.
///
/// For `'w+'`, which makes a new file, there is `MappedArray::create`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MmapMode {
    /// For reading (`'r'`).
    Read,
    /// For reading and writing: what is written is in the file (`'r+'`).
    ReadWrite,
    /// For reading and writing, but what is written stays in this process (`'c'`).
    Copy,
}
