//! The types an array may hold.

#![allow(
    unsafe_code,
    reason = "`Element` promises that its implementors may be read from and written to as bytes"
)]

use std::fmt;

use num_complex::Complex;

/// The type of an array's elements: little-endian, of the same width on every platform.
///
/// The discriminants are the codes in files and never change.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
#[repr(u8)]
pub enum DType {
    /// One byte, 0 or 1.
    Bool = 0,
    /// `u8`.
    U8 = 1,
    /// `i8`.
    I8 = 2,
    /// `u16`.
    U16 = 3,
    /// `i16`.
    I16 = 4,
    /// `u32`.
    U32 = 5,
    /// `i32`.
    I32 = 6,
    /// `u64`, and `usize` where that has 64 bits.
    U64 = 7,
    /// `i64`, and `isize` where that has 64 bits.
    I64 = 8,
    /// `u128`.
    U128 = 9,
    /// `i128`.
    I128 = 10,
    /// `f32`.
    F32 = 11,
    /// `f64`.
    F64 = 12,
    /// `Complex<f32>`: real part, imaginary part.
    C64 = 13,
    /// `Complex<f64>`: real part, imaginary part.
    C128 = 14,
    /// Half precision, IEEE 754 `binary16`: `half::f16` with the feature `half`.
    F16 = 15,
}

impl DType {
    const ALL: [DType; 16] = [
        DType::Bool,
        DType::U8,
        DType::I8,
        DType::U16,
        DType::I16,
        DType::U32,
        DType::I32,
        DType::U64,
        DType::I64,
        DType::U128,
        DType::I128,
        DType::F32,
        DType::F64,
        DType::C64,
        DType::C128,
        DType::F16,
    ];

    /// The type that files denote by `code`, if this version knows it.
    pub fn from_code(code: u8) -> Option<DType> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The code that denotes this type in files.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 | DType::I8 => 1,
            DType::U16 | DType::I16 | DType::F16 => 2,
            DType::U32 | DType::I32 | DType::F32 => 4,
            DType::U64 | DType::I64 | DType::F64 | DType::C64 => 8,
            DType::U128 | DType::I128 | DType::C128 => 16,
        }
    }

    /// The alignment of an element in memory, in bytes.
    pub(crate) fn alignment(self) -> usize {
        match self {
            DType::U128 | DType::I128 => align_of::<u128>(),
            DType::C64 => align_of::<f32>(),
            DType::C128 => align_of::<f64>(),
            _ => self.size(),
        }
    }

    /// The name as it is written in Rust, such as `f64` or `Complex<f32>`.
    pub fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "u8",
            DType::I8 => "i8",
            DType::U16 => "u16",
            DType::I16 => "i16",
            DType::U32 => "u32",
            DType::I32 => "i32",
            DType::U64 => "u64",
            DType::I64 => "i64",
            DType::U128 => "u128",
            DType::I128 => "i128",
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::C64 => "Complex<f32>",
            DType::C128 => "Complex<f64>",
            DType::F16 => "f16",
        }
    }

    /// Whether `bytes` are valid elements of this type; only [`DType::Bool`] can say no.
    pub fn accepts(self, bytes: &[u8]) -> bool {
        // Folding instead of a search that may stop early lets the compiler use wide registers.
        self != DType::Bool || bytes.iter().fold(0, |all, byte| all | byte) <= 1
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A type whose arrays travel as raw memory.
///
/// Sealed: the codes of the types are part of the file format.
///
/// # Safety
///
/// Implementors have `DTYPE.size()` bytes, no padding, no pointers and no interior mutability, and
/// every bit pattern that `DTYPE` accepts is a valid value.
pub unsafe trait Element: Copy + Send + Sync + sealed::Sealed + 'static {
    /// What files call this type.
    const DTYPE: DType;
}

mod sealed {
    pub trait Sealed {
        const ZERO: Self;
    }
}

macro_rules! elements {
    ($($element:ty => $dtype:ident = $zero:expr),* $(,)?) => {$(
        impl sealed::Sealed for $element {
            const ZERO: Self = $zero;
        }

        // SAFETY: a primitive number, something transparent around one, or (`Complex`, `repr(C)`) two
        // of them: no padding, no pointers, every bit pattern valid except for `bool`, where
        // `accepts` decides.
        unsafe impl Element for $element {
            const DTYPE: DType = DType::$dtype;
        }
    )*};
}

elements! {
    bool => Bool = false,
    u8 => U8 = 0,
    i8 => I8 = 0,
    u16 => U16 = 0,
    i16 => I16 = 0,
    u32 => U32 = 0,
    i32 => I32 = 0,
    u64 => U64 = 0,
    i64 => I64 = 0,
    u128 => U128 = 0,
    i128 => I128 = 0,
    f32 => F32 = 0.0,
    f64 => F64 = 0.0,
    Complex<f32> => C64 = Complex::new(0.0, 0.0),
    Complex<f64> => C128 = Complex::new(0.0, 0.0),
}

/// Half precision for who only moves it, without the feature `half`.
#[cfg(not(feature = "half"))]
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub(crate) struct HalfBits(u16);

#[cfg(not(feature = "half"))]
impl HalfBits {
    pub(crate) fn from_bits(bits: u16) -> Self {
        HalfBits(bits)
    }
}

/// What halves are where their type is only known at run time.
#[cfg(feature = "half")]
pub(crate) type Half = half::f16;
#[cfg(not(feature = "half"))]
pub(crate) type Half = HalfBits;

/// The number that a half's bits are.
pub(crate) fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    match bits >> 10 & 0x1f {
        0 => sign * fraction * 2.0f64.powi(-14),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        exponent => sign * (1.0 + fraction) * 2.0f64.powi(i32::from(exponent) - 15),
    }
}

#[cfg(not(feature = "half"))]
elements! {
    HalfBits => F16 = HalfBits(0),
}

#[cfg(feature = "half")]
elements! {
    half::f16 => F16 = half::f16::ZERO,
}

#[cfg(target_pointer_width = "64")]
elements! {
    usize => U64 = 0,
    isize => I64 = 0,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_types_name_each_other() {
        for (code, dtype) in (0..).zip(DType::ALL) {
            assert_eq!(dtype.code(), code);
            assert_eq!(DType::from_code(code), Some(dtype));
        }
        assert_eq!(DType::from_code(16), None);
        assert_eq!(DType::from_code(255), None);
    }

    #[test]
    fn sizes_are_those_of_the_elements() {
        fn same<E: Element>() {
            assert_eq!(E::DTYPE.size(), size_of::<E>(), "{}", E::DTYPE);
        }
        same::<bool>();
        same::<u8>();
        same::<i8>();
        same::<u16>();
        same::<i16>();
        same::<u32>();
        same::<i32>();
        same::<u64>();
        same::<i64>();
        same::<u128>();
        same::<i128>();
        same::<f32>();
        same::<f64>();
        same::<Complex<f32>>();
        same::<Complex<f64>>();
        #[cfg(target_pointer_width = "64")]
        same::<usize>();
        #[cfg(target_pointer_width = "64")]
        same::<isize>();
    }

    #[test]
    fn halves_are_the_numbers_that_they_stand_for() {
        let smallest = 2.0f64.powi(-24);
        let known = [(0, 0.0), (0x3c00, 1.0), (0xc100, -2.5), (0x7bff, 65504.0), (1, smallest)];
        for (bits, number) in known {
            assert_eq!(half_to_f64(bits), number);
        }
        assert_eq!(half_to_f64(0xfc00), f64::NEG_INFINITY);
        assert!(half_to_f64(0x7e00).is_nan() && half_to_f64(0x8000).is_sign_negative());
        #[cfg(feature = "half")]
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits).to_f64();
            let number = half_to_f64(bits);
            assert!(number == expected || number.is_nan() && expected.is_nan(), "{bits:x}");
        }
    }

    #[test]
    fn only_bool_refuses_bytes() {
        assert!(DType::U8.accepts(&[0, 1, 2, 255]));
        assert!(DType::Bool.accepts(&[0, 1, 1, 0]));
        assert!(!DType::Bool.accepts(&[0, 2]));
        assert!(!DType::Bool.accepts(&[255]));
    }

    #[test]
    fn halves_are_what_ieee_says() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_953_125),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half_to_f64(bits), value, "{bits:04x}");
        }
        assert!(half_to_f64(0x8000).is_sign_negative() && half_to_f64(0x7e00).is_nan());
    }
}
