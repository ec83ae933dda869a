//! Arrays that stay in their file.

mod array;
#[cfg(feature = "mmap")]
mod block;
mod bytes;
#[cfg(feature = "mmap")]
mod map;
#[cfg(not(feature = "mmap"))]
mod never;
#[cfg(feature = "mmap")]
mod offer;
#[cfg(feature = "mmap")]
mod open_files;

pub use array::MappedArray;
pub(crate) use bytes::MappedBytes;
#[cfg(feature = "mmap")]
pub(crate) use map::Map;
#[cfg(not(feature = "mmap"))]
pub(crate) use never::{Map, offering};
#[cfg(feature = "mmap")]
pub(crate) use offer::offering;

/// The name by which [`MappedArray`] asks a deserializer for a map. Nobody else has it.
pub(crate) const NAME: &str = "$joblib_persist::MappedArray";

/// How the arrays of a file are mapped: `mmap_mode` of `numpy` and of Python's `joblib.load`.
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
