//! The first byte of each item.

/// Integers up to this are their own tag.
pub(crate) const INT_MAX: u8 = 0x7f;

/// Text of up to [`SHORT_TEXT_MAX`] bytes has this tag plus its length.
pub(crate) const SHORT_TEXT: u8 = 0x80;
pub(crate) const SHORT_TEXT_MAX: usize = 31;
pub(crate) const SHORT_TEXT_END: u8 = 0x9f;

pub(crate) const UNIT: u8 = 0xa0;
pub(crate) const FALSE: u8 = 0xa1;
pub(crate) const TRUE: u8 = 0xa2;
pub(crate) const NONE: u8 = 0xa3;
pub(crate) const SOME: u8 = 0xa4;
pub(crate) const U8: u8 = 0xa5;
pub(crate) const U16: u8 = 0xa6;
pub(crate) const U32: u8 = 0xa7;
pub(crate) const U64: u8 = 0xa8;
pub(crate) const U128: u8 = 0xa9;
pub(crate) const N8: u8 = 0xaa;
pub(crate) const N16: u8 = 0xab;
pub(crate) const N32: u8 = 0xac;
pub(crate) const N64: u8 = 0xad;
pub(crate) const N128: u8 = 0xae;
pub(crate) const F32: u8 = 0xaf;
pub(crate) const F64: u8 = 0xb0;
pub(crate) const CHAR: u8 = 0xb1;
pub(crate) const TEXT: u8 = 0xb2;
pub(crate) const BYTES: u8 = 0xb3;
pub(crate) const SEQ: u8 = 0xb4;
pub(crate) const TUPLE: u8 = 0xb5;
pub(crate) const MAP: u8 = 0xb6;
pub(crate) const SEQ_OPEN: u8 = 0xb7;
pub(crate) const MAP_OPEN: u8 = 0xb8;
pub(crate) const STRUCT_NEW: u8 = 0xb9;
pub(crate) const STRUCT: u8 = 0xba;
pub(crate) const STRUCT_MIXED: u8 = 0xbb;
pub(crate) const VARIANT_NEW: u8 = 0xbc;
pub(crate) const VARIANT: u8 = 0xbd;
pub(crate) const SKIP: u8 = 0xbe;
pub(crate) const OTHER: u8 = 0xbf;
pub(crate) const END: u8 = 0xc0;
pub(crate) const ARRAY: u8 = 0xc1;
pub(crate) const SMALL: u8 = 0xc2;
/// A `Value`: its parts, which may occur at several places, up to an `END`.
pub(crate) const PARTS: u8 = 0xc3;
/// One of these parts, by its number.
pub(crate) const PART: u8 = 0xc4;

/// In messages only: an array whose elements travel otherwise.
pub(crate) const CARRIED: u8 = 0xff;

/// Whether it is the tag of an array, wherever the elements are.
#[inline]
pub(crate) fn is_array(tag: u8) -> bool {
    matches!(tag, ARRAY | SMALL | CARRIED)
}

/// What the item is, for messages.
pub(crate) fn describe(tag: u8) -> &'static str {
    match tag {
        0..=INT_MAX | U8..=N128 => "an integer",
        SHORT_TEXT..=SHORT_TEXT_END | TEXT => "text",
        UNIT => "unit",
        FALSE | TRUE => "a bool",
        NONE | SOME => "an option",
        F32 | F64 => "a float",
        CHAR => "a char",
        BYTES => "a byte string",
        SEQ | SEQ_OPEN => "a sequence",
        TUPLE => "a tuple",
        MAP | MAP_OPEN => "a map",
        STRUCT_NEW | STRUCT | STRUCT_MIXED => "a struct",
        VARIANT_NEW | VARIANT => "an enum value",
        ARRAY | SMALL | CARRIED => "an array",
        PARTS => "a value in parts",
        PART => "a part of a value",
        _ => "no item",
    }
}
