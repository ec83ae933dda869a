//! Items as a [`Value`], whatever they are.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use super::decoder::{Decoder, unexpected};
use super::source::Source;
use crate::array::read_bytes;
use crate::error::{Error, Result, Segment};
use crate::format::parts::Special;
use crate::format::{Container, Description, VariantKind, tag};
use crate::mapped::MappedBytes;
use crate::value::{
    Builder, Data, ElementType, Item, Node, PartVisitor, Unpacked, Value, read_native,
};

/// Texts of up to [`tag::SHORT_TEXT_MAX`] bytes that are recognised when they come again.
const TEXTS_MAX: usize = 1 << 16;

/// Where a part is written by its number, this plus the number stands for its item until all parts
/// are read. There are never so many items: each takes several bytes.
const PLACEHOLDER: usize = 1 << if usize::BITS < 64 { 30 } else { 40 };

impl<S: Source> Decoder<S> {
    /// The next item with its contents as a value of its own. Arrays are mapped if the source is.
    pub(super) fn whole_value(&mut self) -> Result<Value> {
        let builder = Builder::new();
        let mut reader =
            PartReader { decoder: self, builder, texts: HashMap::new(), in_parts: false };
        let root = reader.item()?;
        let mut arena = reader.builder.arena;
        arena.shrink();
        Ok(Value { arena, root })
    }
}

/// Reads items into the arena of a value.
pub(super) struct PartReader<'d, S> {
    pub(super) decoder: &'d mut Decoder<S>,
    pub(super) builder: Builder,
    texts: HashMap<Box<str>, Node>,
    /// Whether the items are those of a value that was written as one.
    in_parts: bool,
}

impl<S: Source> PartReader<'_, S> {
    /// The next item with its contents.
    pub(super) fn item(&mut self) -> Result<Node> {
        let tag = self.decoder.peek()?;
        let is_leaf = !matches!(tag, tag::SOME | tag::SEQ..=tag::VARIANT | tag::ARRAY..=tag::PART)
            && !matches!(tag, tag::SHORT_TEXT..=tag::SHORT_TEXT_END | tag::CARRIED);
        if is_leaf {
            return Ok(self.decoder.visit_any(PartVisitor(&mut self.builder))?.0);
        }
        self.decoder.at += 1;
        match tag {
            tag::SHORT_TEXT..=tag::SHORT_TEXT_END => self.short_text(tag - tag::SHORT_TEXT),
            tag::SOME => self.nested(Self::item),
            tag::SEQ | tag::SEQ_OPEN => {
                let nodes = self.nodes(tag == tag::SEQ_OPEN, 1)?;
                Ok(self.add(Item::List(nodes)))
            }
            tag::TUPLE => {
                let nodes = self.nodes(false, 1)?;
                Ok(self.add(Item::Tuple(nodes.into())))
            }
            tag::MAP | tag::MAP_OPEN => {
                let nodes = self.nodes(tag == tag::MAP_OPEN, 2)?;
                Ok(self.add(Item::Dict(nodes)))
            }
            tag::VARIANT_NEW | tag::VARIANT => self.variant(tag),
            tag::ARRAY | tag::SMALL | tag::CARRIED => self.array(tag),
            tag::PARTS => self.parts(),
            tag::PART => self.part(),
            _ => self.structure(tag),
        }
    }

    pub(super) fn add(&mut self, item: Item) -> Node {
        self.builder.arena.add(item)
    }

    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.decoder.enter()?;
        let value = read(self)?;
        self.decoder.leave();
        Ok(value)
    }

    fn short_text(&mut self, len: u8) -> Result<Node> {
        let (texts, arena) = (&mut self.texts, &mut self.builder.arena);
        self.decoder.text(usize::from(len), |text| Ok(known_text(texts, arena, text)))
    }

    fn text(&mut self, text: &str) -> Node {
        known_text(&mut self.texts, &mut self.builder.arena, text)
    }

    /// The contents of a sequence, or, two `per_entry`, of a map.
    pub(super) fn nodes(&mut self, open: bool, per_entry: usize) -> Result<Vec<Node>> {
        let len = if open { u64::MAX } else { self.decoder.len()? as u64 };
        self.nested(|reader| {
            let mut nodes = Vec::new();
            for index in 0..len {
                if open && reader.decoder.peek()? == tag::END {
                    reader.decoder.at += 1;
                    break;
                }
                for _ in 0..per_entry {
                    let node = reader.item().map_err(|e| e.within(Segment::Index(index)))?;
                    nodes.push(node);
                }
            }
            Ok(nodes)
        })
    }

    /// A struct as a dict.
    fn structure(&mut self, tag: u8) -> Result<Node> {
        let PartReader { decoder, builder, texts, in_parts } = self;
        let mut nodes = Vec::new();
        let struct_name = decoder.for_each_field(tag, |decoder, name| {
            let mut reader = PartReader {
                decoder,
                builder: std::mem::take(builder),
                texts: std::mem::take(texts),
                in_parts: *in_parts,
            };
            let key = reader.text(name);
            nodes.push(key);
            let value = reader.item();
            (*builder, *texts) = (reader.builder, reader.texts);
            nodes.push(value?);
            Ok(())
        })?;
        if let (crate::value::NAME, [_, pickle]) = (&struct_name[..], &nodes[..]) {
            return self.embedded(*pickle);
        }
        Ok(self.add(Item::Dict(nodes)))
    }

    /// The value of a pickle: how values were written at first, and how they pass through what
    /// serde buffers.
    fn embedded(&mut self, pickle: Node) -> Result<Node> {
        let limit = self.decoder.source.memory_left();
        let value = crate::value::embedded(self.builder.view_node(pickle), limit)?;
        Ok(self.builder.absorb(value).0)
    }

    /// An enum value: as JSON has it, its name or a dict of name to content.
    fn variant(&mut self, tag: u8) -> Result<Node> {
        let (name, kind) = self.decoder.variant(tag)?;
        if self.in_parts {
            let special = Special::by_name(&name).filter(|_| kind == VariantKind::Newtype);
            let special = special
                .ok_or_else(|| Error::damaged(format!("no part of a value is a `{name}`")))?;
            return self.nested(|reader| reader.special(special));
        }
        let name = self.text(&name);
        if kind == VariantKind::Unit {
            return Ok(name);
        }
        let content = self.nested(Self::item)?;
        Ok(self.add(Item::Dict(vec![name, content])))
    }

    /// An array, behind its tag.
    fn array(&mut self, tag: u8) -> Result<Node> {
        let description = self.decoder.description()?;
        if matches!(description.container, Container::Array | Container::Sequence) {
            return self.numbers(tag, &description);
        }
        let bytes = self
            .decoder
            .elements(tag, &description, |elements| read_bytes(&description, elements))?;
        if description.container == Container::Bytes {
            return Ok(self.add(Item::Bytes(bytes.into())));
        }
        let text = String::from_utf8(bytes).map_err(|_| super::decoder::not_utf8())?;
        Ok(self.builder.str(&text).0)
    }

    fn numbers(&mut self, tag: u8, description: &Description) -> Result<Node> {
        let byte_len = description.byte_len()?;
        let (shape, order, dtype) = (description.lens(), description.order, description.dtype);
        if let Some(element_type) = ElementType::of(dtype)
            && let Some(data) = self.mapped_data(tag, description)?
        {
            return Ok(self.builder.add_array(Arc::new(element_type), &shape, order, data).0);
        }
        let buffer = self
            .decoder
            .elements(tag, description, |elements| read_native(dtype, byte_len, elements))?;
        Ok(self.builder.native_array(&shape, order, buffer).0)
    }

    /// The elements of an array where they are, if they can stay there.
    fn mapped_data(&mut self, tag: u8, description: &Description) -> Result<Option<Data>> {
        if tag == tag::SMALL || !self.decoder.source.is_mapped() {
            return Ok(None);
        }
        let (map, place) = self.decoder.begin_mapped(tag, description)?;
        let bytes = MappedBytes::new(map, place, description.byte_len()?, Some(description.dtype));
        let bytes = bytes.ok_or_else(|| Error::damaged("an array that cannot be mapped"))?;
        Ok(Some(Data::Mapped(Arc::new(bytes))))
    }

    /// A value that was written as one, behind its tag.
    fn parts(&mut self) -> Result<Node> {
        if self.in_parts {
            return Err(Error::damaged("a value in parts as a part"));
        }
        let first = self.builder.arena.len();
        self.in_parts = true;
        let nodes = self.nodes(true, 1)?;
        self.in_parts = false;
        self.resolve(first, &nodes)?;
        nodes.first().copied().ok_or_else(|| Error::damaged("a value without a part"))
    }

    /// A part that is written elsewhere.
    fn part(&mut self) -> Result<Node> {
        match self.decoder.len()? {
            number if self.in_parts && number < PLACEHOLDER => Ok(Node::item(PLACEHOLDER + number)),
            _ => Err(unexpected(tag::PART, "an item")),
        }
    }

    /// Puts the parts where their numbers are.
    fn resolve(&mut self, first: usize, parts: &[Node]) -> Result<()> {
        let number = |node: Node| match node.unpack() {
            Unpacked::Item(number) => number.checked_sub(PLACEHOLDER),
            _ => None,
        };
        let mut is_whole = !parts.iter().any(|&node| number(node).is_some());
        let items = self.builder.arena.items_mut().get_mut(first..).unwrap_or_default();
        for item in items {
            item.for_each_node(|node| {
                let Some(number) = number(*node) else { return };
                match parts.get(number) {
                    Some(part) => *node = *part,
                    None => is_whole = false,
                }
            });
        }
        if is_whole { Ok(()) } else { Err(Error::damaged("a part that there is not")) }
    }

    pub(super) fn element_type(&mut self) -> Result<Arc<ElementType>> {
        let tag = self.decoder.peek()?;
        let element_type = if matches!(tag, tag::STRUCT_NEW..=tag::STRUCT_MIXED) {
            Some(ElementType::deserialize(&mut *self.decoder)?).filter(ElementType::is_consistent)
        } else {
            ElementType::of_short_code(&String::deserialize(&mut *self.decoder)?)
        };
        let bad = || Error::damaged("a numpy dtype that makes no sense");
        Ok(Arc::new(element_type.ok_or_else(bad)?))
    }
}

/// The text, the same one if it was met before.
fn known_text(
    texts: &mut HashMap<Box<str>, Node>,
    arena: &mut crate::value::Arena,
    text: &str,
) -> Node {
    if let Some(&node) = texts.get(text) {
        return node;
    }
    let node = arena.add_text(text);
    if texts.len() < TEXTS_MAX && text.len() <= tag::SHORT_TEXT_MAX {
        texts.insert(text.into(), node);
    }
    node
}
