//! What is noted about the arguments of a call: text for people, and parts to compare with.

use serde::ser::{self, Serialize, Serializer};

use joblib_persist::array::Origin;
use xxhash_rust::xxh3::xxh3_64;

use crate::metadata::Part;
use crate::render::render;
use crate::sketch::Sketch;

/// Parts noted of one argument; what comes after them is not compared.
const MOST_PARTS: usize = 200;

/// A longer text is noted by its beginning and a digest.
const LONG_TEXT: usize = 100;

/// The arguments of one call.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    pub(crate) texts: Vec<(String, String)>,
    pub(crate) parts: Vec<Vec<(String, Part)>>,
}

impl Notes {
    /// No arguments yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes an argument.
    #[must_use]
    pub fn argument<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        let mut parts = Vec::new();
        let path = String::new();
        // A value that refuses to be serialized is not looked up either.
        let _ = walk(value, Walker { path, parts: &mut parts });
        let text = render(value);
        if matches!(&parts[..], [(path, Part::Text(only))] if path.is_empty() && *only == text) {
            parts.clear();
        }
        self.texts.push((name.to_owned(), text));
        self.parts.push(parts);
        self
    }
}

/// There is enough, or the value refused.
#[derive(Debug)]
struct Stop;

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("enough")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Stop
    }
}

type Result<T = ()> = std::result::Result<T, Stop>;

/// Notes the value at `path`.
struct Walker<'p> {
    path: String,
    parts: &'p mut Vec<(String, Part)>,
}

/// Notes the items of a value, each under a longer path.
struct Items<'p> {
    path: String,
    parts: &'p mut Vec<(String, Part)>,
    next: usize,
    key: String,
}

fn walk<T: Serialize + ?Sized>(value: &T, walker: Walker<'_>) -> Result {
    let origin = Origin::of(value);
    if let Some(block) = origin.array().or_else(|| origin.slice()) {
        return walker.note(Part::Array(Sketch::of(&block)));
    }
    value.serialize(walker)
}

impl<'p> Walker<'p> {
    fn note(self, part: Part) -> Result {
        if self.parts.len() >= MOST_PARTS {
            return Err(Stop);
        }
        self.parts.push((self.path, part));
        Ok(())
    }

    fn text(self, text: String) -> Result {
        self.note(Part::Text(text))
    }

    fn items(self) -> Result<Items<'p>> {
        Ok(Items { path: self.path, parts: self.parts, next: 0, key: String::new() })
    }

    /// A variant's name, and then what is in it.
    fn variant(self, variant: &str) -> Result<Items<'p>> {
        Walker { path: self.path.clone(), parts: &mut *self.parts }.text(variant.to_owned())?;
        self.items()
    }
}

impl Items<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, step: &str, value: &T) -> Result {
        walk(value, Walker { path: format!("{}{step}", self.path), parts: &mut *self.parts })
    }

    fn add_next<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        let step = format!("[{}]", self.next);
        self.next += 1;
        self.add(&step, value)
    }
}

macro_rules! texts {
    ($($method:ident $type:ty),* $(,)?) => {$(
        fn $method(self, value: $type) -> Result {
            self.text(format!("{value:?}"))
        }
    )*};
}

impl<'p> Serializer for Walker<'p> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Items<'p>;
    type SerializeTuple = Items<'p>;
    type SerializeTupleStruct = Items<'p>;
    type SerializeTupleVariant = Items<'p>;
    type SerializeMap = Items<'p>;
    type SerializeStruct = Items<'p>;
    type SerializeStructVariant = Items<'p>;

    texts! {
        serialize_bool bool, serialize_char char,
        serialize_u8 u8, serialize_i8 i8, serialize_u16 u16, serialize_i16 i16,
        serialize_u32 u32, serialize_i32 i32, serialize_u64 u64, serialize_i64 i64,
        serialize_u128 u128, serialize_i128 i128, serialize_f32 f32, serialize_f64 f64,
    }

    fn serialize_str(self, value: &str) -> Result {
        if value.len() <= LONG_TEXT {
            return self.text(format!("{value:?}"));
        }
        let head: String = value.chars().take(LONG_TEXT / 2).collect();
        self.text(format!("{head:?}… ({} bytes, {:016x})", value.len(), xxh3_64(value.as_bytes())))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result {
        self.text(format!("{} bytes, {:016x}", value.len(), xxh3_64(value)))
    }

    fn serialize_none(self) -> Result {
        self.text("None".to_owned())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        walk(value, self)
    }

    fn serialize_unit(self) -> Result {
        self.text("()".to_owned())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result {
        self.text(name.to_owned())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result {
        self.text(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        walk(value, self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.variant(variant)?.add(".0", value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'p>> {
        self.items()
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'p>> {
        self.items()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'p>> {
        self.items()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'p>> {
        self.variant(variant)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'p>> {
        self.items()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'p>> {
        self.items()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'p>> {
        self.variant(variant)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! in_order {
    ($($trait:ident $method:ident),*) => {$(
        impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
                self.add_next(value)
            }

            fn end(self) -> Result {
                Ok(())
            }
        }
    )*};
}

in_order!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! by_field {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result {
                self.add(&format!(".{name}"), value)
            }

            fn end(self) -> Result {
                Ok(())
            }
        }
    )*};
}

by_field!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.key = format!("[{}]", render(key));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        let step = std::mem::take(&mut self.key);
        self.add(&step, value)
    }

    fn end(self) -> Result {
        Ok(())
    }
}
