//! Elements of one type as those of another, where nothing can be lost.

use num_complex::Complex;

use crate::array::{DType, Half, half_to_f64};
use crate::value::Buffer;

/// Whether every value of `from` is one of `to`.
pub(super) fn is_lossless(from: DType, to: DType) -> bool {
    if from == to || to == DType::F16 {
        // Nothing but itself is made a half.
        return from == to;
    }
    match (class(from), class(to)) {
        (Class::Unsigned(from), Class::Unsigned(to)) => from < to,
        (Class::Unsigned(from), Class::Signed(to)) => from < to,
        (Class::Signed(from), Class::Signed(to)) => from < to,
        (Class::Unsigned(from) | Class::Signed(from), Class::Float(to) | Class::Complex(to)) => {
            from < to
        }
        (Class::Float(from) | Class::Complex(from), Class::Complex(to)) => from <= to,
        (Class::Float(from), Class::Float(to)) => from < to,
        (Class::Half, Class::Float(_) | Class::Complex(_)) => true,
        _ => false,
    }
}

/// What kind of number, and how many bytes each has.
enum Class {
    Bool,
    Unsigned(usize),
    Signed(usize),
    Float(usize),
    Complex(usize),
    /// Becomes any other float; nothing else becomes it.
    Half,
}

fn class(dtype: DType) -> Class {
    match dtype {
        DType::Bool => Class::Bool,
        DType::U8 | DType::U16 | DType::U32 | DType::U64 | DType::U128 => {
            Class::Unsigned(dtype.size())
        }
        DType::I8 | DType::I16 | DType::I32 | DType::I64 | DType::I128 => {
            Class::Signed(dtype.size())
        }
        DType::F16 => Class::Half,
        DType::F32 | DType::F64 => Class::Float(dtype.size()),
        DType::C64 | DType::C128 => Class::Complex(dtype.size() / 2),
    }
}

/// The elements of `from` that `bytes` are, in another type that [has room](is_lossless) for
/// them.
pub(super) fn widened(from: DType, bytes: &[u8], to: DType) -> Buffer {
    match to {
        DType::F64 => Buffer::from(floats(from, bytes)),
        DType::F32 => narrowed(floats(from, bytes), |value| value as f32),
        DType::C128 => Buffer::from(complexes(from, bytes)),
        DType::C64 => {
            narrowed(complexes(from, bytes), |value| Complex::new(value.re as f32, value.im as f32))
        }
        DType::U8 => narrowed(integers(from, bytes), |value| value as u8),
        DType::I8 => narrowed(integers(from, bytes), |value| value as i8),
        DType::U16 => narrowed(integers(from, bytes), |value| value as u16),
        DType::I16 => narrowed(integers(from, bytes), |value| value as i16),
        DType::U32 => narrowed(integers(from, bytes), |value| value as u32),
        DType::I32 => narrowed(integers(from, bytes), |value| value as i32),
        DType::U64 => narrowed(integers(from, bytes), |value| value as u64),
        DType::I64 => narrowed(integers(from, bytes), |value| value as i64),
        DType::U128 => narrowed(integers(from, bytes), |value| value as u128),
        DType::I128 => Buffer::from(integers(from, bytes)),
        // Nothing has room in these but themselves.
        DType::F16 => Buffer::from(each(bytes, |b| Half::from_bits(u16::from_le_bytes(b)))),
        DType::Bool => narrowed(integers(from, bytes), |value| value != 0),
    }
}

fn narrowed<F, T: crate::array::Element>(from: Vec<F>, convert: impl Fn(F) -> T) -> Buffer {
    Buffer::from(from.into_iter().map(convert).collect::<Vec<T>>())
}

/// Elements of `N` bytes each, as whatever `convert` makes of them.
fn each<const N: usize, T>(bytes: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| convert(*chunk)).collect()
}

fn integers(from: DType, bytes: &[u8]) -> Vec<i128> {
    match from {
        DType::Bool | DType::U8 => each(bytes, |b| u8::from_le_bytes(b).into()),
        DType::I8 => each(bytes, |b| i8::from_le_bytes(b).into()),
        DType::U16 => each(bytes, |b| u16::from_le_bytes(b).into()),
        DType::I16 => each(bytes, |b| i16::from_le_bytes(b).into()),
        DType::U32 => each(bytes, |b| u32::from_le_bytes(b).into()),
        DType::I32 => each(bytes, |b| i32::from_le_bytes(b).into()),
        DType::U64 => each(bytes, |b| u64::from_le_bytes(b).into()),
        DType::I64 => each(bytes, |b| i64::from_le_bytes(b).into()),
        _ => each(bytes, i128::from_le_bytes),
    }
}

fn floats(from: DType, bytes: &[u8]) -> Vec<f64> {
    match from {
        DType::F16 => each(bytes, |b| half_to_f64(u16::from_le_bytes(b))),
        DType::F32 => each(bytes, |b| f32::from_le_bytes(b).into()),
        DType::F64 => each(bytes, f64::from_le_bytes),
        DType::I32 => each(bytes, |b| i32::from_le_bytes(b).into()),
        DType::U32 => each(bytes, |b| u32::from_le_bytes(b).into()),
        _ => integers(from, bytes).into_iter().map(|value| value as f64).collect(),
    }
}

fn complexes(from: DType, bytes: &[u8]) -> Vec<Complex<f64>> {
    match from {
        DType::C64 | DType::C128 => {
            let part = if from == DType::C64 { DType::F32 } else { DType::F64 };
            let parts = floats(part, bytes);
            parts.as_chunks::<2>().0.iter().map(|[re, im]| Complex::new(*re, *im)).collect()
        }
        _ => floats(from, bytes).into_iter().map(|value| Complex::new(value, 0.0)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::bytes_of;

    #[test]
    fn nothing_is_lost() {
        assert!(is_lossless(DType::F32, DType::F64));
        assert!(is_lossless(DType::U32, DType::I64));
        assert!(is_lossless(DType::I32, DType::F64));
        assert!(is_lossless(DType::F32, DType::C64));
        assert!(is_lossless(DType::F16, DType::F32));
        assert!(is_lossless(DType::F16, DType::C64));
        assert!(!is_lossless(DType::F32, DType::F16));
        assert!(!is_lossless(DType::U8, DType::F16));
        assert!(!is_lossless(DType::I64, DType::F64));
        assert!(!is_lossless(DType::U8, DType::I8));
        assert!(!is_lossless(DType::I8, DType::U64));
        assert!(!is_lossless(DType::F64, DType::F32));
        assert!(!is_lossless(DType::C64, DType::F64));
        assert!(!is_lossless(DType::U8, DType::Bool));
        assert!(!is_lossless(DType::F64, DType::C64));
        assert!(is_lossless(DType::F16, DType::F32));
        assert!(is_lossless(DType::F16, DType::C64));
        assert!(!is_lossless(DType::F32, DType::F16));
        assert!(!is_lossless(DType::U8, DType::F16));
    }

    #[test]
    fn values_stay_the_same() {
        let from = [i16::MIN, -1, 0, 7, i16::MAX];
        let wide = widened(DType::I16, bytes_of(&from), DType::I64);
        assert_eq!(wide.elements::<i64>(), Some(&from.map(i64::from)[..]));
        let wide = widened(DType::I16, bytes_of(&from), DType::F32);
        assert_eq!(wide.elements::<f32>(), Some(&from.map(f32::from)[..]));
        let wide = widened(DType::U8, &[0, 255], DType::I32);
        assert_eq!(wide.elements::<i32>(), Some(&[0, 255][..]));
        let wide = widened(DType::F16, &[0, 0x3c, 0, 0xc1], DType::F32);
        assert_eq!(wide.elements::<f32>(), Some(&[1.0, -2.5][..]));
        let wide = widened(DType::F32, bytes_of(&[0.5f32]), DType::C128);
        assert_eq!(wide.elements::<Complex<f64>>(), Some(&[Complex::new(0.5, 0.0)][..]));
    }

    #[test]
    fn halves_that_are_not_normal_numbers_widen_as_well() {
        let halves: [u16; 10] =
            [0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x7bff, 0xfbff, 0x7c00, 0xfc00];
        let (smallest, largest) = (2.0f32.powi(-24), 65504.0);
        let numbers = [
            0.0,
            -0.0,
            smallest,
            -smallest,
            1023.0 * smallest,
            1024.0 * smallest,
            largest,
            -largest,
            f32::INFINITY,
            f32::NEG_INFINITY,
        ];
        let wide = widened(DType::F16, bytes_of(&halves), DType::F32);
        let bits = wide.elements::<f32>().map(|wide| wide.iter().map(|x| x.to_bits()).collect());
        assert_eq!(bits, Some(numbers.map(f32::to_bits).to_vec()));
        for nan in [0x7c01u16, 0x7e00, 0xffff] {
            let wide = widened(DType::F16, bytes_of(&[nan]), DType::F64);
            assert!(wide.elements::<f64>().is_some_and(|wide| wide[0].is_nan()), "{nan:#x}");
        }
    }
}
