//! Elements in a mapped file whose type is known at run time only.

#![allow(unsafe_code, reason = "looks at what is in a map")]

use std::sync::Arc;

use super::{Map, Place};
use crate::array::{DType, Element};

/// A piece of a mapped file: valid elements of one type, aligned; or bytes, if no Rust type has
/// such elements.
///
/// Invariants: the piece lies within the map, is aligned for `dtype` and holds elements that it
/// accepts; nobody else has any of its bytes if the map may be written to, because it was lent.
#[derive(Debug)]
pub(crate) struct MappedBytes {
    map: Arc<Map>,
    offset: usize,
    len: usize,
    /// Behind the elements, as in a file of ours; it was lent as well.
    has_checksum: bool,
    dtype: Option<DType>,
}

impl MappedBytes {
    /// The piece, unless it lies outside of the map, is not aligned or holds no such elements.
    pub(crate) fn new(
        map: Arc<Map>,
        place: Place,
        len: usize,
        dtype: Option<DType>,
    ) -> Option<Self> {
        let Place { offset, has_checksum } = place;
        let offset = map.lend(offset, place.with_checksum(len)).ok()?;
        let bytes = MappedBytes { map, offset, len, has_checksum, dtype };
        let Some(dtype) = dtype else { return Some(bytes) };
        let is_aligned = bytes.bytes().as_ptr().addr().is_multiple_of(dtype.alignment());
        (is_aligned && dtype.accepts(bytes.bytes())).then_some(bytes)
    }

    /// The same piece as elements of another type, if they can be, and if the map lends a byte more
    /// than once.
    pub(crate) fn again(&self, dtype: Option<DType>) -> Option<Self> {
        MappedBytes::new(Arc::clone(&self.map), self.place(), self.len, dtype)
    }

    pub(crate) fn dtype(&self) -> Option<DType> {
        self.dtype
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: within the map, which lives as long as `self`; nobody else may write to these
        // bytes, and other processes keep to the contract of `MappedArray`.
        unsafe { std::slice::from_raw_parts(self.map.at(self.offset), self.len) }
    }

    /// The elements, if they are of that type.
    pub(crate) fn elements<E: Element>(&self) -> Option<&[E]> {
        if self.dtype != Some(E::DTYPE) {
            return None;
        }
        let bytes = self.bytes();
        // SAFETY: `new` found them aligned and valid, and the type has no padding.
        Some(unsafe {
            std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<E>())
        })
    }

    /// Gives the piece back to its map, where somebody else may have it.
    pub(crate) fn into_place(self) -> (Arc<Map>, Place) {
        (Arc::clone(&self.map), self.place())
    }

    fn place(&self) -> Place {
        Place { offset: self.offset as u64, has_checksum: self.has_checksum }
    }
}

impl Drop for MappedBytes {
    fn drop(&mut self) {
        self.map.take_back(self.offset, self.place().with_checksum(self.len));
    }
}
