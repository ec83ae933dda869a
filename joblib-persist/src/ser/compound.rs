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
    state: State,
}

/// How far the fields fit.
///
/// What is not the fast path takes and gives it by value: while nobody has its address, it lives
/// in registers.
#[derive(Clone, Copy)]
struct State {
    /// The next field of a shape that fitted so far without a gap, and the end of the shape. They
    /// are equal in all other cases.
    next: u32,
    end: u32,
    mode: Mode,
}

#[derive(Clone, Copy)]
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
            return Ok(StructFields { encoder, state: State::of(mode) });
        };
        let tag = encoder.marked(tag::STRUCT_MIXED, number)?;
        if (end - start) as usize == len {
            let state = State { next: start, end, mode: Mode::Fitting { tag } };
            return Ok(StructFields { encoder, state });
        }
        let mode = Mode::Gaps { next: start, end, left: len };
        Ok(StructFields { encoder, state: State::of(mode) })
    }

    #[inline(always)]
    fn field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result {
        let State { next, end, .. } = self.state;
        if next < end && std::ptr::eq(self.encoder.shapes.field(next), name) {
            self.state.next = next + 1;
        } else {
            self.state = self.state.other_field(self.encoder, name)?;
        }
        self.encoder.value(value)
    }

    fn skipped_field(&mut self, name: &'static str) -> Result {
        // In the other modes an absent field is simply not named; the definition of a shape names
        // it, so that the next struct can have it.
        if let Mode::Defining { .. } = self.state.mode {
            self.encoder.shapes.add_field(name);
            self.encoder.name(name)?;
            self.encoder.put([tag::SKIP])?;
        }
        Ok(())
    }

    #[inline]
    fn finish(self) -> Result {
        self.encoder.leave();
        match self.state {
            State { next, end, mode: Mode::Fitting { tag } } if next == end => {
                self.encoder.sink.replace(tag, tag::STRUCT);
                Ok(())
            }
            state => state.finish_other(self.encoder),
        }
    }
}

impl State {
    fn of(mode: Mode) -> Self {
        State { next: 0, end: 0, mode }
    }

    /// Writes what leads to a field that is not the next one of a shape that fits.
    #[inline(never)]
    fn other_field<S: Sink>(
        mut self,
        encoder: &mut Encoder<S>,
        name: &'static str,
    ) -> Result<Self> {
        if let Mode::Fitting { .. } = self.mode {
            let State { next, end, .. } = self;
            if next < end && encoder.shapes.field(next) == name {
                return Ok(State { next: next + 1, ..self });
            }
            self = State::of(Mode::Gaps { next, end, left: (end - next) as usize });
        }
        match &mut self.mode {
            Mode::Fitting { .. } => {}
            Mode::Gaps { next, end, left } => {
                count(left)?;
                // The last field of a shape ends the struct: it will not do if more are to come.
                let usable = end.saturating_sub(u32::from(*left > 0));
                let (start, left) = (*next, *left);
                let found = (start..usable).find(|&at| encoder.shapes.field(at) == name);
                if let Some(found) = found {
                    *next = found + 1;
                    skip(encoder, found - start)?;
                } else {
                    self.mode = Mode::Naming { left };
                    encoder.put([tag::OTHER])?;
                    encoder.name(name)?;
                }
            }
            Mode::Defining { left, .. } => {
                count(left)?;
                encoder.shapes.add_field(name);
                encoder.name(name)?;
            }
            Mode::Naming { left } => {
                count(left)?;
                encoder.name(name)?;
            }
        }
        Ok(self)
    }

    #[inline(never)]
    fn finish_other<S: Sink>(self, encoder: &mut Encoder<S>) -> Result {
        match self.mode {
            Mode::Gaps { next, end, left: 0 } => skip(encoder, end - next),
            Mode::Naming { left: 0 } => Ok(encoder.put([tag::END])?),
            Mode::Defining { key, begin, left: 0 } => {
                encoder.shapes.end_shape(key, begin);
                Ok(encoder.put([tag::END])?)
            }
            _ => Err(announced("more fields than it has").into()),
        }
    }
}

fn skip<S: Sink>(encoder: &mut Encoder<S>, fields: u32) -> Result {
    (0..fields).try_for_each(|_| Ok(encoder.put([tag::SKIP])?))
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

            // Always: a call for one field would put the state of all into memory.
            #[inline(always)]
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
