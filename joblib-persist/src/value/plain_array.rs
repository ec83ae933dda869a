//! Arrays and their elements for other formats: sequences of sequences, in logical order.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::element_type::{ElementType, Form};
use super::scalar::{self, Number};
use super::{ArrayRef, Items};
use crate::array::Order;

/// The part of an array behind some indices.
pub(super) struct Rows<'a> {
    element_type: &'a ElementType,
    bytes: &'a [u8],
    shape: &'a [usize],
    /// How many bytes a step along each axis takes.
    strides: Vec<usize>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(array: &ArrayRef<'a>, bytes: &'a [u8]) -> Self {
        Self::new(array.element_type(), bytes, array.shape(), array.order())
    }

    fn new(
        element_type: &'a ElementType,
        bytes: &'a [u8],
        shape: &'a [usize],
        order: Order,
    ) -> Self {
        let mut strides = vec![0; shape.len()];
        let mut stride = element_type.size;
        let mut set = |axis: usize| {
            strides[axis] = stride;
            stride *= shape[axis];
        };
        match order {
            Order::C => (0..shape.len()).rev().for_each(&mut set),
            Order::F => (0..shape.len()).for_each(&mut set),
        }
        Rows { element_type, bytes, shape, strides }
    }

    fn axis<S: Serializer>(&self, axis: usize, offset: usize, to: S) -> Result<S::Ok, S::Error> {
        let Some(&len) = self.shape.get(axis) else {
            let bytes = self.bytes.get(offset..offset + self.element_type.size);
            let bytes = bytes.unwrap_or_default();
            return Element { element_type: self.element_type, bytes }.serialize(to);
        };
        let mut seq = to.serialize_seq(Some(len))?;
        for index in 0..len {
            let offset = offset + index * self.strides[axis];
            seq.serialize_element(&Row { rows: self, axis: axis + 1, offset })?;
        }
        seq.end()
    }
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.axis(0, 0, to)
    }
}

struct Row<'r, 'a> {
    rows: &'r Rows<'a>,
    axis: usize,
    offset: usize,
}

impl Serialize for Row<'_, '_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.rows.axis(self.axis, self.offset, to)
    }
}

/// One element, or a numpy scalar.
pub(super) struct Element<'a> {
    pub(super) element_type: &'a ElementType,
    pub(super) bytes: &'a [u8],
}

impl Serialize for Element<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.element_type.form {
            Form::Struct(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                for field in fields {
                    let end = field.offset + field.element_type.size;
                    let bytes = self.bytes.get(field.offset..end).unwrap_or_default();
                    let element = Element { element_type: &field.element_type, bytes };
                    map.serialize_entry(&field.name, &element)?;
                }
                return map.end();
            }
            Form::Subarray(base, shape) => {
                return Rows::new(base, self.bytes, shape, Order::C).serialize(to);
            }
            Form::Plain | Form::Time(_) => {}
        }
        match scalar::number(self.element_type, self.bytes) {
            Some(Number::Bool(value)) => to.serialize_bool(value),
            Some(Number::Int(value)) => to.serialize_i64(value),
            Some(Number::Unsigned(value)) => to.serialize_u64(value),
            Some(Number::Float(value)) => to.serialize_f64(value),
            Some(Number::Complex(value)) => [value.re, value.im].serialize(to),
            None => self.text(to),
        }
    }
}

impl Element<'_> {
    fn text<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let string = scalar::byte_string(self.bytes);
        match (self.element_type.kind, std::str::from_utf8(string)) {
            ('U', _) => match scalar::text(self.element_type, self.bytes) {
                Some(text) => to.serialize_str(&text),
                None => to.serialize_bytes(self.bytes),
            },
            ('S', Ok(text)) => to.serialize_str(text),
            ('S', Err(_)) => to.serialize_bytes(string),
            _ => to.serialize_bytes(self.bytes),
        }
    }
}

/// Python objects along the first axis of a shape, each as `each` has it.
pub(super) struct ObjectRows<'a, F> {
    pub(super) shape: &'a [usize],
    pub(super) items: Items<'a>,
    pub(super) each: F,
}

impl<'a, F, T> Serialize for ObjectRows<'a, F>
where
    F: Fn(super::ValueRef<'a>) -> T + Copy,
    T: Serialize,
{
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some((&len, shape)) = self.shape.split_first() else {
            return match self.items.get(0) {
                Some(item) => (self.each)(item).serialize(to),
                None => to.serialize_unit(),
            };
        };
        let size: usize = shape.iter().product();
        let mut seq = to.serialize_seq(Some(len))?;
        for index in 0..len {
            let nodes = self.items.nodes.get(index * size..(index + 1) * size);
            let items = Items { nodes: nodes.unwrap_or_default(), ..self.items };
            seq.serialize_element(&ObjectRows { shape, items, each: self.each })?;
        }
        seq.end()
    }
}
