//! Serializers that take a few kinds of values and refuse all others.

/// Writes the methods of a `Serializer` for the kinds that it refuses; `$error` makes an error of
/// the words for what was found.
macro_rules! refuse {
    ($E:ty, $error:expr => $($kind:ident)*) => {
        $($crate::array::refuse!(@$kind, $E, $error);)*
    };
    (@bool, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_bool(bool), $E, $error, "a bool"); };
    (@i8, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_i8(i8), $E, $error, "a number"); };
    (@i16, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_i16(i16), $E, $error, "a number"); };
    (@i32, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_i32(i32), $E, $error, "a number"); };
    (@i64, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_i64(i64), $E, $error, "a number"); };
    (@i128, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_i128(i128), $E, $error, "a number"); };
    (@u8, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_u8(u8), $E, $error, "a number"); };
    (@u16, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_u16(u16), $E, $error, "a number"); };
    (@u32, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_u32(u32), $E, $error, "a number"); };
    (@u64, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_u64(u64), $E, $error, "a number"); };
    (@u128, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_u128(u128), $E, $error, "a number"); };
    (@f32, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_f32(f32), $E, $error, "a number"); };
    (@f64, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_f64(f64), $E, $error, "a number"); };
    (@char, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_char(char), $E, $error, "text"); };
    (@str, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_str(&str), $E, $error, "text"); };
    (@bytes, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_bytes(&[u8]), $E, $error, "bytes"); };
    (@none, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_none(), $E, $error, "nothing"); };
    (@unit, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_unit(), $E, $error, "nothing"); };
    (@unit_struct, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_unit_struct(&'static str), $E, $error, "nothing"); };
    (@unit_variant, $E:ty, $error:expr) => { $crate::array::refuse!(@@serialize_unit_variant(&'static str, u32, &'static str), $E, $error, "an enum"); };
    (@@$method:ident($($argument:ty),*), $E:ty, $error:expr, $what:expr) => {
        fn $method(self, $(_: $argument),*) -> ::std::result::Result<Self::Ok, $E> {
            let error: fn(&'static str) -> $E = $error;
            Err(error($what))
        }
    };
    (@some, $E:ty, $error:expr) => {
        fn serialize_some<T: ?Sized + ::serde::Serialize>(self, _: &T) -> ::std::result::Result<Self::Ok, $E> {
            let error: fn(&'static str) -> $E = $error;
            Err(error("a value"))
        }
    };
    (@newtype_struct, $E:ty, $error:expr) => {
        fn serialize_newtype_struct<T: ?Sized + ::serde::Serialize>(
            self,
            _: &'static str,
            _: &T,
        ) -> ::std::result::Result<Self::Ok, $E> {
            let error: fn(&'static str) -> $E = $error;
            Err(error("a struct"))
        }
    };
    (@newtype_variant, $E:ty, $error:expr) => {
        fn serialize_newtype_variant<T: ?Sized + ::serde::Serialize>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> ::std::result::Result<Self::Ok, $E> {
            let error: fn(&'static str) -> $E = $error;
            Err(error("an enum"))
        }
    };
    (@seq, $E:ty, $error:expr) => { $crate::array::refuse!(@@@serialize_seq(Option<usize>) SerializeSeq, $E, $error, "a list"); };
    (@tuple, $E:ty, $error:expr) => { $crate::array::refuse!(@@@serialize_tuple(usize) SerializeTuple, $E, $error, "a tuple"); };
    (@tuple_struct, $E:ty, $error:expr) => { $crate::array::refuse!(@@@serialize_tuple_struct(&'static str, usize) SerializeTupleStruct, $E, $error, "a tuple"); };
    (@tuple_variant, $E:ty, $error:expr) => { $crate::array::refuse!(@@@serialize_tuple_variant(&'static str, u32, &'static str, usize) SerializeTupleVariant, $E, $error, "an enum"); };
    (@map, $E:ty, $error:expr) => { $crate::array::refuse!(@@@serialize_map(Option<usize>) SerializeMap, $E, $error, "a map"); };
    (@struct, $E:ty, $error:expr) => { $crate::array::refuse!(@@@serialize_struct(&'static str, usize) SerializeStruct, $E, $error, "a struct"); };
    (@struct_variant, $E:ty, $error:expr) => { $crate::array::refuse!(@@@serialize_struct_variant(&'static str, u32, &'static str, usize) SerializeStructVariant, $E, $error, "an enum"); };
    (@@@$method:ident($($argument:ty),*) $compound:ident, $E:ty, $error:expr, $what:expr) => {
        fn $method(self, $(_: $argument),*) -> ::std::result::Result<Self::$compound, $E> {
            let error: fn(&'static str) -> $E = $error;
            Err(error($what))
        }
    };
}
pub(crate) use refuse;
