//! Sequences, tuples, maps and structs.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::encoder::Encoder;
use super::shapes::ShapeKey;
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
    mode: Mode,
    /// How many of the announced fields are still to come.
    left: usize,
}

enum Mode {
    /// The first struct of its name and number of fields.
    Defining { key: ShapeKey, begin: usize },
    /// Follows a known shape, which fitted so far: the next field of it, and its end.
    Following { next: usize, end: usize, tag: Mark, complete: bool },
    /// Did not fit: each field is named.
    Naming,
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
        let mode = match encoder.shapes.shape(key) {
            Some((shape, fields)) => {
                encoder.sink.room(10)?;
                let tag = encoder.sink.mark();
                encoder.with_len(tag::STRUCT_MIXED, shape as usize)?;
                Mode::Following { next: fields.start, end: fields.end, tag, complete: true }
            }
            None => {
                encoder.put([tag::STRUCT_NEW])?;
                encoder.name(name)?;
                Mode::Defining { key, begin: encoder.shapes.begin_shape() }
            }
        };
        Ok(StructFields { encoder, mode, left: len })
    }

    #[inline]
    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result {
        self.left =
            self.left.checked_sub(1).ok_or_else(|| announced("fewer fields than it has"))?;
        // The last field of the shape ends the struct: it will not do if more are to come.
        if let Mode::Following { next, end, .. } = &mut self.mode
            && (*next + 1 < *end || (self.left == 0 && *next < *end))
            && same(self.encoder.shapes.field(*next), name)
        {
            *next += 1;
        } else {
            self.unexpected_field(name)?;
        }
        self.encoder.value(value)
    }

    /// Writes what leads to a field that is not the next one of a known shape.
    #[inline(never)]
    fn unexpected_field(&mut self, name: &'static str) -> Result {
        match &mut self.mode {
            Mode::Defining { .. } => self.encoder.shapes.add_field(name),
            Mode::Naming => {}
            Mode::Following { next, end, complete, .. } => {
                *complete = false;
                let start = *next;
                let usable = end.saturating_sub(usize::from(self.left > 0));
                let found = (start..usable).find(|&at| same(self.encoder.shapes.field(at), name));
                if let Some(found) = found {
                    *next = found + 1;
                    return self.skip(found - start);
                }
                self.mode = Mode::Naming;
                self.encoder.put([tag::OTHER])?;
            }
        }
        Ok(self.encoder.name(name)?)
    }

    fn skip(&mut self, fields: usize) -> Result {
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
        if self.left > 0 {
            return Err(announced("more fields than it has").into());
        }
        self.encoder.leave();
        match self.mode {
            Mode::Following { next, end, tag, complete: true } if next == end => {
                self.encoder.sink.replace(tag, tag::STRUCT);
                Ok(())
            }
            _ => self.finish_incomplete(),
        }
    }

    #[inline(never)]
    fn finish_incomplete(&mut self) -> Result {
        match self.mode {
            Mode::Following { next, end, .. } => self.skip(end - next),
            Mode::Naming => Ok(self.encoder.put([tag::END])?),
            Mode::Defining { key, begin } => {
                self.encoder.shapes.end_shape(key, begin);
                Ok(self.encoder.put([tag::END])?)
            }
        }
    }
}

#[inline]
fn same(left: &'static str, right: &'static str) -> bool {
    std::ptr::eq(left, right) || left == right
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
