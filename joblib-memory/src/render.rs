//! Arguments as short text, for people who look into a store.
//!
//! `Debug` would need a bound that arguments otherwise do not have, and writes all of a large
//! value; this needs nothing but `Serialize` and stops when the text is long enough.

use std::fmt::{self, Write};

use joblib_persist::array::Origin;
use serde::ser::{self, Serialize, Serializer};

/// Characters after which a text is cut: a line or two.
const LIMIT: usize = 200;

/// `value` as Rust would write it, cut with `…` after 200 characters.
pub(crate) fn render<T: Serialize + ?Sized>(value: &T) -> String {
    let mut text = Text { out: String::new(), room: LIMIT };
    if render_into(value, &mut text).is_err() {
        text.out.push('…');
    }
    text.out
}

/// The text is full, or the value refused to be serialized.
#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is full")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Stop
    }
}

impl From<fmt::Error> for Stop {
    fn from(_: fmt::Error) -> Self {
        Stop
    }
}

type Result<T = ()> = std::result::Result<T, Stop>;

struct Text {
    out: String,
    room: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            self.out.push(character);
        }
        Ok(())
    }
}

fn render_into<T: Serialize + ?Sized>(value: &T, text: &mut Text) -> Result {
    // An array of millions of elements says more by its shape than by the first of them.
    if let Some(block) = Origin::of(value).array() {
        return Ok(write!(text, "{:?} array of shape {:?}", block.dtype(), block.shape())?);
    }
    value.serialize(Renderer(text))
}

struct Renderer<'t>(&'t mut Text);

/// Items between an opening and a closing bracket.
struct Items<'t> {
    text: &'t mut Text,
    close: &'static str,
    first: bool,
}

impl<'t> Renderer<'t> {
    fn items(self, open: &str, close: &'static str) -> Result<Items<'t>> {
        self.0.write_str(open)?;
        Ok(Items { text: self.0, close, first: true })
    }

    fn named(self, name: &str, open: &str, close: &'static str) -> Result<Items<'t>> {
        self.0.write_str(name)?;
        self.items(open, close)
    }
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.separate()?;
        render_into(value, self.text)
    }

    fn separate(&mut self) -> Result {
        if !std::mem::take(&mut self.first) {
            self.text.write_str(", ")?;
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result {
        self.separate()?;
        write!(self.text, "{name}: ")?;
        render_into(value, self.text)
    }

    fn close(self) -> Result {
        Ok(self.text.write_str(self.close)?)
    }
}

macro_rules! debug {
    ($($method:ident $type:ty),* $(,)?) => {$(
        fn $method(self, value: $type) -> Result {
            Ok(write!(self.0, "{value:?}")?)
        }
    )*};
}

impl<'t> Serializer for Renderer<'t> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Items<'t>;
    type SerializeTuple = Items<'t>;
    type SerializeTupleStruct = Items<'t>;
    type SerializeTupleVariant = Items<'t>;
    type SerializeMap = Items<'t>;
    type SerializeStruct = Items<'t>;
    type SerializeStructVariant = Items<'t>;

    debug! {
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32,
        serialize_i64 i64, serialize_i128 i128, serialize_u8 u8, serialize_u16 u16,
        serialize_u32 u32, serialize_u64 u64, serialize_u128 u128, serialize_f32 f32,
        serialize_f64 f64, serialize_char char, serialize_str &str, serialize_bytes &[u8],
    }

    fn serialize_none(self) -> Result {
        Ok(self.0.write_str("None")?)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        self.serialize_newtype_struct("Some", value)
    }

    fn serialize_unit(self) -> Result {
        Ok(self.0.write_str("()")?)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result {
        Ok(self.0.write_str(name)?)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result {
        Ok(self.0.write_str(variant)?)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result {
        let mut items = self.named(name, "(", ")")?;
        items.item(value)?;
        items.close()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.serialize_newtype_struct(variant, value)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Items<'t>> {
        self.items("[", "]")
    }

    fn serialize_tuple(self, _len: usize) -> Result<Items<'t>> {
        self.items("(", ")")
    }

    fn serialize_tuple_struct(self, name: &'static str, _len: usize) -> Result<Items<'t>> {
        self.named(name, "(", ")")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items<'t>> {
        self.named(variant, "(", ")")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Items<'t>> {
        self.items("{", "}")
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Items<'t>> {
        self.named(name, " { ", " }")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Items<'t>> {
        self.named(variant, " { ", " }")
    }
}

macro_rules! items {
    ($($trait:ident $method:ident),*) => {$(
        impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
                self.item(value)
            }

            fn end(self) -> Result {
                self.close()
            }
        }
    )*};
}

items!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result {
                self.field(name, value)
            }

            fn end(self) -> Result {
                self.close()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.item(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.text.write_str(": ")?;
        render_into(value, self.text)
    }

    fn end(self) -> Result {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use std::collections::BTreeMap;

    #[derive(Serialize)]
    enum Shape {
        Dot,
        Circle(f64),
        Rectangle { width: f64, height: f64 },
    }

    #[test]
    fn values_look_as_in_rust() {
        use Shape::{Circle, Dot, Rectangle};
        assert_eq!(render(&(1, "a\"b", 'c', true)), r#"(1, "a\"b", 'c', true)"#);
        assert_eq!(render(&[Some(1.0), None]), "(Some(1.0), None)");
        assert_eq!(render(&vec![1, 2]), "[1, 2]");
        assert_eq!(render(&BTreeMap::from([(1, "x"), (2, "y")])), r#"{1: "x", 2: "y"}"#);
        assert_eq!(
            render(&vec![Dot, Circle(2.0), Rectangle { width: 1.0, height: 2.0 }]),
            "[Dot, Circle(2.0), Rectangle { width: 1.0, height: 2.0 }]"
        );
    }

    #[test]
    fn long_values_are_cut_however_they_are_made() {
        for text in [render(&"é".repeat(10_000)), render(&vec![vec![0; 1000]; 1000])] {
            assert_eq!(text.chars().count(), LIMIT + 1);
            assert!(text.ends_with('…'));
        }
    }

    #[test]
    fn arrays_are_known_by_their_shape() {
        assert_eq!(render(&ndarray::Array2::<f32>::zeros((3, 2))), "F32 array of shape [3, 2]");
    }
}
