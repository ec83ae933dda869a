//! Sequences, tuples, maps and structs.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::lists::BATCH;
use super::pickler::Pickler;
use super::serializer::PickleSerializer;
use crate::error::{Error, Result};
use crate::pickle::opcode as op;
use crate::ser::Stop;

/// A container whose items are being written.
pub(super) struct Items<'p, 'w> {
    pickler: &'p mut Pickler<'w>,
    kind: Kind,
    /// Items since the last mark.
    waiting: usize,
    /// Whether the container is the value of a dict of one item, which ends with it.
    is_variant: bool,
}

/// What the items are put into.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    List,
    Dict,
    /// A tuple of so many items, or of a number that is not known.
    Tuple(Option<usize>),
}

/// How many items a tuple can have without a mark in front of them.
const UNMARKED: usize = 3;

impl<'p, 'w> Items<'p, 'w> {
    pub(super) fn new(pickler: &'p mut Pickler<'w>, kind: Kind) -> Result<Self> {
        pickler.enter()?;
        match kind {
            Kind::Dict if pickler.keys > 0 => return Err(unhashable()),
            Kind::List => pickler.op(op::EMPTY_LIST)?,
            Kind::Dict => pickler.op(op::EMPTY_DICT)?,
            Kind::Tuple(Some(0..=UNMARKED)) => {}
            Kind::Tuple(_) => pickler.op(op::MARK)?,
        }
        Ok(Items { pickler, kind, waiting: 0, is_variant: false })
    }

    /// The contents of an enum's variant.
    pub(super) fn variant(
        pickler: &'p mut Pickler<'w>,
        variant: &'static str,
        kind: Kind,
    ) -> Result<Self> {
        begin_variant(pickler, variant)?;
        Ok(Items { is_variant: true, ..Items::new(pickler, kind)? })
    }

    /// Makes room for one item, or for a key with its value.
    #[inline]
    fn next(&mut self) -> Result<()> {
        if !matches!(self.kind, Kind::Tuple(_)) {
            if self.waiting == BATCH {
                self.put_in()?;
            }
            if self.waiting == 0 {
                self.pickler.op(op::MARK)?;
            }
        }
        self.waiting += 1;
        Ok(())
    }

    fn put_in(&mut self) -> Result<()> {
        self.waiting = 0;
        self.pickler.op(if matches!(self.kind, Kind::Dict) { op::SETITEMS } else { op::APPENDS })
    }

    #[inline]
    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Stop> {
        self.next()?;
        PickleSerializer::write(self.pickler, value)
    }

    fn finish(mut self) -> Result<(), Stop> {
        match self.kind {
            Kind::Tuple(Some(len)) if len != self.waiting => {
                let found = self.waiting;
                let detail = format!("a `Serialize` announced {len} elements and has {found}");
                return Err(Error::unwritable(detail).into());
            }
            Kind::Tuple(Some(len)) => self.pickler.tuple(len)?,
            Kind::Tuple(None) => self.pickler.op(op::TUPLE)?,
            _ if self.waiting > 0 => self.put_in()?,
            _ => {}
        }
        if self.is_variant {
            end_variant(self.pickler)?;
        }
        self.pickler.leave();
        Ok(())
    }
}

/// A dict with the variant's name as its key; the contents are to follow.
pub(super) fn begin_variant(pickler: &mut Pickler<'_>, variant: &'static str) -> Result<()> {
    if pickler.keys > 0 {
        return Err(unhashable());
    }
    pickler.op(op::EMPTY_DICT)?;
    pickler.text(variant)
}

pub(super) fn end_variant(pickler: &mut Pickler<'_>) -> Result<()> {
    pickler.op(op::SETITEM)
}

#[cold]
fn unhashable() -> Error {
    Error::unwritable(
        "a map, struct or enum with contents as the key of a map: it becomes a `dict`, which Python \
         cannot hash; use a tuple or a string",
    )
}

macro_rules! items {
    ($($serialize:ident, $item:ident;)*) => {$(
        impl $serialize for Items<'_, '_> {
            type Ok = ();
            type Error = Stop;

            #[inline]
            fn $item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Stop> {
                self.item(value)
            }

            #[inline]
            fn end(self) -> Result<(), Stop> {
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

impl SerializeMap for Items<'_, '_> {
    type Ok = ();
    type Error = Stop;

    #[inline]
    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Stop> {
        self.next()?;
        self.pickler.keys += 1;
        PickleSerializer::write(self.pickler, key)?;
        self.pickler.keys -= 1;
        Ok(())
    }

    #[inline]
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Stop> {
        PickleSerializer::write(self.pickler, value)
    }

    #[inline]
    fn end(self) -> Result<(), Stop> {
        self.finish()
    }
}

macro_rules! structs {
    ($($serialize:ident),*) => {$(
        impl $serialize for Items<'_, '_> {
            type Ok = ();
            type Error = Stop;

            #[inline]
            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Stop> {
                self.next()?;
                self.pickler.text(name)?;
                PickleSerializer::write(self.pickler, value)
            }

            #[inline]
            fn end(self) -> Result<(), Stop> {
                self.finish()
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant);
