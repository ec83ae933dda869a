//! Elements of arrays and numpy scalars, one at a time, in whichever byte order.

use num_complex::Complex;

use super::element_type::ElementType;
use crate::array::DType;

/// One element as a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Complex(Complex<f64>),
}

/// The number that these bytes are; none if the type is not one of numbers.
pub(crate) fn number(element_type: &ElementType, bytes: &[u8]) -> Option<Number> {
    let is_big = !element_type.is_native();
    Some(match element_type.dtype()? {
        DType::Bool => Number::Bool(bytes != [0]),
        DType::U8 => Number::Unsigned(u8::from_le_bytes(part(bytes, is_big)?).into()),
        DType::U16 => Number::Unsigned(u16::from_le_bytes(part(bytes, is_big)?).into()),
        DType::U32 => Number::Unsigned(u32::from_le_bytes(part(bytes, is_big)?).into()),
        DType::U64 => Number::Unsigned(u64::from_le_bytes(part(bytes, is_big)?)),
        DType::I8 => Number::Int(i8::from_le_bytes(part(bytes, is_big)?).into()),
        DType::I16 => Number::Int(i16::from_le_bytes(part(bytes, is_big)?).into()),
        DType::I32 => Number::Int(i32::from_le_bytes(part(bytes, is_big)?).into()),
        DType::I64 => Number::Int(i64::from_le_bytes(part(bytes, is_big)?)),
        DType::F16 => {
            Number::Float(crate::array::half_to_f64(u16::from_le_bytes(part(bytes, is_big)?)))
        }
        DType::F32 => Number::Float(f32::from_le_bytes(part(bytes, is_big)?).into()),
        DType::F64 => Number::Float(f64::from_le_bytes(part(bytes, is_big)?)),
        DType::C64 => {
            let (re, im) = bytes.split_at_checked(4)?;
            let float = |bytes| Some(f32::from_le_bytes(part(bytes, is_big)?).into());
            Number::Complex(Complex::new(float(re)?, float(im)?))
        }
        DType::C128 => {
            let (re, im) = bytes.split_at_checked(8)?;
            let float = |bytes| Some(f64::from_le_bytes(part(bytes, is_big)?));
            Number::Complex(Complex::new(float(re)?, float(im)?))
        }
        _ => return None,
    })
}

/// The bytes, the least significant first.
fn part<const N: usize>(bytes: &[u8], is_big: bool) -> Option<[u8; N]> {
    let mut bytes: [u8; N] = bytes.try_into().ok()?;
    if is_big {
        bytes.reverse();
    }
    Some(bytes)
}

/// The text of an element of kind `U`: four bytes per character, zeros behind the last one.
pub(crate) fn text(element_type: &ElementType, bytes: &[u8]) -> Option<String> {
    let is_big = !element_type.is_native();
    let codes =
        bytes.chunks_exact(4).map(|chunk| part(chunk, is_big).map_or(0, u32::from_le_bytes));
    let codes: Vec<u32> = codes.collect();
    let len = codes.iter().rposition(|&code| code != 0).map_or(0, |last| last + 1);
    codes[..len].iter().map(|&code| char::from_u32(code)).collect()
}

/// An element of kind `S` without the zeros behind it.
pub(crate) fn byte_string(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &bytes[..len]
}
