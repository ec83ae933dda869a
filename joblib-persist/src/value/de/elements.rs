//! Arrays: as a whole into the memory of the wanted one, or element by element.

use std::any::{Any, TypeId};
use std::sync::Arc;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::Depth;
use super::cursor::Cursor;
use super::widen::{is_lossless, widened};
use crate::array::{DType, Destination, Elements, Order, STRUCT_FIELDS};
use crate::error::{Error, Result, Segment};
use crate::format::{Container, Description};
use crate::value::scalar::{self, Number};
use crate::value::{ArrayRef, Buffer, Data, ElementType, Form};

/// Reads an array into the wanted type: moved, copied, turned around or widened.
pub(super) fn whole_array<T>(
    array: &ArrayRef<'_>,
    data: Data,
    destination: Destination<T>,
    shape: &[usize],
) -> Result<T> {
    let element_type = array.element_type();
    let wanted = destination.dtype();
    let found = element_type.dtype().filter(|&found| is_lossless(found, wanted));
    let found = found.ok_or_else(|| {
        let found = format!("array of {element_type}, shape {shape:?}");
        Error::mismatch(found, wanted.name())
    })?;
    let description = Description::new(Container::Array, wanted, array.order(), shape)?;
    destination.read(&description, &mut Converted::new(data, element_type, found, wanted))
}

/// The elements of an array in the wanted type.
enum Converted {
    Whole(Option<Buffer>),
    Copied { data: Data, at: usize },
}

impl Converted {
    fn new(data: Data, element_type: &ElementType, found: DType, wanted: DType) -> Self {
        let data = match data {
            Data::Raw(bytes) => Data::Raw(turned_around(bytes, element_type)),
            Data::Mapped(bytes) if bytes.dtype().is_none() => {
                Data::Raw(turned_around(bytes.bytes().to_vec(), element_type))
            }
            data => data,
        };
        if found != wanted {
            let bytes = data.bytes().unwrap_or_default();
            return Converted::Whole(Some(widened(found, bytes, wanted)));
        }
        match data {
            Data::Native(buffer) => Converted::Whole(Some(buffer)),
            data => Converted::Copied { data, at: 0 },
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Converted::Whole(buffer) => buffer.as_ref().map_or(&[], Buffer::bytes),
            Converted::Copied { data, at } => {
                data.bytes().and_then(|bytes| bytes.get(*at..)).unwrap_or_default()
            }
        }
    }
}

/// The least significant byte of each number first.
fn turned_around(mut bytes: Vec<u8>, element_type: &ElementType) -> Vec<u8> {
    if !element_type.is_native() {
        let parts = if element_type.kind == 'c' { 2 } else { 1 };
        bytes.chunks_mut((element_type.size / parts).max(1)).for_each(<[u8]>::reverse);
    }
    bytes
}

impl Elements for Converted {
    fn available(&self) -> Option<u64> {
        Some(self.bytes().len() as u64)
    }

    fn whole(&mut self, vec: TypeId) -> Option<Box<dyn Any>> {
        match self {
            Converted::Whole(buffer) if buffer.as_ref().is_some_and(|b| b.is(vec)) => {
                buffer.take().map(Buffer::into_any)
            }
            Converted::Whole(buffer) => {
                let data = Data::Native(buffer.take()?);
                *self = Converted::Copied { data, at: 0 };
                None
            }
            Converted::Copied { .. } => None,
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let Some(from) = self.bytes().get(..bytes.len()) else {
            return Err(Error::damaged("an array has fewer elements than its shape says"));
        };
        bytes.copy_from_slice(from);
        if let Converted::Copied { at, .. } = self {
            *at += bytes.len();
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

/// An array along one axis, in logical order.
pub(super) struct Rows {
    element_type: Arc<ElementType>,
    data: Arc<Data>,
    shape: Arc<[usize]>,
    /// How many bytes a step along each axis takes.
    strides: Arc<[usize]>,
    axis: usize,
    offset: usize,
    next: usize,
    depth: Depth,
}

impl Rows {
    pub(super) fn new(array: &ArrayRef<'_>, data: Data, depth: Depth) -> Result<Self> {
        let shape: Arc<[usize]> = array.shape().into();
        let element_type = Arc::clone(array.element_type());
        let mut strides = vec![0; shape.len()];
        let mut stride = element_type.size;
        let mut set = |axis: usize| {
            strides[axis] = stride;
            stride *= shape[axis];
        };
        match array.order() {
            Order::C => (0..shape.len()).rev().for_each(&mut set),
            Order::F => (0..shape.len()).for_each(&mut set),
        }
        let (data, strides) = (Arc::new(data), strides.into());
        Ok(Rows { element_type, data, shape, strides, axis: 0, offset: 0, next: 0, depth })
    }

    pub(super) fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        if self.axis == self.shape.len() {
            return self.with_element(|element| element.deserialize_any(visitor));
        }
        let value = visitor.visit_seq(&mut self)?;
        match self.shape[self.axis] - self.next {
            0 => Ok(value),
            left => {
                let found = format!("an array of {} elements", self.next + left);
                Err(Error::mismatch(found, format!("{} elements", self.next)))
            }
        }
    }

    fn with_element<T>(&self, each: impl FnOnce(Element<'_>) -> Result<T>) -> Result<T> {
        let bytes = self.data.bytes().unwrap_or_default();
        let bytes = bytes.get(self.offset..self.offset + self.element_type.size);
        each(Element {
            element_type: &self.element_type,
            bytes: bytes.unwrap_or_default(),
            depth: self.depth,
        })
    }

    /// What is at an index of this axis.
    fn at(&self, index: usize) -> Result<Rows> {
        Ok(Rows {
            element_type: Arc::clone(&self.element_type),
            data: Arc::clone(&self.data),
            shape: Arc::clone(&self.shape),
            strides: Arc::clone(&self.strides),
            axis: self.axis + 1,
            offset: self.offset + index * self.strides[self.axis],
            next: 0,
            depth: self.depth.deeper()?,
        })
    }
}

impl<'de> SeqAccess<'de> for Rows {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.next == self.shape[self.axis] {
            return Ok(None);
        }
        let index = self.next;
        self.next += 1;
        let value = if self.axis + 1 == self.shape.len() {
            let offset = self.offset + index * self.strides[self.axis];
            let bytes = self.data.bytes().unwrap_or_default();
            let bytes = bytes.get(offset..offset + self.element_type.size).unwrap_or_default();
            seed.deserialize(Element { element_type: &self.element_type, bytes, depth: self.depth })
        } else {
            seed.deserialize(self.at(index)?)
        };
        value.map(Some).map_err(|error| error.within(Segment::Index(index as u64)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.shape[self.axis] - self.next)
    }
}

impl<'de> Deserializer<'de> for Rows {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// One element, or a numpy scalar.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) element_type: &'a ElementType,
    pub(super) bytes: &'a [u8],
    pub(super) depth: Depth,
}

impl<'a> Element<'a> {
    fn visit_fields<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_map(Fields { element: self, next: 0 })
    }

    fn field(self, index: usize) -> Option<Result<Element<'a>>> {
        let field = self.element_type.fields().get(index)?;
        let bytes = self.bytes.get(field.offset..field.offset + field.element_type.size);
        let bytes = bytes.unwrap_or_default();
        Some(self.depth.deeper().map(|depth| Element {
            element_type: &field.element_type,
            bytes,
            depth,
        }))
    }
}

impl<'de> Deserializer<'de> for Element<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.element_type.form {
            Form::Struct(_) => return self.visit_fields(visitor),
            Form::Subarray(base, shape) => {
                let rows = subarray(base, shape, self.bytes, self.depth.deeper()?);
                return rows.visit(visitor);
            }
            Form::Plain | Form::Time(_) => {}
        }
        match scalar::number(self.element_type, self.bytes) {
            Some(Number::Bool(value)) => visitor.visit_bool(value),
            Some(Number::Int(value)) => visitor.visit_i64(value),
            Some(Number::Unsigned(value)) => visitor.visit_u64(value),
            Some(Number::Float(value)) if self.element_type.size == 4 => {
                visitor.visit_f32(value as f32)
            }
            Some(Number::Float(value)) => visitor.visit_f64(value),
            Some(Number::Complex(value)) => {
                visitor.visit_seq(SeqDeserializer::new([value.re, value.im].into_iter()))
            }
            None => match self.element_type.kind {
                'U' => match scalar::text(self.element_type, self.bytes) {
                    Some(text) => visitor.visit_string(text),
                    None => Err(Error::mismatch("text that is not valid Unicode", "text")),
                },
                'S' => visitor.visit_bytes(scalar::byte_string(self.bytes)),
                _ => visitor.visit_bytes(self.bytes),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(Element { depth: self.depth.deeper()?, ..self })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(Element { depth: self.depth.deeper()?, ..self })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.element_type.kind == 'S'
            && let Ok(text) = std::str::from_utf8(scalar::byte_string(self.bytes))
        {
            return visitor.visit_str(text);
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let text = match self.element_type.kind {
            'U' => scalar::text(self.element_type, self.bytes),
            _ => String::from_utf8(scalar::byte_string(self.bytes).to_vec()).ok(),
        };
        match text {
            Some(text) => visitor.visit_enum(StrDeserializer::<Error>::new(&text)),
            None => Err(Error::mismatch(self.element_type.to_string(), "an enum value")),
        }
    }

    /// Structs by name; a tuple takes the fields in their order.
    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value> {
        match self.element_type.form {
            Form::Struct(_) => visitor.visit_seq(Fields { element: self, next: 0 }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_tuple(len, visitor)
    }

    /// A field that is an array.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match (&self.element_type.form, Destination::of_array::<V>()) {
            (Form::Subarray(base, shape), Some(destination)) => {
                let wanted = destination.dtype();
                let found = base.dtype().filter(|&found| is_lossless(found, wanted));
                let found = found.ok_or_else(|| {
                    let found = format!("array of {base}, shape {shape:?}");
                    Error::mismatch(found, wanted.name())
                })?;
                let description = Description::new(Container::Array, wanted, Order::C, shape)?;
                let data = Data::Raw(self.bytes.to_vec());
                destination.read(&description, &mut Converted::new(data, base, found, wanted))
            }
            _ => {
                let _ = (name, fields);
                self.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct seq map
    }
}

fn subarray(base: &Arc<ElementType>, shape: &[usize], bytes: &[u8], depth: Depth) -> Rows {
    let mut strides = vec![0; shape.len()];
    let mut stride = base.size;
    for axis in (0..shape.len()).rev() {
        strides[axis] = stride;
        stride *= shape[axis];
    }
    Rows {
        element_type: Arc::clone(base),
        data: Arc::new(Data::Raw(bytes.to_vec())),
        shape: shape.into(),
        strides: strides.into(),
        axis: 0,
        offset: 0,
        next: 0,
        depth,
    }
}

/// The fields of a structured element, with their names or in their order.
struct Fields<'a> {
    element: Element<'a>,
    next: usize,
}

impl Fields<'_> {
    fn value<'de, S: DeserializeSeed<'de>>(&self, index: usize, seed: S) -> Result<S::Value> {
        let Some(field) = self.element.field(index) else {
            return Err(Error::mismatch("a value without its key", "keys and values in turn"));
        };
        field.and_then(|field| seed.deserialize(field)).map_err(|error| {
            let name = self.element.element_type.fields()[index].name.as_str();
            error.within(Segment::Field(name.into()))
        })
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some(field) = self.element.element_type.fields().get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        seed.deserialize(StrDeserializer::<Error>::new(&field.name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        self.value(self.next.wrapping_sub(1), seed)
    }
}

impl<'de> SeqAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.next == self.element.element_type.fields().len() {
            return Ok(None);
        }
        self.next += 1;
        self.value(self.next - 1, seed).map(Some)
    }
}

/// An array as `ndarray` serializes itself, for elements that have no memory of their own kind:
/// text and Python objects.
pub(super) struct ArrayFields<'a> {
    at: Cursor<'a>,
    array: ArrayRef<'a>,
    next: usize,
}

impl<'a> ArrayFields<'a> {
    pub(super) fn new(at: Cursor<'a>, array: ArrayRef<'a>) -> Self {
        ArrayFields { at, array, next: 0 }
    }
}

impl<'de> MapAccess<'de> for ArrayFields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some(name) = STRUCT_FIELDS.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(StrDeserializer::<Error>::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match self.next {
            1 => seed.deserialize(1u8.into_deserializer()),
            2 => seed.deserialize(SeqDeserializer::new(self.array.shape().iter().copied())),
            _ => seed.deserialize(Flat { at: self.at, array: self.array }),
        }
    }
}

/// All elements of an array in logical order.
struct Flat<'a> {
    at: Cursor<'a>,
    array: ArrayRef<'a>,
}

impl<'de> Deserializer<'de> for Flat<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if let Some(objects) = self.array.objects() {
            return super::items::List::new(self.at, objects.nodes).visit(visitor);
        }
        let data = self.at.source.data(self.at.node, &self.array.item.data, self.at.shared);
        let rows = Rows::new(&self.array, data, self.at.depth)?;
        let len = self.array.len();
        visitor.visit_seq(FlatRows { rows, index: 0, len })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

struct FlatRows {
    rows: Rows,
    index: usize,
    len: usize,
}

impl<'de> SeqAccess<'de> for FlatRows {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.index == self.len {
            return Ok(None);
        }
        let mut rest = self.index;
        let mut offset = 0;
        for axis in (0..self.rows.shape.len()).rev() {
            offset += rest % self.rows.shape[axis] * self.rows.strides[axis];
            rest /= self.rows.shape[axis];
        }
        self.index += 1;
        self.rows.offset = offset;
        self.rows.with_element(|element| seed.deserialize(element)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.index)
    }
}
