//! Writing one array, whatever holds it.

use std::sync::Arc;

use serde::ser::Impossible;
use serde::{Serialize, Serializer};

use super::header::Header;
use crate::array::{self, Block, DType, Gathered, Order, Origin};
use crate::error::{Error, Result};
use crate::frame_sink::Output;
use crate::pickle;
use crate::ser::Stop;
use crate::value::{ArrayRef, ByteOrder, ElementType, Kind, ValueRef};

/// Writes the array that `value` is. A number or text is an array without axes, as in numpy.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, output: &mut dyn Output) -> Result<()> {
    ArraySerializer::write(value, output)
        .map_err(|stop| stop.into_error().unwrap_or_else(|| refused("nothing")))
}

/// Writes the array that a part of a value is.
#[cfg_attr(not(feature = "npz"), allow(dead_code, reason = "only archives are made of parts"))]
pub(super) fn write_part(part: ValueRef<'_>, output: &mut dyn Output) -> Result<()> {
    let (origin, is_wrapped) = (Origin::of(&part), &mut false);
    let serializer = ArraySerializer { output, origin, is_wrapped };
    serializer.part(part).map_err(|stop| stop.into_error().unwrap_or_else(|| refused("nothing")))
}

/// Serializes the value that came from `origin`, if it is an array.
struct ArraySerializer<'w, 'v> {
    output: &'w mut dyn Output,
    origin: Origin<'v>,
    /// Set if the value shows itself as an array whose memory is behind a wrapper.
    is_wrapped: &'w mut bool,
}

impl<'w> ArraySerializer<'w, '_> {
    fn write<T: Serialize + ?Sized>(value: &T, output: &'w mut dyn Output) -> Result<(), Stop> {
        let mut is_wrapped = false;
        let to = ArraySerializer {
            output: &mut *output,
            origin: Origin::of(value),
            is_wrapped: &mut is_wrapped,
        };
        match value.serialize(to) {
            Err(stop) if !stop.is_done() => return Err(stop),
            _ if !is_wrapped => return Ok(()),
            _ => {}
        }
        let array = Gathered::of(value).ok_or_else(|| refused("an array of other things"))?;
        let element_type = of_dtype(array.dtype)?;
        let plain = Plain { element_type, shape: &array.shape, order: Order::C };
        Ok(plain.write(&array.bytes, output)?)
    }

    fn number(self, dtype: DType, bytes: &[u8]) -> Result<(), Stop> {
        let array = Plain { element_type: of_dtype(dtype)?, shape: &[], order: Order::C };
        Ok(array.write(bytes, self.output)?)
    }

    fn text(self, text: &str) -> Result<(), Stop> {
        let bytes: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        self.element('U', &bytes)
    }

    /// One element as large as it needs to be; numpy has none without bytes.
    fn element(self, kind: char, bytes: &[u8]) -> Result<(), Stop> {
        let smallest = if kind == 'U' { 4 } else { 1 };
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().max(smallest), 0);
        let element_type = ElementType::plain(kind, bytes.len(), ByteOrder::Little);
        let array = Plain { element_type: Arc::new(element_type), shape: &[], order: Order::C };
        Ok(array.write(&bytes, self.output)?)
    }

    fn part(self, part: ValueRef<'_>) -> Result<(), Stop> {
        match part.kind() {
            Kind::Array(array) => Ok(write_array(part, &array, self.output)?),
            Kind::Scalar(element_type, bytes) => {
                let element_type = Arc::clone(element_type);
                let array = Plain { element_type, shape: &[], order: Order::C };
                Ok(array.write(bytes, self.output)?)
            }
            Kind::Bool(value) => self.serialize_bool(value),
            Kind::Int(value) => self.serialize_i64(value),
            Kind::Float(value) => self.serialize_f64(value),
            Kind::Complex(value) => {
                let bytes = [value.re, value.im].map(f64::to_le_bytes).concat();
                self.number(DType::C128, &bytes)
            }
            Kind::Str(text) => self.text(text),
            Kind::Bytes(bytes) | Kind::ByteArray(bytes) => self.element('S', bytes),
            Kind::List(_) => Err(refused("a list").into()),
            Kind::Tuple(_) => Err(refused("a tuple").into()),
            Kind::Dict(_) => Err(refused("a dict").into()),
            Kind::None => Err(refused("`None`").into()),
            Kind::Object(object) => {
                let class = object.class().map_or_else(|| "object".to_owned(), |c| c.to_string());
                Err(refused(&format!("a `{class}`")).into())
            }
            _ => Err(refused("another value").into()),
        }
    }
}

/// What is written in front of bytes.
struct Plain<'a> {
    element_type: Arc<ElementType>,
    shape: &'a [usize],
    order: Order,
}

impl Plain<'_> {
    fn header(&self) -> Result<Vec<u8>> {
        let (element_type, shape) = (Arc::clone(&self.element_type), self.shape.to_vec());
        Header { element_type, shape, order: self.order }.to_bytes()
    }

    fn write(&self, bytes: &[u8], output: &mut dyn Output) -> Result<()> {
        output.write_all(&self.header()?).map_err(writing)?;
        output.expect(bytes.len() as u64).map_err(writing)?;
        output.write_all(bytes).map_err(writing)
    }
}

pub(super) fn write_block(block: &Block<'_>, output: &mut dyn Output) -> Result<()> {
    let element_type = of_dtype(block.dtype())?;
    let array = Plain { element_type, shape: block.shape(), order: block.order() };
    output.write_all(&array.header()?).map_err(writing)?;
    output.expect(block.byte_len() as u64).map_err(writing)?;
    block.try_for_each_chunk(|bytes| output.write_all(bytes)).map_err(writing)
}

/// An array of objects is a pickle, as numpy has it.
fn write_array(part: ValueRef<'_>, array: &ArrayRef<'_>, output: &mut dyn Output) -> Result<()> {
    let element_type = Arc::clone(array.element_type());
    let plain = Plain { element_type, shape: array.shape(), order: array.order() };
    match array.bytes() {
        Some(bytes) => plain.write(bytes, output),
        None => {
            output.write_all(&plain.header()?).map_err(writing)?;
            pickle::write_value(part, output)
        }
    }
}

fn of_dtype(dtype: DType) -> Result<Arc<ElementType>> {
    let element_type = ElementType::of(dtype).ok_or_else(|| {
        Error::unwritable(format!("an array of {dtype}, which numpy has not: use 64-bit integers"))
    })?;
    Ok(Arc::new(element_type))
}

#[cold]
fn refused(what: &str) -> Error {
    Error::unwritable(format!(
        "{what}, where numpy's files have an array of numbers: write a `.jbl` or `.pkl` file, or a \
         `.npz` file of a struct or dict of arrays"
    ))
}

#[cold]
fn writing(source: std::io::Error) -> Error {
    Error::io("writing", source)
}

macro_rules! numbers {
    ($($method:ident($number:ty) => $dtype:ident;)*) => {$(
        fn $method(self, number: $number) -> Result<(), Stop> {
            self.number(DType::$dtype, &number.to_le_bytes())
        }
    )*};
}

impl<'w> Serializer for ArraySerializer<'w, '_> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Impossible<(), Stop>;
    type SerializeTuple = Impossible<(), Stop>;
    type SerializeTupleStruct = Impossible<(), Stop>;
    type SerializeTupleVariant = Impossible<(), Stop>;
    type SerializeMap = Impossible<(), Stop>;
    type SerializeStruct = Impossible<(), Stop>;
    type SerializeStructVariant = Impossible<(), Stop>;

    numbers! {
        serialize_i8(i8) => I8;
        serialize_i16(i16) => I16;
        serialize_i32(i32) => I32;
        serialize_i64(i64) => I64;
        serialize_i128(i128) => I128;
        serialize_u8(u8) => U8;
        serialize_u16(u16) => U16;
        serialize_u32(u32) => U32;
        serialize_u64(u64) => U64;
        serialize_u128(u128) => U128;
        serialize_f32(f32) => F32;
        serialize_f64(f64) => F64;
    }

    fn serialize_bool(self, value: bool) -> Result<(), Stop> {
        self.number(DType::Bool, &[value.into()])
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Stop> {
        self.text(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Stop> {
        self.element('S', bytes)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<(), Stop> {
        Self::write(value, self.output)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Stop> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        match Origin::of(value).part() {
            Some(part) if name == crate::value::NAME => self.part(part),
            _ => Self::write(value, self.output),
        }
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Stop> {
        let block = self.origin.slice().ok_or_else(|| refused("a list"))?;
        write_block(&block, self.output)?;
        Err(Stop::done())
    }

    fn serialize_struct(
        self,
        name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStruct, Stop> {
        match self.origin.array() {
            _ if name != array::STRUCT_NAME => return Err(refused("a struct").into()),
            Some(block) => write_block(&block, self.output)?,
            None => *self.is_wrapped = true,
        }
        Err(Stop::done())
    }

    array::refuse! { Stop, |what| refused(what).into() =>
        none unit unit_struct newtype_variant tuple tuple_struct tuple_variant map struct_variant
    }
}
