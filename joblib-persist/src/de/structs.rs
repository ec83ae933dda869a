//! Structs: by position if the wanted fields are those in the file, otherwise by name.

use std::any::type_name;
use std::rc::Rc;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::decoder::Decoder;
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
        let shape = self.shape(number)?;
        if shape.positional_for == key {
            return Ok(true);
        }
        let is_positional = is_derived::<V>()
            && shape.fields.len() == wanted.len()
            && shape.fields.iter().zip(wanted).all(|(found, wanted)| **found == **wanted);
        if is_positional {
            shape.positional_for = key;
        }
        Ok(is_positional)
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

    fn visit_new<'de, V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.name(|_struct| Ok(()))?;
        self.nested(|decoder| {
            let mut named = Named { decoder, fields: Vec::new(), done: false };
            let value = visitor.visit_map(&mut named)?;
            let fields = named.finish()?;
            decoder.define_shape(fields);
            Ok(value)
        })
    }

    fn visit_known<'de, V: Visitor<'de>>(&mut self, number: usize, visitor: V) -> Result<V::Value> {
        let fields = Rc::clone(&self.shape(number)?.fields);
        self.nested(|decoder| {
            let mut known = Known { decoder, fields, next: 0, others: None };
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

/// Fields that are named as they come, up to an `END`: a new shape, or others than its shape has.
struct Named<'d, S> {
    decoder: &'d mut Decoder<S>,
    fields: Vec<Box<str>>,
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
            let name = self.decoder.owned_name()?;
            self.fields.push(name);
            if self.decoder.peek()? != tag::SKIP {
                return Ok(true);
            }
            self.decoder.at += 1;
        }
        Ok(false)
    }

    /// Passes over the fields that nobody asked for.
    fn finish(mut self) -> Result<Vec<Box<str>>> {
        while self.advance()? {
            self.decoder.skip_item()?;
        }
        Ok(self.fields)
    }
}

impl<'de, S: Source> MapAccess<'de> for Named<'_, S> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if !self.advance()? {
            return Ok(None);
        }
        let name = self.fields.last().map_or("", |name| name);
        seed.deserialize(StrDeserializer::<Error>::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        match seed.deserialize(&mut *self.decoder) {
            Ok(value) => Ok(value),
            Err(error) => {
                let name = self.fields.last().cloned().unwrap_or_default();
                Err(self.decoder.failed(error, Segment::Field(name)))
            }
        }
    }
}

/// The fields of a known shape, some of which may be skipped, or replaced by others from one on.
struct Known<'d, S> {
    decoder: &'d mut Decoder<S>,
    fields: Rc<[Box<str>]>,
    next: usize,
    /// Other fields follow; the name of the current one.
    others: Option<Box<str>>,
}

impl<S: Source> Known<'_, S> {
    fn advance(&mut self) -> Result<bool> {
        loop {
            if self.others.is_some() {
                return self.advance_others();
            }
            if self.next == self.fields.len() {
                return Ok(false);
            }
            match self.decoder.peek()? {
                tag::SKIP => {
                    self.decoder.at += 1;
                    self.next += 1;
                }
                tag::OTHER => {
                    self.decoder.at += 1;
                    self.others = Some(Box::default());
                }
                _ => {
                    self.next += 1;
                    return Ok(true);
                }
            }
        }
    }

    fn advance_others(&mut self) -> Result<bool> {
        if self.decoder.peek()? == tag::END {
            self.decoder.at += 1;
            self.others = None;
            self.next = self.fields.len();
            return Ok(false);
        }
        self.others = Some(self.decoder.owned_name()?);
        Ok(true)
    }

    fn name(&self) -> &str {
        match &self.others {
            Some(name) => name,
            None => &self.fields[self.next - 1],
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
