//! A [`Value`](crate::value::Value): its parts, each written once.
//!
//! A part of its own is what occurs at several places, or contains itself, or nests deep; where it
//! occurs, its number is written. Everything else is written where it is.

use std::collections::{HashMap, HashSet};

use super::encoder::Encoder;
use super::sink::Sink;
use super::stop::Stop;
use crate::array::Block;
use crate::error::{Error, Result};
use crate::format::parts::{self, Special};
use crate::format::{Container, Description, VariantKind, tag};
use crate::value::{
    Arena, ArrayRef, ElementType, Item, Items, Kind, Making, Node, Object, Unpacked, ValueRef,
};

/// How many levels lie inside each other before a part of its own begins. The whole value has
/// more room, because each kind of Python takes a few levels of the file.
const LEVELS: u32 = 32;

/// The parts of a value that were found so far.
struct Parts<'a> {
    arena: &'a Arena,
    /// What occurs more than once.
    shared: HashSet<Node>,
    numbers: HashMap<Node, u64>,
    /// By number; those behind `written` are still to be written.
    nodes: Vec<Node>,
    /// The depth at which a part of its own begins.
    deepest: u32,
}

impl<'a> Parts<'a> {
    fn of(root: ValueRef<'a>, depth: u32) -> Self {
        Parts {
            arena: root.arena,
            shared: shared(root),
            numbers: HashMap::from([(root.node, 0)]),
            nodes: vec![root.node],
            deepest: depth + LEVELS,
        }
    }

    /// The number of the part, if the node is to be one at this depth.
    fn number(&mut self, node: Node, depth: u32) -> Option<u64> {
        let nests = || self.arena.item_of(node).is_some_and(|item| item.nodes().next().is_some());
        let is_part = self.shared.contains(&node) || (depth >= self.deepest && nests());
        if !is_part {
            return None;
        }
        let nodes = &mut self.nodes;
        Some(*self.numbers.entry(node).or_insert_with(|| {
            nodes.push(node);
            nodes.len() as u64 - 1
        }))
    }

    fn view(&self, node: Node) -> ValueRef<'a> {
        ValueRef { arena: self.arena, node }
    }
}

/// What occurs more than once in a value and is worth to be a part: what can be changed, what may
/// contain itself, and what is long.
fn shared(root: ValueRef<'_>) -> HashSet<Node> {
    let arena = root.arena;
    let counts = |node: Node| match node.unpack() {
        Unpacked::Text(at) => arena.text(at).len() > tag::SHORT_TEXT_MAX,
        Unpacked::Item(_) => match arena.item_of(node) {
            Some(Item::Tuple(nodes)) => !nodes.is_empty(),
            Some(
                Item::Int(_)
                | Item::BigInt(_)
                | Item::Float(_)
                | Item::Complex(_)
                | Item::ElementType(_)
                | Item::Scalar(_)
                | Item::Global(_),
            )
            | None => false,
            Some(_) => true,
        },
        _ => false,
    };
    let (mut met, mut shared) = (HashSet::new(), HashSet::new());
    let mut open = vec![root.node];
    while let Some(node) = open.pop() {
        if counts(node) && !met.insert(node) {
            shared.insert(node);
            continue;
        }
        open.extend(arena.item_of(node).into_iter().flat_map(Item::nodes));
    }
    shared
}

impl<S: Sink> Encoder<S> {
    /// Writes a value with all its parts.
    pub(super) fn parts(&mut self, root: ValueRef<'_>) -> Result<()> {
        self.put([tag::PARTS])?;
        self.enter()?;
        let mut parts = Parts::of(root, self.depth);
        let mut number = 0;
        while let Some(&node) = parts.nodes.get(number) {
            self.content(parts.view(node), &mut parts)?;
            number += 1;
        }
        self.leave();
        self.put([tag::END])
    }

    /// Writes a node, or the number of the part that it is.
    fn node(&mut self, node: Node, parts: &mut Parts<'_>) -> Result<()> {
        match parts.number(node, self.depth) {
            Some(number) => {
                self.put([tag::PART])?;
                self.unsigned(number)
            }
            None => self.content(parts.view(node), parts),
        }
    }

    fn content(&mut self, value: ValueRef<'_>, parts: &mut Parts<'_>) -> Result<()> {
        match value.kind() {
            Kind::None => self.put([tag::NONE]),
            Kind::Bool(value) => self.put([if value { tag::TRUE } else { tag::FALSE }]),
            Kind::Int(value) => self.signed(value),
            Kind::BigInt(value) => match (value.to_u128(), value.to_i128()) {
                (Some(value), _) => plain(self.value(&value)),
                (None, Some(value)) => plain(self.value(&value)),
                (None, None) => self.special(Special::BigInt, |e| e.bytes(value.to_le_bytes())),
            },
            Kind::Float(value) => self.tagged(tag::F64, value.to_le_bytes()),
            Kind::Complex(value) => {
                self.special(Special::Complex, |e| plain(e.value(&(value.re, value.im))))
            }
            Kind::Str(text) => self.text(text),
            Kind::WideStr(bytes) => self.special(Special::WideText, |e| e.bytes(bytes)),
            Kind::Bytes(bytes) => self.bytes(bytes),
            Kind::ByteArray(bytes) => self.special(Special::ByteArray, |e| e.bytes(bytes)),
            Kind::List(items) => self.nodes(tag::SEQ, items, parts),
            Kind::Tuple(items) => self.nodes(tag::TUPLE, items, parts),
            Kind::Set(items) => self.special(Special::Set, |e| e.nodes(tag::SEQ, items, parts)),
            Kind::FrozenSet(items) => {
                self.special(Special::FrozenSet, |e| e.nodes(tag::SEQ, items, parts))
            }
            Kind::Dict(pairs) => self.pairs(pairs.nodes, parts),
            Kind::Array(array) => self.value_array(array, parts),
            Kind::Scalar(element_type, bytes) => self.special(Special::Scalar, |e| {
                e.with_len(tag::TUPLE, 2)?;
                e.element_type(element_type)?;
                e.bytes(bytes)
            }),
            Kind::ElementType(element_type) => {
                self.special(Special::ElementType, |e| e.element_type(element_type))
            }
            Kind::Global(global) => {
                self.special(Special::Global, |e| plain(e.value(&(global.module, global.name))))
            }
            Kind::Object(object) => {
                let special = match object.making() {
                    Making::Call => Special::Call,
                    Making::New => Special::New,
                };
                self.special(special, |e| e.object(object, parts))
            }
        }
    }

    fn special(
        &mut self,
        special: Special,
        content: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let name = special.name();
        self.variant(parts::ENUM, special as u32, name, VariantKind::Newtype)?;
        self.enter()?;
        content(self)?;
        self.leave();
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.byte_string(tag::BYTES, Container::Bytes, bytes)
    }

    fn nodes(&mut self, tag: u8, items: Items<'_>, parts: &mut Parts<'_>) -> Result<()> {
        self.with_len(tag, items.len())?;
        self.enter()?;
        items.nodes.iter().try_for_each(|&node| self.node(node, parts))?;
        self.leave();
        Ok(())
    }

    /// Keys and values in turn.
    fn pairs(&mut self, nodes: &[Node], parts: &mut Parts<'_>) -> Result<()> {
        self.with_len(tag::MAP, nodes.len() / 2)?;
        self.enter()?;
        nodes.iter().try_for_each(|&node| self.node(node, parts))?;
        self.leave();
        Ok(())
    }

    fn element_type(&mut self, element_type: &ElementType) -> Result<()> {
        match element_type.short_code() {
            Some(code) => self.text(&code),
            None => plain(self.value(element_type)),
        }
    }

    /// An array: as in any other value if its elements are a type of Rust.
    fn value_array(&mut self, array: ArrayRef<'_>, parts: &mut Parts<'_>) -> Result<()> {
        let item = array.item;
        let dtype = item.element_type.dtype().filter(|&dtype| {
            ElementType::of(dtype).as_ref() == Some(&*item.element_type) && item.class == Node::NONE
        });
        if let (Some(dtype), Some(bytes)) = (dtype, array.bytes()) {
            let description =
                Description::new(Container::Array, dtype, array.order(), array.shape())?;
            return self.described(&description, &Block::of_slice(bytes));
        }
        self.special(Special::Array, |encoder| encoder.special_array(array, parts))
    }

    fn special_array(&mut self, array: ArrayRef<'_>, parts: &mut Parts<'_>) -> Result<()> {
        let item = array.item;
        self.with_len(tag::MAP, 4 + usize::from(item.class != Node::NONE))?;
        self.enter()?;
        if item.class != Node::NONE {
            self.text(parts::CLASS)?;
            self.node(item.class, parts)?;
        }
        self.text(parts::TYPE)?;
        self.element_type(&item.element_type)?;
        self.text(parts::SHAPE)?;
        self.with_len(tag::SEQ, array.shape().len())?;
        array.shape().iter().try_for_each(|&len| self.unsigned(len as u64))?;
        self.text(parts::ORDER)?;
        self.text(parts::order_name(array.order()))?;
        match (array.objects(), array.bytes()) {
            (Some(objects), _) => {
                self.text(parts::OBJECTS)?;
                self.nodes(tag::SEQ, objects, parts)?;
            }
            (None, bytes) => {
                self.text(parts::ELEMENTS)?;
                self.bytes(bytes.unwrap_or_default())?;
            }
        }
        self.leave();
        Ok(())
    }

    fn object(&mut self, object: Object<'_>, parts: &mut Parts<'_>) -> Result<()> {
        let item = object.item;
        let keywords = Some(item.keywords).filter(|&keywords| keywords != Node::NONE);
        let optional = [keywords.is_some(), !item.items.is_empty(), !item.entries.is_empty()];
        let fields = optional.into_iter().chain([item.state.is_some()]).filter(|&is| is).count();
        self.with_len(tag::MAP, 2 + fields)?;
        self.enter()?;
        let nodes = [
            (parts::CLASS, Some(item.callable)),
            (parts::ARGUMENTS, Some(item.arguments)),
            (parts::KEYWORDS, keywords),
            (parts::STATE, item.state),
        ];
        for (name, node) in nodes {
            if let Some(node) = node {
                self.text(name)?;
                self.node(node, parts)?;
            }
        }
        if !item.items.is_empty() {
            self.text(parts::ITEMS)?;
            self.nodes(tag::SEQ, object.items(), parts)?;
        }
        if !item.entries.is_empty() {
            self.text(parts::ENTRIES)?;
            self.pairs(&item.entries, parts)?;
        }
        self.leave();
        Ok(())
    }
}

/// What writes no array never stops early.
fn plain(result: std::result::Result<(), Stop>) -> Result<()> {
    result.map_err(|stop| stop.0.unwrap_or_else(|| Error::unwritable("nothing was written")))
}
