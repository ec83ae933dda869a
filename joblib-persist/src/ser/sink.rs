//! Where items go.

use crate::array::Block;
use crate::error::Result;

/// Takes the items of one value.
pub(crate) trait Sink {
    /// Whether large arrays go out as blocks, by [`block`](Self::block). If not, everything is
    /// appended.
    const BLOCKS: bool;

    /// Room for an item of up to `len` bytes, to be appended to the buffer that is returned.
    fn room(&mut self, len: usize) -> Result<&mut Vec<u8>>;

    /// Writes the block of the array whose item was appended last.
    fn block(&mut self, block: &Block<'_>) -> Result<()>;

    /// Takes an array away to travel otherwise, and returns by which number it is found there.
    fn carry(&mut self, block: &Block<'_>) -> Result<Option<u64>>;

    /// Which frame the next item will be in, if [`room`](Self::room) was made for it.
    fn frame(&self) -> u32;

    /// Replaces the tag at `mark` if it was not handed on yet.
    fn replace(&mut self, mark: Mark, tag: u8);
}

/// The place of a tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Mark {
    /// Which frame it is in.
    pub(crate) frame: u32,
    /// Where in the buffer it is, while that frame lasts.
    pub(crate) at: usize,
}
