//! Sequences and maps of parts.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::cursor::{CLASS, Cursor};
use crate::error::{Error, Result, Segment};
use crate::value::{Global, Node, Object, Pairs, ValueRef};

/// A list, tuple or set.
pub(super) struct List<'a> {
    at: Cursor<'a>,
    nodes: &'a [Node],
    next: usize,
}

impl<'a> List<'a> {
    pub(super) fn new(at: Cursor<'a>, nodes: &'a [Node]) -> Self {
        List { at, nodes, next: 0 }
    }

    pub(super) fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        let value = visitor.visit_seq(&mut self)?;
        if self.next == self.nodes.len() {
            return Ok(value);
        }
        let found = format!("a sequence of {} elements", self.nodes.len());
        Err(Error::mismatch(found, format!("{} elements", self.next)))
    }
}

impl<'de> SeqAccess<'de> for List<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(&node) = self.nodes.get(self.next) else { return Ok(None) };
        let index = self.next as u64;
        self.next += 1;
        let value = self.at.inner(node).and_then(|part| seed.deserialize(part));
        value.map(Some).map_err(|error| error.within(Segment::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len() - self.next)
    }
}

/// The keys and values of a dict, or the attributes of an object.
pub(super) struct Entries<'a> {
    at: Cursor<'a>,
    class: Option<Global<'a>>,
    pairs: Box<dyn Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> + 'a>,
    current: Option<(Key<'a>, Option<Node>)>,
}

#[derive(Clone, Copy)]
enum Key<'a> {
    Class(Global<'a>),
    Part(ValueRef<'a>),
}

impl<'a> Entries<'a> {
    pub(super) fn of_dict(at: Cursor<'a>, pairs: Pairs<'a>) -> Self {
        Entries { at, class: None, pairs: Box::new(pairs.iter()), current: None }
    }

    pub(super) fn of_object(at: Cursor<'a>, object: Object<'a>, class: Option<Global<'a>>) -> Self {
        let pairs = Box::new(object.entries().iter().chain(object.attributes()));
        Entries { at, class, pairs, current: None }
    }

    pub(super) fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        visitor.visit_map(&mut self)
    }

    fn key<'de, K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if let Some(class) = self.class.take() {
            self.current = Some((Key::Class(class), None));
            return seed.deserialize(StrDeserializer::<Error>::new(CLASS)).map(Some);
        }
        let Some((key, value)) = self.pairs.next() else { return Ok(None) };
        self.current = Some((Key::Part(key), Some(value.node)));
        seed.deserialize(self.at.inner(key.node)?).map(Some)
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.key(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let (key, value) = self
            .current
            .take()
            .ok_or_else(|| Error::mismatch("a value without its key", "keys and values in turn"))?;
        match key {
            Key::Class(class) => {
                seed.deserialize(StrDeserializer::<Error>::new(&class.to_string()))
            }
            Key::Part(key) => {
                let node = value.unwrap_or(Node::NONE);
                let value = self.at.inner(node).and_then(|part| seed.deserialize(part));
                value.map_err(|error| {
                    let name = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                    error.within(Segment::Field(name.into()))
                })
            }
        }
    }
}

/// An array of Python objects along its first axis, in logical order.
pub(super) struct Row<'a> {
    at: Cursor<'a>,
    shape: &'a [usize],
    nodes: &'a [Node],
    next: usize,
}

impl<'a> Row<'a> {
    pub(super) fn of_objects(
        at: Cursor<'a>,
        shape: &'a [usize],
        nodes: &'a [Node],
    ) -> Result<Self> {
        Ok(Row { at, shape, nodes, next: 0 })
    }

    pub(super) fn visit<'de, V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value> {
        match (self.shape, self.nodes) {
            ([], [node]) => self.at.inner(*node)?.deserialize_any(visitor),
            _ => visitor.visit_seq(&mut self),
        }
    }
}

impl<'de> SeqAccess<'de> for Row<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some((&len, inner)) = self.shape.split_first() else { return Ok(None) };
        if self.next == len {
            return Ok(None);
        }
        let size: usize = inner.iter().product();
        let nodes = self.nodes.get(self.next * size..(self.next + 1) * size).unwrap_or_default();
        let index = self.next as u64;
        self.next += 1;
        let value = match (inner, nodes) {
            ([], [node]) => self.at.inner(*node).and_then(|part| seed.deserialize(part)),
            _ => {
                self.at.source.visit()?;
                let row = Row { at: self.at, shape: inner, nodes, next: 0 };
                seed.deserialize(RowDeserializer(row))
            }
        };
        value.map(Some).map_err(|error| error.within(Segment::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.shape.first()? - self.next)
    }
}

struct RowDeserializer<'a>(Row<'a>);

impl<'de> Deserializer<'de> for RowDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.visit(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}
