//! Bytes as items, and the shapes and variants that were defined.

use std::cell::Cell;
use std::rc::Rc;
use std::thread::LocalKey;

use serde::de::DeserializeOwned;

use super::arrays::Inline;
use super::source::Source;
use crate::array::Elements;
use crate::error::{Error, ErrorKind, Result, Segment};
use crate::format::{Description, MAX_DEPTH, NAME_MAX, VariantKind, tag};
use crate::recycled::{Recycle, Recycled};
use crate::value::Value;

/// Reads one value from a source.
pub(crate) struct Decoder<S> {
    pub(super) source: S,
    /// How much of the current frame was used.
    pub(super) at: usize,
    /// What the value has defined so far.
    defined: Recycled<Defined>,
    depth: u32,
    failed: bool,
}

#[derive(Default)]
struct Defined {
    shapes: Vec<Shape>,
    /// The names of the fields of all shapes, and where each of them is in `text`.
    fields: Vec<Name>,
    /// Those of the structs that are being read and define one, those of inner ones last.
    pending: Vec<Name>,
    text: String,
    variants: Vec<Variant>,
}

/// The place of a name.
#[derive(Clone, Copy)]
pub(super) struct Name {
    start: u32,
    end: u32,
}

/// The fields of a struct, as its definition names them: from one number to another.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: Name,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The wanted fields and the visitor, by address, that may be given the fields in order.
    pub(super) positional_for: (usize, usize),
}

pub(super) struct Variant {
    enumeration: Name,
    pub(super) name: Rc<str>,
    pub(super) kind: VariantKind,
}

thread_local! {
    static SHELF: Cell<Option<Box<Defined>>> = const { Cell::new(None) };
}

impl Recycle for Defined {
    fn shelf() -> &'static LocalKey<Cell<Option<Box<Self>>>> {
        &SHELF
    }

    fn clear(&mut self) -> bool {
        self.shapes.clear();
        self.fields.clear();
        self.pending.clear();
        self.text.clear();
        self.variants.clear();
        self.text.capacity() <= 64 * 1024 && self.variants.capacity() <= 1024
    }
}

impl Defined {
    fn text(&self, name: Name) -> &str {
        self.text.get(name.start as usize..name.end as usize).unwrap_or_default()
    }

    fn name(&self, names: &[Name], number: usize) -> &str {
        names.get(number).map_or("", |&name| self.text(name))
    }

    fn keep(&mut self, name: &str) -> Result<Name> {
        let start = self.text.len();
        let end = u32::try_from(start + name.len());
        let end = end.map_err(|_| Error::damaged("4 GiB of names"))?;
        self.text.push_str(name);
        Ok(Name { start: start as u32, end })
    }
}

impl<S: Source> Decoder<S> {
    pub(crate) fn new(source: S) -> Self {
        Decoder { source, at: 0, defined: Recycled::new(), depth: 0, failed: false }
    }

    /// Reads the value and returns the source, and how much of its frame was used.
    #[inline]
    pub(crate) fn decode<T: DeserializeOwned>(mut self) -> Result<(T, S, usize)> {
        let value = self.root()?;
        if self.failed {
            return Err(Error::damaged("a `Deserialize` went on after an error"));
        }
        Ok((value, self.source, self.at))
    }

    #[inline]
    fn root<T: DeserializeOwned>(&mut self) -> Result<T> {
        if self.peek()? == tag::PARTS && typeid::of::<T>() != typeid::of::<Value>() {
            return self.whole_value()?.into_typed();
        }
        T::deserialize(self)
    }

    /// The source, and how much of its frame was used.
    pub(crate) fn into_source(self) -> (S, usize) {
        (self.source, self.at)
    }

    /// Notes that part of an item was left unread, and where.
    #[cold]
    pub(super) fn failed(&mut self, error: Error, segment: Segment) -> Error {
        self.failed = true;
        error.within(segment)
    }

    /// Runs `read` one level deeper.
    #[inline]
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.enter()?;
        let value = read(self)?;
        self.leave();
        Ok(value)
    }

    #[inline]
    pub(super) fn enter(&mut self) -> Result<()> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::new(ErrorKind::TooDeep));
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The first byte of the next item, which stays there.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<u8> {
        match self.source.frame().get(self.at) {
            Some(&byte) => Ok(byte),
            None => self.peek_next_frame(),
        }
    }

    #[cold]
    fn peek_next_frame(&mut self) -> Result<u8> {
        self.source.next_frame()?;
        self.at = 0;
        self.source.frame().first().copied().ok_or_else(cut_item)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    /// The rest of an item: bytes that must lie in the same frame.
    #[inline]
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let rest = self.source.frame().get(self.at..).unwrap_or_default();
        let bytes = rest.first_chunk().copied().ok_or_else(cut_item)?;
        self.at += N;
        Ok(bytes)
    }

    /// Hands on `len` bytes that must lie in the same frame.
    #[inline]
    pub(super) fn slice<T>(
        &mut self,
        len: usize,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<T> {
        let rest = self.source.frame().get(self.at..).unwrap_or_default();
        let bytes = rest.get(..len).ok_or_else(cut_item)?;
        self.at += len;
        read(bytes)
    }

    #[inline]
    pub(super) fn text<T>(
        &mut self,
        len: usize,
        read: impl FnOnce(&str) -> Result<T>,
    ) -> Result<T> {
        self.slice(len, |bytes| read(std::str::from_utf8(bytes).map_err(|_| not_utf8())?))
    }

    /// A number that is written as an integer item.
    #[inline]
    pub(super) fn number(&mut self) -> Result<u64> {
        match self.byte()? {
            byte @ 0..=tag::INT_MAX => Ok(byte.into()),
            tag::U8 => Ok(u8::from_le_bytes(self.take()?).into()),
            tag::U16 => Ok(u16::from_le_bytes(self.take()?).into()),
            tag::U32 => Ok(u32::from_le_bytes(self.take()?).into()),
            tag::U64 => Ok(u64::from_le_bytes(self.take()?)),
            found => Err(unexpected(found, "a length or number")),
        }
    }

    #[inline]
    pub(super) fn len(&mut self) -> Result<usize> {
        usize::try_from(self.number()?).map_err(|_| Error::damaged("a length is too large"))
    }

    /// The name of a struct, field, enum or variant.
    pub(super) fn name<T>(&mut self, read: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let len = self.name_len()?;
        self.text(len, read)
    }

    #[inline]
    fn name_len(&mut self) -> Result<usize> {
        let len = match self.byte()? {
            short @ tag::SHORT_TEXT..=tag::SHORT_TEXT_END => usize::from(short - tag::SHORT_TEXT),
            tag::TEXT => self.len()?,
            found => return Err(unexpected(found, "a name")),
        };
        if len > NAME_MAX {
            return Err(Error::damaged(format!("a name of {len} bytes")));
        }
        Ok(len)
    }

    /// The description of an array, behind its tag.
    pub(super) fn description(&mut self) -> Result<Description> {
        let mut description = Description::from_head(self.take()?)?;
        for len in description.shape_mut() {
            *len = self.number()?;
        }
        Ok(description)
    }

    /// Hands on the elements of an array whose description was read.
    pub(super) fn elements<T>(
        &mut self,
        tag: u8,
        description: &Description,
        read: impl FnOnce(&mut dyn Elements) -> Result<T>,
    ) -> Result<T> {
        if tag == tag::SMALL {
            return read(&mut Inline { decoder: self });
        }
        if tag == tag::CARRIED {
            let number = self.number()?;
            let blocks = self.source.blocks()?;
            blocks.fetch(number)?;
            return read(blocks);
        }
        self.end_of_frame()?;
        let blocks = self.source.blocks()?;
        blocks.begin(description.byte_len()?)?;
        read(blocks)
    }

    pub(super) fn skip_elements(&mut self, tag: u8, description: &Description) -> Result<()> {
        let len = description.byte_len()?;
        if tag == tag::SMALL {
            return self.slice(len, |_| Ok(()));
        }
        if tag == tag::CARRIED {
            return self.number().map(drop);
        }
        self.end_of_frame()?;
        let blocks = self.source.blocks()?;
        blocks.begin(0)?;
        blocks.skip(len).map(drop)
    }

    pub(super) fn end_of_frame(&self) -> Result<()> {
        if self.at == self.source.frame().len() {
            Ok(())
        } else {
            Err(Error::damaged("an array that is not the last item of its frame"))
        }
    }

    #[inline]
    pub(super) fn shape(&mut self, shape: usize) -> Result<&mut Shape> {
        let shapes = self.defined.as_mut().map(|defined| &mut defined.shapes);
        shapes.and_then(|shapes| shapes.get_mut(shape)).ok_or_else(|| undefined("shape", shape))
    }

    /// The name of a field of a shape.
    #[inline]
    pub(super) fn field(&self, field: u32) -> &str {
        self.defined.as_ref().map_or("", |defined| defined.name(&defined.fields, field as usize))
    }

    /// Reads the name of a struct and begins to define its shape; the number tells it from the
    /// ones around it.
    pub(super) fn begin_shape(&mut self) -> Result<(Name, usize)> {
        let name = self.keep_name()?;
        Ok((name, self.defined.as_ref().map_or(0, |defined| defined.pending.len())))
    }

    /// Reads a name that is needed later.
    fn keep_name(&mut self) -> Result<Name> {
        let len = self.name_len()?;
        let rest = self.source.frame().get(self.at..).unwrap_or_default();
        let bytes = rest.get(..len).ok_or_else(cut_item)?;
        let name = std::str::from_utf8(bytes).map_err(|_| not_utf8())?;
        let kept = self.defined.get_or_make().keep(name)?;
        self.at += len;
        Ok(kept)
    }

    /// A name that was kept.
    pub(super) fn kept(&self, name: Name) -> &str {
        self.defined.as_ref().map_or("", |defined| defined.text(name))
    }

    /// Reads the name of a field and adds it to the shape being defined; the result is for
    /// [`added_field`](Self::added_field).
    pub(super) fn add_field(&mut self) -> Result<usize> {
        let name = self.keep_name()?;
        let defined = self.defined.get_or_make();
        defined.pending.push(name);
        Ok(defined.pending.len() - 1)
    }

    /// The name of a field that was added to the shape being defined.
    pub(super) fn added_field(&self, number: usize) -> &str {
        self.defined.as_ref().map_or("", |defined| defined.name(&defined.pending, number))
    }

    pub(super) fn end_shape(&mut self, (name, begin): (Name, usize)) {
        let defined = self.defined.get_or_make();
        let start = defined.fields.len() as u32;
        defined.fields.extend(defined.pending.drain(begin..));
        let end = defined.fields.len() as u32;
        defined.shapes.push(Shape { name, start, end, positional_for: (0, 0) });
    }

    /// The variant behind a `VARIANT` or `VARIANT_NEW`.
    pub(super) fn variant(&mut self, tag: u8) -> Result<(Rc<str>, VariantKind)> {
        let known = self.known_variant(tag)?;
        Ok((Rc::clone(&known.name), known.kind))
    }

    /// The same, the name with that of its enum.
    pub(super) fn qualified_variant(&mut self, tag: u8) -> Result<(String, VariantKind)> {
        let known = self.known_variant(tag)?;
        let (enumeration, kind, name) = (known.enumeration, known.kind, Rc::clone(&known.name));
        Ok((format!("{}::{name}", self.kept(enumeration)), kind))
    }

    fn known_variant(&mut self, tag: u8) -> Result<&Variant> {
        let number = match tag {
            tag::VARIANT_NEW => self.define_variant()?,
            _ => self.len()?,
        };
        let variants = self.defined.as_ref().map(|defined| &defined.variants);
        let known = variants.and_then(|variants| variants.get(number));
        known.ok_or_else(|| undefined("variant", number))
    }

    fn define_variant(&mut self) -> Result<usize> {
        let enumeration = self.keep_name()?;
        self.number()?;
        let name = self.name(|name| Ok(name.into()))?;
        let kind = VariantKind::from_code(self.byte()?);
        let kind = kind.ok_or_else(|| Error::damaged("a variant of unknown kind"))?;
        let variants = &mut self.defined.get_or_make().variants;
        variants.push(Variant { enumeration, name, kind });
        Ok(variants.len() - 1)
    }
}

#[cold]
fn cut_item() -> Error {
    Error::damaged("an item is longer than its frame")
}

#[cold]
pub(super) fn not_utf8() -> Error {
    Error::damaged("text that is not UTF-8")
}

#[cold]
fn undefined(what: &str, number: usize) -> Error {
    Error::damaged(format!("{what} {number} is not defined"))
}

#[cold]
pub(super) fn unexpected(found: u8, wanted: &str) -> Error {
    Error::damaged(format!("{} (tag {found:#04x}) found, {wanted} wanted", tag::describe(found)))
}
