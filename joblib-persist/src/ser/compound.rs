//! Sequences, tuples, maps and structs.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::encoder::Encoder;
use super::shapes::{Shape, ShapeKey};
use super::sink::{Mark, Sink};
use super::stop::Stop;
use crate::error::Error;
use crate::format::tag;

type Result<T = ()> = std::result::Result<T, Stop>;

/// What follows a `SEQ`, `TUPLE` or `MAP`.
pub(super) struct Items<'e, S> {
    encoder: &'e mut Encoder<S>,
    /// How many are still to come; unknown if the length was.
    left: Option<usize>,
}

impl<'e, S: Sink> Items<'e, S> {
    pub(super) fn new(encoder: &'e mut Encoder<S>, left: Option<usize>) -> Result<Self> {
        encoder.enter()?;
        Ok(Items { encoder, left })
    }

    #[inline]
    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or_else(|| announced("fewer elements than it has"))?;
        }
        self.encoder.value(value)
    }

    #[inline]
    fn finish(self) -> Result {
        self.encoder.leave();
        match self.left {
            None => Ok(self.encoder.put([tag::END])?),
            Some(0) => Ok(()),
            Some(_) => Err(announced("more elements than it has").into()),
        }
    }
}

#[cold]
fn announced(what: &str) -> Error {
    Error::unwritable(format!("a `Serialize` announced {what}"))
}

macro_rules! items {
    ($($serialize:ident, $item:ident;)*) => {$(
        impl<S: Sink> $serialize for Items<'_, S> {
            type Ok = ();
            type Error = Stop;

            #[inline]
            fn $item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
                self.item(value)
            }

            #[inline]
            fn end(self) -> Result {
                self.finish()
            }
        }
    )*};
}

items! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

impl<S: Sink> SerializeMap for Items<'_, S> {
    type Ok = ();
    type Error = Stop;

    #[inline]
    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result {
        self.item(key)
    }

    #[inline]
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result {
        self.encoder.value(value)
    }

    #[inline]
    fn end(self) -> Result {
        self.finish()
    }
}

/// The fields of a struct.
///
/// Whether a known shape fits is only known at the end. So the tag says at first that it may not,
/// and is replaced if it did and still lies in the buffer.
pub(super) struct StructFields<'e, S> {
    encoder: &'e mut Encoder<S>,
    /// The next field of a shape that fitted so far without a gap, and the end of the shape. They
    /// are equal in all other cases.
    next: u32,
    end: u32,
    mode: Mode,
}

enum Mode {
    /// A known shape with as many fields as are announced.
    Fitting { tag: Mark },
    /// A known shape of which some fields are left out: the next field and the end of the shape,
    /// and how many of the announced fields are still to come.
    Gaps { next: u32, end: u32, left: usize },
    /// The first struct of its name and number of fields.
    Defining { key: ShapeKey, begin: usize, left: usize },
    /// A known shape that did not fit: from now on each field is named.
    Naming { left: usize },
}

impl<'e, S: Sink> StructFields<'e, S> {
    #[inline]
    pub(super) fn begin(
        encoder: &'e mut Encoder<S>,
        name: &'static str,
        len: usize,
    ) -> Result<Self> {
        encoder.enter()?;
        let key = ShapeKey::of(name, len);
        let Some(Shape { number, start, end }) = encoder.shapes.shape(key) else {
            encoder.put([tag::STRUCT_NEW])?;
            encoder.name(name)?;
            let mode = Mode::Defining { key, begin: encoder.shapes.begin_shape(), left: len };
            return Ok(StructFields { encoder, next: 0, end: 0, mode });
        };
        let tag = encoder.marked(tag::STRUCT_MIXED, number)?;
        if (end - start) as usize == len {
            return Ok(StructFields { encoder, next: start, end, mode: Mode::Fitting { tag } });
        }
        let mode = Mode::Gaps { next: start, end, left: len };
        Ok(StructFields { encoder, next: 0, end: 0, mode })
    }

    #[inline]
    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result {
        if self.next < self.end && std::ptr::eq(self.encoder.shapes.field(self.next), name) {
            self.next += 1;
        } else {
            self.other_field(name)?;
        }
        self.encoder.value(value)
    }

    /// Writes what leads to a field that is not the next one of a shape that fits.
    #[inline(never)]
    fn other_field(&mut self, name: &'static str) -> Result {
        if let Mode::Fitting { .. } = self.mode {
            let (next, end) = (self.next, self.end);
            if next < end && self.encoder.shapes.field(next) == name {
                self.next += 1;
                return Ok(());
            }
            self.mode = Mode::Gaps { next, end, left: (end - next) as usize };
            self.next = self.end;
        }
        match &mut self.mode {
            Mode::Fitting { .. } => Ok(()),
            Mode::Gaps { next, end, left } => {
                count(left)?;
                // The last field of a shape ends the struct: it will not do if more are to come.
                let usable = end.saturating_sub(u32::from(*left > 0));
                let (start, left) = (*next, *left);
                let found = (start..usable).find(|&at| self.encoder.shapes.field(at) == name);
                if let Some(found) = found {
                    *next = found + 1;
                    return self.skip(found - start);
                }
                self.mode = Mode::Naming { left };
                self.encoder.put([tag::OTHER])?;
                Ok(self.encoder.name(name)?)
            }
            Mode::Defining { left, .. } => {
                count(left)?;
                self.encoder.shapes.add_field(name);
                Ok(self.encoder.name(name)?)
            }
            Mode::Naming { left } => {
                count(left)?;
                Ok(self.encoder.name(name)?)
            }
        }
    }

    fn skip(&mut self, fields: u32) -> Result {
        (0..fields).try_for_each(|_| Ok(self.encoder.put([tag::SKIP])?))
    }

    fn skipped_field(&mut self, name: &'static str) -> Result {
        // In the other modes an absent field is simply not named; the definition of a shape names
        // it, so that the next struct can have it.
        if let Mode::Defining { .. } = &mut self.mode {
            self.encoder.shapes.add_field(name);
            self.encoder.name(name)?;
            self.encoder.put([tag::SKIP])?;
        }
        Ok(())
    }

    #[inline]
    fn finish(mut self) -> Result {
        self.encoder.leave();
        match self.mode {
            Mode::Fitting { tag } if self.next == self.end => {
                self.encoder.sink.replace(tag, tag::STRUCT);
                Ok(())
            }
            _ => self.finish_other(),
        }
    }

    #[inline(never)]
    fn finish_other(&mut self) -> Result {
        match self.mode {
            Mode::Gaps { next, end, left: 0 } => self.skip(end - next),
            Mode::Naming { left: 0 } => Ok(self.encoder.put([tag::END])?),
            Mode::Defining { key, begin, left: 0 } => {
                self.encoder.shapes.end_shape(key, begin);
                Ok(self.encoder.put([tag::END])?)
            }
            _ => Err(announced("more fields than it has").into()),
        }
    }
}

/// Counts a field among the announced ones.
fn count(left: &mut usize) -> Result {
    *left = left.checked_sub(1).ok_or_else(|| announced("fewer fields than it has"))?;
    Ok(())
}

macro_rules! structs {
    ($($serialize:ident),*) => {$(
        impl<S: Sink> $serialize for StructFields<'_, S> {
            type Ok = ();
            type Error = Stop;

            #[inline]
            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result {
                self.field(name, value)
            }

            fn skip_field(&mut self, name: &'static str) -> Result {
                self.skipped_field(name)
            }

            #[inline]
            fn end(self) -> Result {
                self.finish()
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant);
