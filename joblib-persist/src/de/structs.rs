//! Structs: by position if the wanted fields are those in the file, otherwise by name.

use std::any::type_name;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::decoder::{Decoder, Shape};
use super::source::Source;
use crate::error::{Error, Result, Segment};
use crate::format::tag;

impl<S: Source> Decoder<S> {
    /// A struct with every field of its shape, behind its tag.
    pub(super) fn visit_struct<'de, V: Visitor<'de>>(
        &mut self,
        wanted: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let number = self.len()?;
        if self.is_positional::<V>(number, wanted)? {
            return self
                .nested(|decoder| visitor.visit_seq(Positional { decoder, wanted, next: 0 }));
        }
        self.visit_known(number, visitor)
    }

    /// Whether the fields of the file are those that are wanted, in their order, and the visitor
    /// takes them without their names.
    #[inline]
    fn is_positional<'de, V: Visitor<'de>>(
        &mut self,
        number: usize,
        wanted: &'static [&'static str],
    ) -> Result<bool> {
        let key = (wanted.as_ptr() as usize, type_name::<V>().as_ptr() as usize);
        let shape = *self.shape(number)?;
        if shape.positional_for == key {
            return Ok(true);
        }
        if !is_derived::<V>() || !self.has_fields(shape, wanted) {
            return Ok(false);
        }
        self.shape(number)?.positional_for = key;
        Ok(true)
    }

    fn has_fields(&self, shape: Shape, wanted: &[&str]) -> bool {
        (shape.end - shape.start) as usize == wanted.len()
            && (shape.start..).zip(wanted).all(|(field, wanted)| self.field(field) == *wanted)
    }

    /// A struct, behind its tag, as a map.
    pub(super) fn visit_struct_map<'de, V: Visitor<'de>>(
        &mut self,
        tag: u8,
        visitor: V,
    ) -> Result<V::Value> {
        if tag == tag::STRUCT_NEW {
            return self.visit_new(visitor);
        }
        let number = self.len()?;
        self.visit_known(number, visitor)
    }

    /// Runs `each` in front of every field of a struct that is there, behind its tag, with the
    /// field's name, and returns the name of the struct.
    pub(super) fn for_each_field(
        &mut self,
        tag: u8,
        mut each: impl FnMut(&mut Self, &str) -> Result<()>,
    ) -> Result<String> {
        let mut name = String::new();
        let mut at = |decoder: &mut Self, field: &str| {
            each(decoder, field).map_err(|error| error.within(Segment::Field(field.into())))
        };
        self.nested(|decoder| {
            if tag == tag::STRUCT_NEW {
                let shape = decoder.begin_shape()?;
                let mut fields = Named { decoder, field: 0, done: false };
                while fields.advance()? {
                    name.clear();
                    name.push_str(fields.decoder.added_field(fields.field));
                    at(fields.decoder, &name)?;
                }
                decoder.end_shape(shape);
                return Ok(decoder.kept(shape.0).to_owned());
            }
            let number = decoder.len()?;
            let Shape { name: struct_name, start, end, .. } = *decoder.shape(number)?;
            let mut fields = Known { decoder, next: start, end, other: None };
            while fields.advance()? {
                name.clear();
                name.push_str(fields.name());
                at(fields.decoder, &name)?;
            }
            Ok(decoder.kept(struct_name).to_owned())
        })
    }

    fn visit_new<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.nested(|decoder| {
            let shape = decoder.begin_shape()?;
            let mut named = Named { decoder, field: 0, done: false };
            let value = visitor.visit_map(&mut named)?;
            named.finish()?;
            decoder.end_shape(shape);
            Ok(value)
        })
    }

    fn visit_known<'de, V: Visitor<'de>>(&mut self, number: usize, visitor: V) -> Result<V::Value> {
        let Shape { start, end, .. } = *self.shape(number)?;
        self.nested(|decoder| {
            let mut known = Known { decoder, next: start, end, other: None };
            let value = visitor.visit_map(&mut known)?;
            known.finish()?;
            Ok(value)
        })
    }
}

/// Whether serde's derive wrote the visitor. Such a visitor takes fields in order as well as by
/// name; one written by hand may know names only. Guessing wrong costs only time.
fn is_derived<V>() -> bool {
    type_name::<V>().contains("::__Visitor")
}

/// The fields in the order in which they are wanted.
struct Positional<'d, S> {
    decoder: &'d mut Decoder<S>,
    wanted: &'static [&'static str],
    next: usize,
}

impl<'de, S: Source> SeqAccess<'de> for Positional<'_, S> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.next == self.wanted.len() {
            return Ok(None);
        }
        self.next += 1;
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                let name = self.wanted[self.next - 1];
                Err(self.decoder.failed(error, Segment::Field(name.into())))
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.wanted.len() - self.next)
    }
}

/// The fields of a struct that defines its shape: they are named as they come, up to an `END`.
struct Named<'d, S> {
    decoder: &'d mut Decoder<S>,
    /// The current field, for [`Decoder::added_field`].
    field: usize,
    done: bool,
}

impl<S: Source> Named<'_, S> {
    /// Goes to the next field that is there.
    fn advance(&mut self) -> Result<bool> {
        while !self.done {
            if self.decoder.peek()? == tag::END {
                self.decoder.at += 1;
                self.done = true;
                break;
            }
            self.field = self.decoder.add_field()?;
            if self.decoder.peek()? != tag::SKIP {
                return Ok(true);
            }
            self.decoder.at += 1;
        }
        Ok(false)
    }

    /// Passes over the fields that nobody asked for.
    fn finish(mut self) -> Result<()> {
        while self.advance()? {
            self.decoder.skip_item()?;
        }
        Ok(())
    }
}

impl<'de, S: Source> MapAccess<'de> for Named<'_, S> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        seed.deserialize(StrDeserializer::<Error>::new(self.decoder.added_field(self.field)))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(value),
            Err(error) => {
                let name = self.decoder.added_field(self.field).into();
                Err(self.decoder.failed(error, Segment::Field(name)))
            }
        }
    }
}

/// The fields of a known shape, some of which may be skipped, or replaced by others from one on.
struct Known<'d, S> {
    decoder: &'d mut Decoder<S>,
    next: u32,
    end: u32,
    /// Other fields follow; the name of the current one.
    other: Option<Box<str>>,
}

impl<S: Source> Known<'_, S> {
    fn advance(&mut self) -> Result<bool> {
        while self.other.is_none() && self.next < self.end {
            match self.decoder.peek()? {
                tag::SKIP => {
                    self.decoder.at += 1;
                    self.next += 1;
                }
                tag::OTHER => {
                    self.decoder.at += 1;
                    self.other = Some(Box::default());
                }
                _ => {
                    self.next += 1;
                    return Ok(true);
                }
            }
        }
        if self.other.is_some() { self.advance_others() } else { Ok(false) }
    }

    fn advance_others(&mut self) -> Result<bool> {
        if self.decoder.peek()? == tag::END {
            self.decoder.at += 1;
            self.other = None;
            self.next = self.end;
            return Ok(false);
        }
        self.other = Some(self.decoder.name(|name| Ok(name.into()))?);
        Ok(true)
    }

    fn name(&self) -> &str {
        match &self.other {
            Some(name) => name,
            None => self.decoder.field(self.next - 1),
        }
    }

    fn finish(mut self) -> Result<()> {
        while self.advance()? {
            self.decoder.skip_item()?;
        }
        Ok(())
    }
}

impl<'de, S: Source> MapAccess<'de> for Known<'_, S> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        seed.deserialize(StrDeserializer::<Error>::new(self.name())).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(value),
            Err(error) => {
                let name = self.name().into();
                Err(self.decoder.failed(error, Segment::Field(name)))
            }
        }
    }
}
