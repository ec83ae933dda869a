//! Elements and byte strings that stay in a file: the one that is read, or one to put them into.

use std::sync::Arc;

use super::machine::Machine;
use crate::array::DType;
use crate::error::Result;
use crate::mapped::{MAP_MIN, MappedBytes, Place, unpack};
use crate::value::{ByteString, Copied, ElementType, Item, Node};

impl Machine<'_, '_> {
    /// The next bytes, elements of `dtype` or of no Rust type, in a map; none if they are to be
    /// read into memory.
    pub(super) fn mapped_bytes(
        &mut self,
        dtype: Option<DType>,
        byte_len: usize,
    ) -> Result<Option<Arc<MappedBytes>>> {
        if let Some(map) = self.place.map.as_ref().filter(|_| byte_len >= MAP_MIN) {
            let place = Place { offset: self.stream.offset(), has_checksum: false };
            // The offset only grows, so that no two pieces have a byte in common.
            if let Some(bytes) = MappedBytes::new(Arc::clone(map), place, byte_len, dtype) {
                self.stream.skip(byte_len as u64)?;
                self.count_mapped(dtype);
                return Ok(Some(Arc::new(bytes)));
            }
            self.unaligned += 1;
        }
        let bytes = unpack(self.place.unpacker, dtype, byte_len, self.stream)?;
        if bytes.is_some() {
            self.count_mapped(dtype);
        }
        Ok(bytes)
    }

    /// Counts what a `MappedArray` could map.
    pub(super) fn count_mapped(&mut self, dtype: Option<DType>) {
        self.mapped += u32::from(dtype.is_some());
    }

    /// The byte string at `node` as elements, if it is in a map and they can be; none if they are
    /// to be copied into memory.
    pub(super) fn mapped_string(
        &mut self,
        element_type: &ElementType,
        byte_len: usize,
        node: Node,
    ) -> Result<Option<Arc<MappedBytes>>> {
        let Some(Item::Bytes(string) | Item::ByteArray(string)) = self.arena.item_of(node) else {
            return Ok(None);
        };
        let ByteString::Mapped(bytes) = string else { return Ok(None) };
        if bytes.bytes().len() != byte_len || element_type.has_objects() {
            return Ok(None);
        }
        let dtype = element_type.native_dtype();
        let bytes = Arc::clone(bytes);
        let elements = match bytes.again(dtype) {
            Some(elements) => Some(Arc::new(elements)),
            None => {
                // Onto the disk, which a hostile pickle must not fill either.
                self.count_copy(byte_len)?;
                unpack(self.place.unpacker, dtype, byte_len, &mut Copied(bytes.bytes()))?
            }
        };
        if elements.is_some() {
            self.count_mapped(dtype);
        }
        Ok(elements)
    }
}
