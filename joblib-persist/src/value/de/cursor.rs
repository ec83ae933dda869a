//! The deserializer of one part of a value.

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::elements::{ArrayFields, Element, Rows, whole_array};
use super::enums::ByName;
use super::items::{Entries, List, Row};
use super::{Depth, Source};
use crate::array::{Destination, STRUCT_FIELDS, STRUCT_NAME};
use crate::error::{Error, Result};
use crate::value::{ArrayRef, Kind, Node, Object, ValueRef, hand_over};

/// A part of a value.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) node: Node,
    /// Whether it can be reached in more than one way.
    pub(super) shared: bool,
    pub(super) depth: Depth,
}

/// The field of a struct that gets the class of an object.
pub(super) const CLASS: &str = "__class__";

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a Source<'a>, node: Node, shared: bool) -> Self {
        Cursor { source, node, shared, depth: Depth(0) }
    }

    pub(super) fn view(self) -> ValueRef<'a> {
        ValueRef { arena: self.source.arena, node: self.node }
    }

    /// A part of this one.
    #[inline]
    pub(super) fn inner(self, node: Node) -> Result<Self> {
        self.source.visit()?;
        let shared = self.shared || self.source.arrays.is_none_or(|arrays| arrays.is_shared(node));
        Ok(Cursor { node, shared, depth: self.depth.deeper()?, ..self })
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V, with_class: bool) -> Result<V::Value> {
        match self.view().kind() {
            Kind::None => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(value),
            Kind::Int(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(value),
            },
            Kind::BigInt(value) => match (value.to_u128(), value.to_i128()) {
                (Some(value), _) => match u64::try_from(value) {
                    Ok(value) => visitor.visit_u64(value),
                    Err(_) => visitor.visit_u128(value),
                },
                (None, Some(value)) => visitor.visit_i128(value),
                (None, None) => Err(Error::mismatch("an integer of more than 128 bits", "less")),
            },
            Kind::Float(value) => visitor.visit_f64(value),
            Kind::Complex(value) => {
                visitor.visit_seq(SeqDeserializer::new([value.re, value.im].into_iter()))
            }
            Kind::Str(text) => visitor.visit_str(text),
            Kind::WideStr(bytes) | Kind::Bytes(bytes) | Kind::ByteArray(bytes) => {
                visitor.visit_bytes(bytes)
            }
            Kind::List(items) | Kind::Tuple(items) | Kind::Set(items) | Kind::FrozenSet(items) => {
                List::new(self, items.nodes).visit(visitor)
            }
            Kind::Dict(pairs) => Entries::of_dict(self, pairs).visit(visitor),
            Kind::Array(array) => self.visit_array(array, visitor),
            Kind::Scalar(element_type, bytes) => {
                Element { element_type, bytes, depth: self.depth }.deserialize_any(visitor)
            }
            Kind::ElementType(element_type) => visitor.visit_string(element_type.to_string()),
            Kind::Global(global) => visitor.visit_string(global.to_string()),
            Kind::Object(object) => self.visit_object(object, visitor, with_class),
        }
    }

    fn visit_object<'de, V: Visitor<'de>>(
        self,
        object: Object<'a>,
        visitor: V,
        with_class: bool,
    ) -> Result<V::Value> {
        if !object.items().is_empty() {
            return List::new(self, object.items().nodes).visit(visitor);
        }
        let class = if with_class { object.class() } else { None };
        match object.state() {
            Some(state) if object.entries().is_empty() && object.attributes().next().is_none() => {
                // A state that is no dict of attributes: whatever it is.
                match state.kind() {
                    Kind::Dict(_) => Entries::of_object(self, object, class).visit(visitor),
                    _ => self.inner(state.node)?.visit(visitor, with_class),
                }
            }
            None if object.entries().is_empty() => self.visit_arguments(object, visitor),
            _ => Entries::of_object(self, object, class).visit(visitor),
        }
    }

    /// What an object was made with, if that is all there is.
    fn visit_arguments<'de, V: Visitor<'de>>(
        self,
        object: Object<'a>,
        visitor: V,
    ) -> Result<V::Value> {
        match object.arguments().as_sequence() {
            Some(arguments) => List::new(self, arguments.nodes).visit(visitor),
            None => self.inner(object.arguments().node)?.visit(visitor, false),
        }
    }

    /// The only argument of an object that has nothing else, for who wants a number or text.
    fn scalar(self) -> Result<Self> {
        let Kind::Object(object) = self.view().kind() else { return Ok(self) };
        let is_plain = object.state().is_none() && object.entries().is_empty();
        match object.arguments().as_sequence() {
            Some(arguments) if is_plain && arguments.len() == 1 => self.inner(arguments.nodes[0]),
            _ => Ok(self),
        }
    }

    fn visit_array<'de, V: Visitor<'de>>(
        self,
        array: ArrayRef<'a>,
        visitor: V,
    ) -> Result<V::Value> {
        if let Some(objects) = array.objects() {
            return Row::of_objects(self, array.shape(), objects.nodes)?.visit(visitor);
        }
        let data = self.source.data(self.node, &array.item.data, self.shared);
        Rows::new(&array, data, self.depth)?.visit(visitor)
    }

    /// An array for the visitor of `ndarray`.
    fn visit_ndarray<'de, V: Visitor<'de>>(
        self,
        array: ArrayRef<'a>,
        visitor: V,
    ) -> Result<V::Value> {
        match Destination::of_array::<V>() {
            Some(destination) if array.objects().is_none() => {
                let data = self.source.data(self.node, &array.item.data, self.shared);
                whole_array(&array, data, destination, array.shape())
            }
            _ => visitor.visit_map(ArrayFields::new(self, array)),
        }
    }

    fn visit_text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let at = self.scalar()?;
        match at.view().kind() {
            Kind::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => visitor.visit_str(text),
                Err(_) => visitor.visit_bytes(bytes),
            },
            _ => at.visit(visitor, false),
        }
    }
}

macro_rules! scalars {
    ($($deserialize:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.scalar()?.visit(visitor, false)
        }
    )*};
}

impl<'de> Deserializer<'de> for Cursor<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit(visitor, true)
    }

    scalars! {
        deserialize_bool deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_f32 deserialize_f64
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_text(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit_text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.view().as_array() {
            Some(array) if array.shape().len() == 1 && array.element_type().code() == "u1" => {
                let data = self.source.data(self.node, &array.item.data, self.shared);
                visitor.visit_bytes(data.bytes().unwrap_or_default())
            }
            _ => self.visit(visitor, false),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.view().is_none() {
            return visitor.visit_none();
        }
        // Counted although nothing is entered: a type may be an option of itself.
        visitor.visit_some(Cursor { depth: self.depth.deeper()?, ..self })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match name {
            super::NAME => hand_over::handing(self.to_value(), || visitor.visit_unit()),
            crate::mapped::NAME => self.visit_mapped(visitor),
            _ => visitor.visit_newtype_struct(Cursor { depth: self.depth.deeper()?, ..self }),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let Some(array) = self.view().as_array() else { return self.visit(visitor, false) };
        match Destination::of_sequence::<V>() {
            Some(destination) if array.objects().is_none() && array.shape().len() == 1 => {
                let data = self.source.data(self.node, &array.item.data, self.shared);
                whole_array(&array, data, destination, array.shape())
            }
            _ => self.visit_array(array, visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.visit(visitor, false)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        if name == STRUCT_NAME
            && fields == STRUCT_FIELDS
            && let Some(array) = self.view().as_array()
        {
            return self.visit_ndarray(array, visitor);
        }
        self.visit(visitor, fields.contains(&CLASS))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let at = self.scalar()?;
        match self.view().kind() {
            Kind::Object(object) => {
                let class = object.class().map(|class| (class.to_string(), class.name));
                if let Some((full, name)) = class {
                    let known = variants.iter().find(|&&known| known == full || known == name);
                    if let Some(variant) = known {
                        return visitor.visit_enum(ByName { variant, content: self });
                    }
                }
            }
            Kind::Dict(pairs) if pairs.len() == 1 => {
                let variant = pairs.iter().next().and_then(|(name, _)| name.as_str());
                if let Some(variant) = variant {
                    let content = self.inner(pairs.nodes[1])?;
                    return visitor.visit_enum(ByName { variant, content });
                }
            }
            _ => {}
        }
        match at.view().as_str() {
            Some(variant) => {
                let variant: StrDeserializer<'_, Error> = variant.into_deserializer();
                visitor.visit_enum(variant)
            }
            None => Err(Error::mismatch(at.describe(), format!("one of {}", variants.join(", ")))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        true
    }

    serde::forward_to_deserialize_any! { unit unit_struct }

    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value> {
        self.visit(visitor, false)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.visit(visitor, false)
    }
}

impl Cursor<'_> {
    /// What it is, in few words.
    pub(super) fn describe(self) -> String {
        match self.view().kind() {
            Kind::Array(array) => {
                format!("array of {}, shape {:?}", array.element_type(), array.shape())
            }
            Kind::Object(object) => match object.class() {
                Some(class) => format!("an object of `{class}`"),
                None => "an object".to_owned(),
            },
            Kind::Dict(_) => "a dict".to_owned(),
            Kind::List(_) => "a list".to_owned(),
            Kind::Tuple(_) => "a tuple".to_owned(),
            Kind::Set(_) | Kind::FrozenSet(_) => "a set".to_owned(),
            Kind::Bytes(_) | Kind::ByteArray(_) => "bytes".to_owned(),
            _ => format!("`{}`", self.view()),
        }
    }
}
