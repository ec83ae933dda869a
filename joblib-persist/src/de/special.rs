//! The parts of a value that serde has no word for.

use std::sync::Arc;

use serde::Deserialize;

use super::decoder::unexpected;
use super::parts::PartReader;
use super::source::Source;
use crate::array::{Order, no_bools};
use crate::error::{Error, Result, Segment};
use crate::format::Container;
use crate::format::parts::{self, Special};
use crate::format::tag;
use crate::mapped::MappedBytes;
use crate::pickle;
use crate::value::{
    ArrayItem, Data, ElementType, Global, Item, Making, Node, ObjectItem, data_from_bytes,
};

impl<S: Source> PartReader<'_, S> {
    pub(super) fn special(&mut self, special: Special) -> Result<Node> {
        match special {
            Special::BigInt => {
                let bytes = self.bytes()?;
                Ok(self.builder.big_int(&bytes).0)
            }
            Special::Complex => {
                let (re, im) = <(f64, f64)>::deserialize(&mut *self.decoder)?;
                Ok(self.add(Item::Complex([re, im])))
            }
            Special::WideText => {
                let bytes = self.bytes()?;
                Ok(self.add(Item::WideText(bytes)))
            }
            Special::ByteArray => {
                let bytes = self.bytes()?;
                Ok(self.add(Item::ByteArray(bytes.into())))
            }
            Special::Set => {
                let nodes = self.entries(tag::SEQ, 1)?;
                Ok(self.add(Item::Set(nodes)))
            }
            Special::FrozenSet => {
                let nodes = self.entries(tag::SEQ, 1)?;
                Ok(self.add(Item::FrozenSet(nodes.into())))
            }
            Special::Array => self.special_array(),
            Special::Scalar => self.scalar(),
            Special::ElementType => {
                let element_type = self.element_type()?;
                Ok(self.add(Item::ElementType(element_type)))
            }
            Special::Global => {
                let (module, name) = <(String, String)>::deserialize(&mut *self.decoder)?;
                Ok(self.builder.global(Global { module: &module, name: &name }).0)
            }
            Special::Call => self.object(Making::Call),
            Special::New => self.object(Making::New),
        }
    }

    /// A byte string.
    fn bytes(&mut self) -> Result<Box<[u8]>> {
        let node = self.item()?;
        match self.builder.arena.item_mut(node) {
            // What stays behind is empty.
            Some(Item::Bytes(bytes)) => Ok(std::mem::take(bytes).into()),
            _ => Err(no_bytes()),
        }
    }

    /// The contents of a sequence or map, which is nowhere else.
    fn entries(&mut self, tag: u8, per_entry: usize) -> Result<Vec<Node>> {
        match self.decoder.byte()? {
            found if found == tag => self.nodes(false, per_entry),
            found => Err(unexpected(found, tag::describe(tag))),
        }
    }

    /// Runs `each` with the key of every entry of a map, in front of its value.
    fn for_each_key(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        match self.decoder.byte()? {
            tag::MAP => {}
            found => return Err(unexpected(found, "a map")),
        }
        let len = self.decoder.len()?;
        self.nested(|reader| {
            (0..len).try_for_each(|_| {
                let key = String::deserialize(&mut *reader.decoder)?;
                each(reader, &key).map_err(|error| error.within(Segment::Field(key.into())))
            })
        })
    }

    fn scalar(&mut self) -> Result<Node> {
        match (self.decoder.byte()?, self.decoder.len()?) {
            (tag::TUPLE, 2) => {}
            (found, _) => return Err(unexpected(found, "a numpy scalar")),
        }
        let element_type = self.element_type()?;
        let bytes = self.bytes()?;
        if bytes.len() != element_type.size || element_type.has_objects() {
            return Err(Error::damaged("a numpy scalar that is not as long as its type says"));
        }
        Ok(self.add(Item::Scalar(Box::new((element_type, bytes)))))
    }

    fn special_array(&mut self) -> Result<Node> {
        let (mut class, mut order) = (Node::NONE, Order::C);
        let (mut element_type, mut shape) = (None, Vec::new());
        let (mut elements, mut objects) = (None, None);
        self.for_each_key(|reader, key| {
            match key {
                parts::CLASS => class = reader.item()?,
                parts::TYPE => element_type = Some(reader.element_type()?),
                parts::SHAPE => shape = reader.shape()?,
                parts::ORDER => {
                    let name = String::deserialize(&mut *reader.decoder)?;
                    order = parts::order_of(&name).ok_or_else(|| unknown(&name))?;
                }
                parts::ELEMENTS => elements = Some(reader.elements(element_type.as_deref())?),
                parts::OBJECTS => objects = Some(reader.entries(tag::SEQ, 1)?),
                _ => return Err(unknown(key)),
            }
            Ok(())
        })?;
        let incomplete = || Error::damaged("an array without its type or its elements");
        let element_type = element_type.ok_or_else(incomplete)?;
        let byte_len = pickle::array_byte_len(&element_type, &shape)?;
        let fits = |data: &Data| data.bytes().is_some_and(|bytes| bytes.len() == byte_len);
        let data = match (elements, objects) {
            (Some(data), None) if fits(&data) && !element_type.has_objects() => match data {
                Data::Raw(bytes) => data_from_bytes(&element_type, bytes).ok_or_else(no_bools)?,
                data => data,
            },
            (None, Some(objects))
                if objects.len() == shape.iter().product::<usize>()
                    && element_type.has_objects() =>
            {
                Data::Objects(objects)
            }
            (None, None) => return Err(incomplete()),
            _ => return Err(Error::damaged("an array with fewer elements than its shape says")),
        };
        let shape = shape.into();
        let array = ArrayItem { class, element_type, shape, order, data };
        Ok(self.add(Item::Array(Box::new(array))))
    }

    /// The elements of an array: mapped, if they can be, or bytes.
    fn elements(&mut self, element_type: Option<&ElementType>) -> Result<Data> {
        let tag = self.decoder.peek()?;
        let element_type = element_type.filter(|_| tag == tag::ARRAY || tag == tag::CARRIED);
        let Some(element_type) = element_type.filter(|_| self.decoder.source.is_mapped()) else {
            return Ok(Data::Raw(self.bytes()?.into()));
        };
        self.decoder.at += 1;
        let description = self.decoder.description()?;
        if description.container != Container::Bytes {
            return Err(no_bytes());
        }
        let (map, place) = self.decoder.begin_mapped(tag, &description)?;
        let dtype = element_type.native_dtype();
        let bytes = MappedBytes::new(map, place, description.byte_len()?, dtype);
        bytes.map(|bytes| Data::Mapped(Arc::new(bytes))).ok_or_else(no_bools)
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        let shape = Vec::<u64>::deserialize(&mut *self.decoder)?;
        let lens = shape.iter().map(|&len| usize::try_from(len)).collect::<Result<Vec<_>, _>>();
        lens.ok()
            .filter(|lens| lens.len() <= crate::format::MAX_AXES * 2)
            .ok_or_else(|| Error::damaged("an array of a shape that cannot be"))
    }

    fn object(&mut self, making: Making) -> Result<Node> {
        let (mut callable, mut arguments, mut keywords) = (None, None, Node::NONE);
        let (mut items, mut entries, mut state) = (Vec::new(), Vec::new(), None);
        self.for_each_key(|reader, key| {
            match key {
                parts::CLASS => callable = Some(reader.item()?),
                parts::ARGUMENTS => arguments = Some(reader.item()?),
                parts::KEYWORDS => keywords = reader.item()?,
                parts::STATE => state = Some(reader.item()?),
                parts::ITEMS => items = reader.entries(tag::SEQ, 1)?,
                parts::ENTRIES => entries = reader.entries(tag::MAP, 2)?,
                _ => return Err(unknown(key)),
            }
            Ok(())
        })?;
        let (Some(callable), Some(arguments)) = (callable, arguments) else {
            return Err(Error::damaged("an object without its class or its arguments"));
        };
        let object = ObjectItem { making, callable, arguments, keywords, items, entries, state };
        Ok(self.add(Item::Object(Box::new(object))))
    }
}

#[cold]
fn no_bytes() -> Error {
    Error::damaged("a part of a value without its bytes")
}

#[cold]
fn unknown(key: &str) -> Error {
    Error::damaged(format!("`{key}` is not known of a part of a value"))
}
