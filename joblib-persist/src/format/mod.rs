//! The bytes of FORMAT.md: tags, numbers, header, frames, footer, checksums. No reading, no
//! writing, no serde.

pub(crate) mod checksum;
pub(crate) mod description;
pub(crate) mod envelope;
pub(crate) mod parts;
pub(crate) mod tag;
mod variant;

pub(crate) use description::{Container, Description};
pub(crate) use variant::VariantKind;

/// The first bytes of every value.
pub(crate) const MAGIC: [u8; 8] = *b"\x89JBL\r\n\x1a\n";

/// The last bytes of every value.
pub(crate) const END_MAGIC: [u8; 8] = *b"JBLend\r\n";

/// The version that is written, and the greatest that is read.
pub(crate) const VERSION: u16 = 1;

/// The most payload in a frame.
pub(crate) const FRAME_MAX: usize = 64 * 1024;

/// Arrays of this many bytes get a block of their own.
pub(crate) const BLOCK_MIN: usize = 1024;

/// Blocks start at multiples of this.
pub(crate) const ALIGNMENT: u64 = 64;

/// The deepest nesting that is written and read.
pub(crate) const MAX_DEPTH: u32 = 128;

/// The most axes of an array.
pub(crate) const MAX_AXES: usize = 32;

/// The longest name of a struct, field or variant, in bytes.
pub(crate) const NAME_MAX: usize = BLOCK_MIN - 1;

/// The most bytes of one item that must lie within a frame: the largest is a small array, after
/// its tag and description.
pub(crate) const ITEM_MAX: usize = BLOCK_MIN + description::ENCODED_MAX;

/// Zeros from `offset` to where a block may start.
pub(crate) fn padding(offset: u64) -> usize {
    (offset.wrapping_neg() % ALIGNMENT) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_reaches_the_next_multiple() {
        assert_eq!(
            [padding(0), padding(1), padding(63), padding(64), padding(65)],
            [0, 63, 1, 0, 63]
        );
    }
}
