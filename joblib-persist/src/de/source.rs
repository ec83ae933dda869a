//! Where items come from.

use std::sync::Arc;

use crate::array::Elements;
use crate::error::Result;
use crate::mapped::{Map, Place};

/// Gives the items of one value, a frame at a time.
pub(crate) trait Source {
    /// The payload of the current frame.
    fn frame(&self) -> &[u8];

    /// Goes on to the next frame, which has a payload. The current one was used up.
    fn next_frame(&mut self) -> Result<()>;

    /// Whether blocks are mapped.
    fn is_mapped(&self) -> bool;

    /// How many more bytes may be read into memory; not limited if none is said.
    fn memory_left(&self) -> Option<u64> {
        None
    }

    /// The block behind the current frame, which was used up.
    fn blocks(&mut self) -> Result<&mut dyn Blocks>;
}

/// Reads the block of an array.
pub(crate) trait Blocks: Elements {
    /// Goes to the first byte of the block behind the current frame, of which `kept` bytes will
    /// be in memory, and returns its offset in the value.
    fn begin(&mut self, kept: usize) -> Result<u64>;

    /// Passes over the whole block of `len` bytes, instead of filling and finishing, and returns
    /// the checksum behind it.
    fn skip(&mut self, len: usize) -> Result<u64>;

    /// Goes to the elements of an array that travelled otherwise, by their number.
    fn fetch(&mut self, number: u64) -> Result<()>;

    /// Passes over the whole block of `len` bytes, and says where it is mapped.
    fn map(&mut self, len: usize) -> Result<(Arc<Map>, Place)>;
}
