//! Items as bytes, and the numbers of shapes and variants.

use serde::Serialize;

use super::shapes::{Shapes, VariantKey};
use super::sink::{Mark, Sink};
use super::stop::Stop;
use super::value::ValueSerializer;
use crate::array::{Block, Origin};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{
    BLOCK_MIN, Container, Description, ITEM_MAX, MAX_DEPTH, NAME_MAX, VariantKind, description, tag,
};
#[cfg(feature = "mmap")]
use crate::frame_sink::FrameSink;

/// Writes one value into a sink.
pub(crate) struct Encoder<S> {
    pub(super) sink: S,
    pub(super) shapes: Shapes,
    pub(super) depth: u32,
    failed: bool,
}

impl<S: Sink> Encoder<S> {
    pub(crate) fn new(sink: S) -> Self {
        Encoder { sink, shapes: Shapes::new(), depth: 0, failed: false }
    }

    /// Writes the value and returns the sink, which has it all.
    #[inline]
    pub(crate) fn encode<T: Serialize + ?Sized>(mut self, value: &T) -> Result<S> {
        match self.value(value) {
            Ok(()) if !self.failed => Ok(self.sink),
            Ok(()) => Err(Error::unwritable("a `Serialize` went on after an error")),
            Err(stop) => Err(stop.0.unwrap_or_else(|| Error::unwritable("nothing was written"))),
        }
    }

    /// Writes `value` as an item with its contents.
    #[inline]
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stop> {
        let origin = Origin::of(value);
        match value.serialize(ValueSerializer { encoder: self, origin }) {
            Ok(()) => Ok(()),
            Err(stop) => self.stopped(stop),
        }
    }

    #[cold]
    fn stopped(&mut self, stop: Stop) -> Result<(), Stop> {
        if stop.0.is_none() {
            return Ok(());
        }
        self.failed = true;
        Err(stop)
    }

    /// Goes one level deeper.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Error::new(ErrorKind::TooDeep)) } else { Ok(()) }
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    #[inline]
    pub(super) fn put<const N: usize>(&mut self, bytes: [u8; N]) -> Result<()> {
        self.sink.room(N)?.extend_from_slice(&bytes);
        Ok(())
    }

    #[inline]
    pub(super) fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) -> Result<()> {
        // One piece of constant length is one check and no call.
        let mut item = [tag; 17];
        item[1..=N].copy_from_slice(&bytes);
        self.sink.room(1 + N)?.extend_from_slice(&item[..=N]);
        Ok(())
    }

    #[inline]
    pub(super) fn unsigned(&mut self, number: u64) -> Result<()> {
        append_number(self.sink.room(9)?, number);
        Ok(())
    }

    #[inline]
    pub(super) fn signed(&mut self, number: i64) -> Result<()> {
        let Ok(number) = u64::try_from(number) else {
            return self.negative(!number as u64);
        };
        self.unsigned(number)
    }

    /// Writes −1 − `number`.
    fn negative(&mut self, number: u64) -> Result<()> {
        if let Ok(byte) = u8::try_from(number) {
            self.tagged(tag::N8, [byte])
        } else if let Ok(number) = u16::try_from(number) {
            self.tagged(tag::N16, number.to_le_bytes())
        } else if let Ok(number) = u32::try_from(number) {
            self.tagged(tag::N32, number.to_le_bytes())
        } else {
            self.tagged(tag::N64, number.to_le_bytes())
        }
    }

    #[inline]
    pub(super) fn with_len(&mut self, tag: u8, len: usize) -> Result<()> {
        append_tagged_number(self.sink.room(10)?, tag, len as u64);
        Ok(())
    }

    /// A tag and a number, and where the tag is.
    #[inline]
    pub(super) fn marked(&mut self, tag: u8, number: u32) -> Result<Mark> {
        let buffer = self.sink.room(10)?;
        let at = buffer.len();
        append_tagged_number(buffer, tag, u64::from(number));
        Ok(Mark { frame: self.sink.frame(), at })
    }

    /// The name of a struct, field, enum or variant.
    #[inline]
    pub(super) fn name(&mut self, name: &str) -> Result<()> {
        if name.len() > NAME_MAX {
            return Err(long_name(name));
        }
        self.text(name)
    }

    #[inline]
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        if text.len() <= tag::SHORT_TEXT_MAX {
            let buffer = self.sink.room(1 + tag::SHORT_TEXT_MAX)?;
            buffer.push(tag::SHORT_TEXT + text.len() as u8);
            buffer.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        self.byte_string(tag::TEXT, Container::Text, text.as_bytes())
    }

    /// Writes which variant of an enum comes, and what kind it is.
    pub(super) fn variant(
        &mut self,
        enumeration: &'static str,
        index: u32,
        name: &'static str,
        kind: VariantKind,
    ) -> Result<()> {
        let key = VariantKey::of(enumeration, index, name, kind);
        if let Some(variant) = self.shapes.variant(key) {
            return self.with_len(tag::VARIANT, variant as usize);
        }
        self.shapes.define_variant(key);
        self.put([tag::VARIANT_NEW])?;
        self.name(enumeration)?;
        self.unsigned(u64::from(index))?;
        self.name(name)?;
        self.put([kind as u8])
    }

    pub(super) fn byte_string(
        &mut self,
        tag: u8,
        container: Container,
        bytes: &[u8],
    ) -> Result<()> {
        if S::BLOCKS && bytes.len() >= BLOCK_MIN {
            let description = Description::of_bytes(container, bytes.len())?;
            self.describe(tag::ARRAY, &description)?;
            return self.sink.block(&Block::of_slice(bytes));
        }
        if bytes.len() >= BLOCK_MIN
            && let Some(number) = self.sink.carry(&Block::of_slice(bytes))?
        {
            return self.carried(&Description::of_bytes(container, bytes.len())?, number);
        }
        let buffer = self.sink.room(ITEM_MAX)?;
        buffer.push(tag);
        append_number(buffer, bytes.len() as u64);
        buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes an array that was found behind an origin.
    pub(super) fn array(&mut self, block: &Block<'_>) -> Result<()> {
        self.described(&Description::of(block)?, block)
    }

    /// Writes an array as what it is described as, with the memory of the block.
    pub(super) fn described(&mut self, description: &Description, block: &Block<'_>) -> Result<()> {
        if S::BLOCKS && block.byte_len() >= BLOCK_MIN {
            self.describe(tag::ARRAY, description)?;
            return self.sink.block(block);
        }
        if block.byte_len() >= BLOCK_MIN
            && let Some(number) = self.sink.carry(block)?
        {
            return self.carried(description, number);
        }
        let buffer = self.describe(tag::SMALL, description)?;
        buffer.reserve(block.byte_len());
        block.try_for_each_chunk(|chunk| {
            buffer.extend_from_slice(chunk);
            Ok(())
        })
    }

    fn carried(&mut self, description: &Description, number: u64) -> Result<()> {
        self.describe(tag::CARRIED, description)?;
        self.unsigned(number)
    }

    /// Leaves room for the elements if they are few.
    fn describe(&mut self, tag: u8, description: &Description) -> Result<&mut Vec<u8>> {
        let room = if tag == tag::SMALL { ITEM_MAX } else { description::ENCODED_MAX };
        let buffer = self.sink.room(room)?;
        buffer.push(tag);
        buffer.extend_from_slice(&description.head());
        description.shape().iter().for_each(|&len| append_number(buffer, len));
        Ok(buffer)
    }
}

#[cfg(feature = "mmap")]
impl<'w> Encoder<FrameSink<'w>> {
    /// Writes an array of zeros as a block, however small, and returns the sink.
    pub(crate) fn blank_array(mut self, description: &Description) -> Result<FrameSink<'w>> {
        let len = description.byte_len()?;
        self.describe(tag::ARRAY, description)?;
        self.sink.blank_block(len as u64)?;
        Ok(self.sink)
    }
}

#[cold]
fn long_name(name: &str) -> Error {
    let detail = format!("a name of {} bytes, names have up to {NAME_MAX}", name.len());
    Error::unwritable(detail)
}

/// Appends a tag and a number behind it, at most ten bytes.
#[inline]
fn append_tagged_number(buffer: &mut Vec<u8>, tag: u8, number: u64) {
    if number <= u64::from(tag::INT_MAX) {
        buffer.extend_from_slice(&[tag, number as u8]);
    } else {
        buffer.push(tag);
        append_large_number(buffer, number);
    }
}

/// Appends a number as an integer item, at most nine bytes.
#[inline]
fn append_number(buffer: &mut Vec<u8>, number: u64) {
    if number <= u64::from(tag::INT_MAX) {
        buffer.push(number as u8);
    } else {
        append_large_number(buffer, number);
    }
}

#[inline]
fn append_large_number(buffer: &mut Vec<u8>, number: u64) {
    let (tag, len) = match number {
        0..=0xff => (tag::U8, 1),
        0x100..=0xffff => (tag::U16, 2),
        0x1_0000..=0xffff_ffff => (tag::U32, 4),
        _ => (tag::U64, 8),
    };
    // All nine bytes, and the superfluous ones taken back: no call to copy a few.
    let mut item = [tag; 9];
    item[1..].copy_from_slice(&number.to_le_bytes());
    let end = buffer.len() + 1 + len;
    buffer.extend_from_slice(&item);
    buffer.truncate(end);
}
