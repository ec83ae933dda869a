//! Arrays behind a wrapper that is not known: put together from what serde shows.

use std::fmt;

use serde::ser::{Impossible, SerializeSeq, SerializeStruct, SerializeTuple};
use serde::{Serialize, Serializer};

use super::{DType, STRUCT_FIELDS, STRUCT_NAME};

/// An array in logical (C) order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gathered {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Gathered {
    /// The array of numbers that `value` shows itself as.
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Option<Self> {
        value.serialize(Wrapper).ok()
    }
}

/// Takes what announces itself as an array.
struct Wrapper;

impl Serializer for Wrapper {
    type Ok = Gathered;
    type Error = NoNumbers;
    type SerializeSeq = Impossible<Gathered, NoNumbers>;
    type SerializeTuple = Impossible<Gathered, NoNumbers>;
    type SerializeTupleStruct = Impossible<Gathered, NoNumbers>;
    type SerializeTupleVariant = Impossible<Gathered, NoNumbers>;
    type SerializeMap = Impossible<Gathered, NoNumbers>;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Impossible<Gathered, NoNumbers>;

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Fields, NoNumbers> {
        let is_array = name == STRUCT_NAME && len == STRUCT_FIELDS.len();
        if is_array { Ok(Fields::default()) } else { Err(NoNumbers) }
    }

    super::refuse! { NoNumbers, |_what| NoNumbers =>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes none some unit
        unit_struct unit_variant newtype_struct newtype_variant seq tuple tuple_struct tuple_variant
        map struct_variant
    }
}

/// The fields of an array as they arrive.
#[derive(Default)]
struct Fields {
    shape: Option<Vec<usize>>,
    data: Option<Numbers>,
}

impl SerializeStruct for Fields {
    type Ok = Gathered;
    type Error = NoNumbers;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), NoNumbers> {
        let [version, shape, data] = STRUCT_FIELDS;
        let mut numbers = Numbers::default();
        value.serialize(&mut numbers)?;
        match name {
            name if name == version => {}
            name if name == shape => {
                let lens = numbers.bytes.as_chunks::<8>().0.iter();
                self.shape = Some(lens.map(|len| u64::from_le_bytes(*len) as usize).collect());
            }
            name if name == data => self.data = Some(numbers),
            _ => return Err(NoNumbers),
        }
        Ok(())
    }

    fn end(self) -> Result<Gathered, NoNumbers> {
        let (shape, data) = self.shape.zip(self.data).ok_or(NoNumbers)?;
        let dtype = match (data.dtype.ok_or(NoNumbers)?, data.is_complex) {
            (dtype, false) => dtype,
            (DType::F32, true) => DType::C64,
            (DType::F64, true) => DType::C128,
            _ => return Err(NoNumbers),
        };
        let bytes = data.bytes;
        let len = shape.iter().try_fold(dtype.size(), |len, &axis| len.checked_mul(axis));
        if len == Some(bytes.len()) { Ok(Gathered { dtype, shape, bytes }) } else { Err(NoNumbers) }
    }
}

/// Numbers of one type, or pairs of them.
#[derive(Debug, Default)]
struct Numbers {
    dtype: Option<DType>,
    is_complex: bool,
    depth: u32,
    bytes: Vec<u8>,
}

impl Numbers {
    fn number(&mut self, dtype: DType, bytes: &[u8]) -> Result<(), NoNumbers> {
        if *self.dtype.get_or_insert(dtype) != dtype || self.is_complex != (self.depth == 2) {
            return Err(NoNumbers);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Goes into a sequence, or into a pair in one.
    fn enter(&mut self, len: Option<usize>) -> Result<&mut Self, NoNumbers> {
        self.depth += 1;
        let is_pair = self.depth == 2 && len == Some(2);
        if self.depth > 1 && !is_pair {
            return Err(NoNumbers);
        }
        self.is_complex |= is_pair;
        Ok(self)
    }
}

macro_rules! numbers {
    ($($method:ident($number:ty) => $dtype:ident;)*) => {$(
        fn $method(self, number: $number) -> Result<(), NoNumbers> {
            self.number(DType::$dtype, &number.to_le_bytes())
        }
    )*};
}

impl<'n> Serializer for &'n mut Numbers {
    type Ok = ();
    type Error = NoNumbers;
    type SerializeSeq = &'n mut Numbers;
    type SerializeTuple = &'n mut Numbers;
    type SerializeTupleStruct = Impossible<(), NoNumbers>;
    type SerializeTupleVariant = Impossible<(), NoNumbers>;
    type SerializeMap = Impossible<(), NoNumbers>;
    type SerializeStruct = Impossible<(), NoNumbers>;
    type SerializeStructVariant = Impossible<(), NoNumbers>;

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

    fn serialize_bool(self, value: bool) -> Result<(), NoNumbers> {
        self.number(DType::Bool, &[value.into()])
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<&'n mut Numbers, NoNumbers> {
        self.enter(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<&'n mut Numbers, NoNumbers> {
        self.enter(Some(len))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), NoNumbers> {
        value.serialize(self)
    }

    super::refuse! { NoNumbers, |_what| NoNumbers =>
        char str bytes none some unit unit_struct unit_variant newtype_variant tuple_struct
        tuple_variant map struct struct_variant
    }
}

impl SerializeSeq for &mut Numbers {
    type Ok = ();
    type Error = NoNumbers;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoNumbers> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), NoNumbers> {
        self.depth -= 1;
        Ok(())
    }
}

impl SerializeTuple for &mut Numbers {
    type Ok = ();
    type Error = NoNumbers;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoNumbers> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), NoNumbers> {
        self.depth -= 1;
        Ok(())
    }
}

/// It is something else.
#[derive(Debug)]
struct NoNumbers;

impl fmt::Display for NoNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no numbers of one type")
    }
}

impl std::error::Error for NoNumbers {}

impl serde::ser::Error for NoNumbers {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        NoNumbers
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, ArrayD, array};
    use num_complex::Complex;

    use super::*;

    #[test]
    fn numbers_of_every_shape_are_gathered() {
        let grid: Array2<f64> = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let found = Gathered::of(&grid.t()).unwrap();
        assert_eq!((found.dtype, &found.shape[..]), (DType::F64, &[2, 3][..]));
        let numbers = [1.0f64, 3.0, 5.0, 2.0, 4.0, 6.0];
        assert_eq!(found.bytes, numbers.map(f64::to_le_bytes).concat());
        let dynamic: ArrayD<bool> = array![true, false].into_dyn();
        let found = Gathered::of(&dynamic).unwrap();
        assert_eq!(found, Gathered { dtype: DType::Bool, shape: vec![2], bytes: vec![1, 0] });
        let complex: Array1<Complex<f32>> = array![Complex::new(1.0, -1.0)];
        assert_eq!(Gathered::of(&complex).unwrap().dtype, DType::C64);
    }

    #[test]
    fn what_is_no_array_of_numbers_is_not() {
        assert_eq!(Gathered::of(&array!["a", "b"]), None);
        assert_eq!(Gathered::of(&array![(1u8, 2u8)]), None);
        assert_eq!(Gathered::of(&Array1::from_elem(1, [0u8; 3])), None);
        assert_eq!(Gathered::of(&vec![1.0]), None);
        #[derive(Serialize)]
        struct Array {
            v: u8,
            x: u8,
            data: Vec<u8>,
        }
        assert_eq!(Gathered::of(&Array { v: 1, x: 2, data: vec![1, 2] }), None);
    }
}
