//! Arrays in a mapped file.

#![allow(unsafe_code, reason = "views of what is in a map")]

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{ArrayView, ArrayViewMut, Dimension, ShapeBuilder};

use super::offer::Offer;
use super::{CHECKSUM_LEN, Map, MmapMode, Place};
use crate::array::{Element, Order, no_bools};
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum::{self, BlockChecksum};

/// An array in a mapped file.
///
/// Invariants: the block and the checksum behind it, if it has one, lie within the map, the block is aligned for
/// `E`, holds valid `E`, and as many as the shape has; no other `MappedBlock` has any of its
/// bytes if the map may be written to, because a writable map lends each byte once.
pub(super) struct MappedBlock<E, D> {
    map: Arc<Map>,
    offset: usize,
    byte_len: usize,
    has_checksum: bool,
    shape: D,
    order: Order,
    /// Written to since the checksum was right.
    changed: bool,
    elements: PhantomData<E>,
}

impl<E: Element, D: Dimension> MappedBlock<E, D> {
    pub(super) fn new(Offer { map, place, description }: Offer) -> Result<Self> {
        let Place { offset, has_checksum } = place;
        description.expect(E::DTYPE)?;
        description.expect_axes(D::NDIM)?;
        let byte_len = description.byte_len()?;
        let offset = map.lend(offset, place.with_checksum(byte_len))?;
        let lens = description.lens();
        let mut shape = D::zeros(lens.len());
        shape.slice_mut().copy_from_slice(&lens);
        let order = description.order;
        let block = MappedBlock {
            map,
            offset,
            byte_len,
            has_checksum,
            shape,
            order,
            changed: false,
            elements: PhantomData,
        };
        block.check_elements()?;
        Ok(block)
    }

    fn check_elements(&self) -> Result<()> {
        if !self.pointer().cast::<E>().is_aligned() {
            return Err(Error::damaged("an array is not aligned"));
        }
        if E::DTYPE.accepts(&[2]) || E::DTYPE.accepts(self.bytes()) {
            return Ok(());
        }
        Err(no_bools())
    }

    fn pointer(&self) -> *const u8 {
        // SAFETY: the offset lies within the map.
        unsafe { self.map.raw.as_ptr().add(self.offset) }
    }

    fn pointer_mut(&mut self) -> *mut u8 {
        // SAFETY: the offset lies within the map.
        unsafe { self.map.raw.as_mut_ptr().add(self.offset) }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: within the map; `view_mut` borrows `self` mutably and nobody else has these
        // bytes, so they stay the same while this is borrowed, if other processes keep to the
        // contract of `MappedArray`.
        unsafe { std::slice::from_raw_parts(self.pointer(), self.byte_len) }
    }

    pub(super) fn view(&self) -> ArrayView<'_, E, D> {
        let shape = self.shape.clone().set_f(self.order == Order::F);
        // SAFETY: as for `bytes`; aligned, valid, and as many as the shape has.
        unsafe { ArrayView::from_shape_ptr(shape, self.pointer().cast()) }
    }

    pub(super) fn view_mut(&mut self) -> Result<ArrayViewMut<'_, E, D>> {
        if self.map.mode == MmapMode::Read {
            return Err(Error::new(ErrorKind::ReadOnly));
        }
        if !self.changed {
            self.set_checksum(checksum::UNKNOWN);
            self.changed = true;
        }
        let shape = self.shape.clone().set_f(self.order == Order::F);
        // SAFETY: as for `view`, and the map is writable; `self` is borrowed mutably, and no other
        // block has these bytes.
        Ok(unsafe { ArrayViewMut::from_shape_ptr(shape, self.pointer_mut().cast()) })
    }

    fn checksum(&self) -> u64 {
        if !self.has_checksum {
            return checksum::UNKNOWN;
        }
        // SAFETY: the block has a checksum, so the eight bytes behind it lie within the map, and are only written by
        // `set_checksum`, with `self` borrowed mutably.
        let bytes = unsafe { self.pointer().add(self.byte_len).cast::<[u8; 8]>().read() };
        u64::from_le_bytes(bytes)
    }

    /// The mode is not `Read`.
    fn set_checksum(&mut self, checksum: u64) {
        if !self.has_checksum {
            return;
        }
        let end = self.byte_len;
        // SAFETY: the block has a checksum, so the eight bytes behind it lie within the map, which is writable.
        unsafe { self.pointer_mut().add(end).cast::<[u8; 8]>().write(checksum.to_le_bytes()) };
    }

    pub(super) fn verify(&self) -> Result<()> {
        let recorded = self.checksum();
        if recorded != checksum::UNKNOWN && recorded != self.computed_checksum() {
            return Err(Error::damaged("the checksum of an array does not match"));
        }
        Ok(())
    }

    fn computed_checksum(&self) -> u64 {
        let mut checksum = BlockChecksum::default();
        checksum.update(self.bytes());
        checksum.finish()
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        // One that was just created has none yet.
        let lacks_checksum = self.has_checksum && self.checksum() == checksum::UNKNOWN;
        if self.map.mode != MmapMode::ReadWrite || !(self.changed || lacks_checksum) {
            return Ok(());
        }
        let checksum_len = if self.has_checksum { CHECKSUM_LEN } else { 0 };
        let flush = |block: &Self| {
            let flushed = block.map.raw.flush_range(block.offset, block.byte_len + checksum_len);
            flushed.map_err(|source| Error::io("writing the map to the disk", source))
        };
        // The elements first: after a power cut the checksum must not belong to others.
        flush(self)?;
        let checksum = self.computed_checksum();
        self.set_checksum(checksum);
        flush(self)?;
        self.changed = false;
        Ok(())
    }
}
