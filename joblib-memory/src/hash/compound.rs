//! Values made of values.

use std::any::TypeId;

use joblib_persist::array::DType;
use num_complex::Complex;
use serde::Serialize;
use serde::ser::{
    SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant,
};

use super::accumulator::Accumulator;
use super::encoding::{self as tag, Kind, Run};
use super::serializer::{Place, Result, Stop, feed};

/// The items of a tuple, each on its own.
pub(super) struct Items<'h>(&'h mut Accumulator);

impl<'h> Items<'h> {
    pub(super) fn new(out: &'h mut Accumulator) -> Self {
        Self(out)
    }
}

/// The elements of a sequence, those of one kind in runs.
pub(super) struct Sequence<'h> {
    out: &'h mut Accumulator,
    run: Option<Run>,
}

impl<'h> Sequence<'h> {
    pub(super) fn new(out: &'h mut Accumulator) -> Self {
        let run = Some(Run::new(out.algorithm()));
        Self { out, run }
    }

    /// The shape of an array, whose lengths are written as those of a tuple.
    pub(super) fn shape(out: &'h mut Accumulator) -> Self {
        Self { out, run: None }
    }
}

/// A real or imaginary part.
struct ComplexPart {
    /// The kind of the complex number.
    whole: Kind,
    bytes: usize,
}

/// Complex numbers serialize as pairs, and as elements of an array are one element each.
fn complex_part<T: ?Sized>() -> Option<ComplexPart> {
    let id = typeid::of::<T>();
    let is = |value, reference| id == value || id == reference;
    if is(TypeId::of::<Complex<f32>>(), TypeId::of::<&'static Complex<f32>>()) {
        Some(ComplexPart { whole: DType::C64.code(), bytes: size_of::<f32>() })
    } else if is(TypeId::of::<Complex<f64>>(), TypeId::of::<&'static Complex<f64>>()) {
        Some(ComplexPart { whole: DType::C128.code(), bytes: size_of::<f64>() })
    } else {
        None
    }
}

impl SerializeSeq for Sequence<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        match &mut self.run {
            None => feed(value, Place::Value(self.out)),
            Some(run) => match complex_part::<T>() {
                None => feed(value, Place::Element(self.out, run)),
                Some(part) => {
                    let mut item = Accumulator::new(self.out.algorithm());
                    feed(value, Place::Value(&mut item))?;
                    run.push(part.whole, &item.parts_of_pair(part.bytes), self.out);
                    Ok(())
                }
            },
        }
    }

    fn end(mut self) -> Result {
        if let Some(run) = &mut self.run {
            run.finish(self.out);
        }
        self.out.tag(tag::END);
        Ok(())
    }
}

/// The fields of a struct.
pub(super) struct Fields<'h> {
    out: &'h mut Accumulator,
    array: bool,
}

impl<'h> Fields<'h> {
    pub(super) fn new(out: &'h mut Accumulator) -> Self {
        Self { out, array: false }
    }

    /// The fields of an `ndarray` array whose elements come one by one: in C order.
    pub(super) fn array(out: &'h mut Accumulator) -> Self {
        Self { out, array: true }
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result {
        match (self.array, name) {
            (true, "v") => feed(value, Place::Value(self.out)),
            (true, "dim") => feed(value, Place::Shape(self.out)),
            (true, "data") => {
                self.out.tag(tag::ORDER_C);
                feed(value, Place::Value(self.out))
            }
            _ => {
                self.out.tag(tag::STR);
                self.out.text(name.as_bytes());
                feed(value, Place::Value(self.out))
            }
        }
    }
}

macro_rules! items {
    ($($trait:ident $method:ident),*) => {$(
        impl $trait for Items<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
                feed(value, Place::Value(self.0))
            }

            fn end(self) -> Result {
                self.0.tag(tag::END);
                Ok(())
            }
        }
    )*};
}

items!(
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl $trait for Fields<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result {
                self.field(name, value)
            }

            fn end(self) -> Result {
                self.out.tag(tag::END);
                Ok(())
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);
