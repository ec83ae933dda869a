//! Where items come from.

use crate::array::Elements;
use crate::error::Result;

/// Gives the items of one value, a frame at a time.
pub(crate) trait Source {
    /// The payload of the current frame.
    fn frame(&self) -> &[u8];

    /// Goes on to the next frame, which has a payload. The current one was used up.
    fn next_frame(&mut self) -> Result<()>;

    /// The block behind the current frame, which was used up.
    fn blocks(&mut self) -> Result<&mut dyn Blocks>;
}

/// Reads the block of an array.
pub(crate) trait Blocks: Elements {
    /// Goes to the first byte of the block behind the current frame.
    fn begin(&mut self) -> Result<()>;

    /// Passes over the whole block of `len` bytes, instead of filling and finishing.
    fn skip(&mut self, len: usize) -> Result<()>;
}
