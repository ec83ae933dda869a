//! Arrays for whoever wants them: as a whole, element by element, as bytes, as text.

use std::sync::Arc;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::decoder::{Decoder, not_utf8};
use super::source::Source;
use crate::array::{DType, Destination, Elements, Order, STRUCT_FIELDS, read_bytes};
use crate::error::{Error, Result};
use crate::format::{Container, Description, tag};
use crate::mapped::{Map, Place};

/// The elements of an array that lie in the frame.
pub(super) struct Inline<'d, S> {
    pub(super) decoder: &'d mut Decoder<S>,
}

impl<S: Source> Elements for Inline<'_, S> {
    fn available(&self) -> Option<u64> {
        Some((self.decoder.source.frame().len() - self.decoder.at) as u64)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.decoder.slice(bytes.len(), |elements| {
            bytes.copy_from_slice(elements);
            Ok(())
        })
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<S: Source> Decoder<S> {
    /// An array, behind its tag, for a visitor of a sequence.
    pub(super) fn visit_sequence<'de, V: Visitor<'de>>(
        &mut self,
        tag: u8,
        visitor: V,
    ) -> Result<V::Value> {
        match Destination::of_sequence::<V>() {
            Some(destination) => self.read_into(tag, destination),
            None => self.visit_array(tag, visitor),
        }
    }

    /// An array, behind its tag, for a visitor of a struct.
    pub(super) fn visit_struct_array<'de, V: Visitor<'de>>(
        &mut self,
        tag: u8,
        visitor: V,
    ) -> Result<V::Value> {
        match Destination::of_array::<V>() {
            Some(destination) => self.read_into(tag, destination),
            None => self.visit_array(tag, visitor),
        }
    }

    fn read_into<T>(&mut self, tag: u8, destination: Destination<T>) -> Result<T> {
        let description = self.description()?;
        self.elements(tag, &description, |elements| destination.read(&description, elements))
    }

    /// An array in a map, behind its tag, for the visitor of a `MappedArray`.
    pub(super) fn visit_mapped<'de, V: Visitor<'de>>(
        &mut self,
        tag: u8,
        visitor: V,
    ) -> Result<V::Value> {
        let description = self.description()?;
        let (map, place) = self.begin_mapped(tag, &description)?;
        crate::mapped::offering(map, place, description, || visitor.visit_unit())
    }

    /// Passes over the elements of an array, and says where they lie in a map.
    pub(super) fn begin_mapped(
        &mut self,
        tag: u8,
        description: &Description,
    ) -> Result<(Arc<Map>, Place)> {
        if tag == tag::ARRAY {
            self.end_of_frame()?;
            self.source.blocks()?.begin(0)?;
        } else {
            let number = self.number()?;
            self.source.blocks()?.fetch(number)?;
        }
        self.source.blocks()?.map(description.byte_len()?)
    }

    /// An array, behind its tag, for a visitor that takes what comes.
    pub(super) fn visit_array<'de, V: Visitor<'de>>(
        &mut self,
        tag: u8,
        visitor: V,
    ) -> Result<V::Value> {
        let description = self.description()?;
        let bytes =
            self.elements(tag, &description, |elements| read_bytes(&description, elements))?;
        match description.container {
            Container::Sequence => visit_elements(visitor, ElementSeq::new(description, bytes)),
            Container::Array => visitor.visit_map(ArrayMap::new(description, bytes)),
            Container::Bytes => visitor.visit_byte_buf(bytes),
            Container::Text => {
                visitor.visit_string(String::from_utf8(bytes).map_err(|_| not_utf8())?)
            }
        }
    }

    /// An array, behind its tag, for a visitor of a byte string.
    pub(super) fn visit_bytes<'de, V: Visitor<'de>>(
        &mut self,
        tag: u8,
        visitor: V,
    ) -> Result<V::Value> {
        let description = self.description()?;
        description.expect(DType::U8)?;
        description.expect_axes(Some(1))?;
        let bytes =
            self.elements(tag, &description, |elements| read_bytes(&description, elements))?;
        visitor.visit_byte_buf(bytes)
    }
}

fn visit_elements<'de, V: Visitor<'de>>(visitor: V, mut elements: ElementSeq) -> Result<V::Value> {
    let value = visitor.visit_seq(&mut elements)?;
    match elements.left {
        0 => Ok(value),
        left => Err(Error::mismatch(format!("an array with {left} more elements"), "fewer")),
    }
}

/// An `ndarray` array as it serializes itself.
struct ArrayMap {
    next: usize,
    dim: Vec<u64>,
    elements: Option<ElementSeq>,
}

impl ArrayMap {
    fn new(description: Description, bytes: Vec<u8>) -> Self {
        let dim = description.shape().to_vec();
        ArrayMap { next: 0, dim, elements: Some(ElementSeq::new(description, bytes)) }
    }
}

impl<'de> MapAccess<'de> for ArrayMap {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some(name) = STRUCT_FIELDS.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match (self.next, self.elements.take()) {
            (1, elements) => {
                self.elements = elements;
                seed.deserialize(1u8.into_deserializer())
            }
            (2, elements) => {
                self.elements = elements;
                seed.deserialize(SeqDeserializer::new(self.dim.iter().copied()))
            }
            (_, Some(elements)) => seed.deserialize(elements),
            (_, None) => Err(Error::damaged("the elements of an array were asked for twice")),
        }
    }
}

/// The elements of an array in logical (C) order.
struct ElementSeq {
    dtype: DType,
    bytes: Vec<u8>,
    shape: Vec<usize>,
    /// The index of the next element, and how far each of its steps moves.
    index: Vec<usize>,
    strides: Vec<usize>,
    at: usize,
    left: usize,
}

impl ElementSeq {
    fn new(description: Description, bytes: Vec<u8>) -> Self {
        let shape = description.lens();
        let mut strides = vec![0; shape.len()];
        let mut stride = 1;
        let mut set = |axis: usize| {
            strides[axis] = stride;
            stride *= shape[axis];
        };
        match description.order {
            Order::C => (0..shape.len()).rev().for_each(&mut set),
            Order::F => (0..shape.len()).for_each(&mut set),
        }
        let dtype = description.dtype;
        let left = bytes.len() / dtype.size();
        ElementSeq { dtype, bytes, index: vec![0; shape.len()], shape, strides, at: 0, left }
    }

    fn next(&mut self) -> Option<Scalar> {
        self.left = self.left.checked_sub(1)?;
        let size = self.dtype.size();
        let scalar = Scalar::of(self.dtype, &self.bytes[self.at * size..][..size]);
        self.advance();
        Some(scalar)
    }

    fn advance(&mut self) {
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.at += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                return;
            }
            self.at -= self.strides[axis] * self.shape[axis];
            self.index[axis] = 0;
        }
    }
}

impl<'de> SeqAccess<'de> for ElementSeq {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        self.next().map(|scalar| seed.deserialize(scalar)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> Deserializer<'de> for ElementSeq {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visit_elements(visitor, self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// One element, as serde sees it.
#[derive(Clone, Copy)]
enum Scalar {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    U128(u128),
    I128(i128),
    F32(f32),
    F64(f64),
    C64([f32; 2]),
    C128([f64; 2]),
}

impl Scalar {
    /// The element whose bytes these are, as many as the type has.
    fn of(dtype: DType, bytes: &[u8]) -> Scalar {
        match dtype {
            DType::Bool => Scalar::Bool(bytes != [0]),
            DType::U8 => Scalar::Unsigned(u8::from_le_bytes(whole(bytes)).into()),
            // Serde knows a half by its bits.
            DType::U16 | DType::F16 => Scalar::Unsigned(u16::from_le_bytes(whole(bytes)).into()),
            DType::U32 => Scalar::Unsigned(u32::from_le_bytes(whole(bytes)).into()),
            DType::U64 => Scalar::Unsigned(u64::from_le_bytes(whole(bytes))),
            DType::I8 => Scalar::Signed(i8::from_le_bytes(whole(bytes)).into()),
            DType::I16 => Scalar::Signed(i16::from_le_bytes(whole(bytes)).into()),
            DType::I32 => Scalar::Signed(i32::from_le_bytes(whole(bytes)).into()),
            DType::I64 => Scalar::Signed(i64::from_le_bytes(whole(bytes))),
            DType::U128 => Scalar::U128(u128::from_le_bytes(whole(bytes))),
            DType::I128 => Scalar::I128(i128::from_le_bytes(whole(bytes))),
            DType::F32 => Scalar::F32(f32::from_le_bytes(whole(bytes))),
            DType::F64 => Scalar::F64(f64::from_le_bytes(whole(bytes))),
            DType::C64 => {
                let (re, im) = bytes.split_at(4);
                Scalar::C64([f32::from_le_bytes(whole(re)), f32::from_le_bytes(whole(im))])
            }
            DType::C128 => {
                let (re, im) = bytes.split_at(8);
                Scalar::C128([f64::from_le_bytes(whole(re)), f64::from_le_bytes(whole(im))])
            }
        }
    }
}

fn whole<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

impl<'de> Deserializer<'de> for Scalar {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Scalar::Bool(v) => visitor.visit_bool(v),
            Scalar::Unsigned(v) => visitor.visit_u64(v),
            Scalar::Signed(v) => visitor.visit_i64(v),
            Scalar::U128(v) => visitor.visit_u128(v),
            Scalar::I128(v) => visitor.visit_i128(v),
            Scalar::F32(v) => visitor.visit_f32(v),
            Scalar::F64(v) => visitor.visit_f64(v),
            Scalar::C64(parts) => visitor.visit_seq(SeqDeserializer::new(parts.into_iter())),
            Scalar::C128(parts) => visitor.visit_seq(SeqDeserializer::new(parts.into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
