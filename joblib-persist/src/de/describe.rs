//! Describing an item and its contents instead of loading them.

use std::fmt;

use serde::de::Visitor;

use super::decoder::Decoder;
use super::source::Source;
use crate::array::DType;
use crate::error::{Result, Segment};
use crate::format::checksum::UNKNOWN;
use crate::format::{Container, Description, VariantKind, tag};
use crate::inspect::{ArrayChecksum, ArrayItem, Item};

/// The most characters of a text that are shown.
const TEXT_MAX: usize = 60;

/// How much is listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listing {
    /// Levels below the current one.
    pub(crate) depth: u32,
    /// Items of one sequence, tuple or map.
    pub(crate) items: u64,
    /// Items that may still be listed.
    pub(crate) left: u64,
}

impl<S: Source> Decoder<S> {
    /// Describes the next item and passes over it.
    pub(crate) fn describe(&mut self, listing: &mut Listing) -> Result<Item> {
        listing.left = listing.left.saturating_sub(1);
        let tag = self.peek()?;
        if !matches!(tag, tag::SOME | tag::SEQ..=tag::VARIANT | tag::ARRAY..=tag::PART) {
            return self.visit_any(Scalar);
        }
        self.at += 1;
        match tag {
            tag::SOME => self.nested(|decoder| decoder.describe(listing)),
            tag::ARRAY | tag::SMALL => self.describe_array(tag),
            tag::PARTS => self.describe_parts(listing),
            tag::PART => Ok(scalar("part", self.len()?)),
            tag::SEQ | tag::SEQ_OPEN => self.describe_items("sequence", tag, listing),
            tag::TUPLE => self.describe_items("tuple", tag, listing),
            tag::MAP | tag::MAP_OPEN => self.describe_map(tag, listing),
            tag::VARIANT_NEW | tag::VARIANT => self.describe_variant(tag, listing),
            _ => self.describe_struct(tag, listing),
        }
    }

    fn describe_array(&mut self, tag: u8) -> Result<Item> {
        let description = self.description()?;
        let len = description.byte_len()?;
        let (offset, checksum) = if tag == tag::SMALL {
            self.slice(len, |_| Ok(()))?;
            (None, ArrayChecksum::Around)
        } else {
            self.end_of_frame()?;
            let blocks = self.source.blocks()?;
            let offset = blocks.begin(0)?;
            match blocks.skip(len)? {
                UNKNOWN => (Some(offset), ArrayChecksum::Unknown),
                checksum => (Some(offset), ArrayChecksum::Xxh3(checksum)),
            }
        };
        let (dtype, shape) = (description.dtype.name(), description.shape().to_vec());
        let array = ArrayItem {
            offset,
            checksum,
            ..ArrayItem::new(dtype, shape, description.order, len as u64)
        };
        Ok(Item { array: Some(array), len: bytes_of(&description), ..item(type_of(&description)) })
    }

    /// Runs `each` for every entry, told whether it is to be listed, and returns how many there
    /// were.
    fn for_each_entry(
        &mut self,
        open: bool,
        listing: &mut Listing,
        mut each: impl FnMut(&mut Self, u64, Option<&mut Listing>) -> Result<()>,
    ) -> Result<u64> {
        let len = if open { u64::MAX } else { self.len()? as u64 };
        self.nested(|decoder| {
            let mut inner = Listing { depth: listing.depth.saturating_sub(1), ..*listing };
            let mut index = 0;
            while index < len && !(open && decoder.peek()? == tag::END) {
                let listed = listing.depth > 0 && index < listing.items && inner.left > 0;
                each(decoder, index, listed.then_some(&mut inner))
                    .map_err(|error| error.within(Segment::Index(index)))?;
                index += 1;
            }
            decoder.at += usize::from(open);
            listing.left = inner.left;
            Ok(index)
        })
    }

    fn describe_items(&mut self, name: &str, tag: u8, listing: &mut Listing) -> Result<Item> {
        let mut items = Vec::new();
        let open = tag == tag::SEQ_OPEN;
        let len = self.for_each_entry(open, listing, |decoder, index, listed| {
            let Some(listing) = listed else { return decoder.skip_item() };
            items.push(named(format!("[{index}]"), decoder.describe(listing)?));
            Ok(())
        })?;
        Ok(Item { len: Some(len), items, ..item(name) })
    }

    fn describe_map(&mut self, tag: u8, listing: &mut Listing) -> Result<Item> {
        let mut items = Vec::new();
        let open = tag == tag::MAP_OPEN;
        let len = self.for_each_entry(open, listing, |decoder, _, listed| {
            let Some(listing) = listed else {
                return decoder.skip_item().and_then(|()| decoder.skip_item());
            };
            let key = decoder.describe(&mut Listing { depth: 0, items: 0, left: 1 })?;
            let key = key.value.unwrap_or(key.type_name);
            items.push(named(key, decoder.describe(listing)?));
            Ok(())
        })?;
        Ok(Item { len: Some(len), items, ..item("map") })
    }

    fn describe_variant(&mut self, tag: u8, listing: &mut Listing) -> Result<Item> {
        let (type_name, kind) = self.qualified_variant(tag)?;
        if kind == VariantKind::Unit {
            return Ok(item(type_name));
        }
        let content = self.nested(|decoder| decoder.describe(listing))?;
        if kind == VariantKind::Newtype {
            return Ok(Item { len: Some(1), items: vec![named("0", content)], ..item(type_name) });
        }
        Ok(Item { type_name, ..content })
    }

    fn describe_struct(&mut self, tag: u8, listing: &mut Listing) -> Result<Item> {
        let mut fields = Fields { items: Vec::new(), len: 0, inner: *listing };
        fields.inner.depth = listing.depth.saturating_sub(1);
        fields.inner.left = if listing.depth == 0 { 0 } else { listing.left };
        let before = fields.inner.left;
        let name = self.for_each_field(tag, |decoder, name| {
            fields.len += 1;
            if fields.inner.left == 0 {
                return decoder.skip_item();
            }
            fields.items.push(named(name, decoder.describe(&mut fields.inner)?));
            Ok(())
        })?;
        listing.left -= before - fields.inner.left;
        Ok(Item { len: Some(fields.len), items: fields.items, ..item(name) })
    }

    /// A value: its root, or all its parts if it has several.
    fn describe_parts(&mut self, listing: &mut Listing) -> Result<Item> {
        let mut items = Vec::new();
        let mut deeper = Listing { depth: listing.depth.saturating_add(1), ..*listing };
        let len = self.for_each_entry(true, &mut deeper, |decoder, index, listed| {
            let Some(listing) = listed else { return decoder.skip_item() };
            let name = if index == 0 { "value".to_owned() } else { format!("part {index}") };
            items.push(named(name, decoder.describe(listing)?));
            Ok(())
        })?;
        listing.left = deeper.left;
        match items.pop() {
            Some(root) if len == 1 => Ok(Item { name: String::new(), ..root }),
            last => {
                items.extend(last);
                Ok(Item { len: Some(len), items, ..item("value in parts") })
            }
        }
    }
}

/// The fields of a struct that were described so far.
struct Fields {
    items: Vec<Item>,
    len: u64,
    inner: Listing,
}

fn item(type_name: impl Into<String>) -> Item {
    Item::new("", type_name)
}

fn named(name: impl Into<String>, item: Item) -> Item {
    Item { name: name.into(), ..item }
}

fn type_of(description: &Description) -> &'static str {
    match description.container {
        Container::Sequence | Container::Array => "array",
        Container::Bytes => "bytes",
        Container::Text => "text",
    }
}

/// The length of what is not called an array.
fn bytes_of(description: &Description) -> Option<u64> {
    let is_bytes = matches!(description.container, Container::Bytes | Container::Text);
    debug_assert!(!is_bytes || description.dtype == DType::U8);
    is_bytes.then(|| description.shape().iter().product())
}

/// Describes what has no contents.
struct Scalar;

fn scalar(type_name: &str, value: impl ToString) -> Item {
    Item { value: Some(value.to_string()), ..item(type_name) }
}

macro_rules! scalars {
    ($($visit:ident: $type:ty => $name:literal;)*) => {$(
        fn $visit<E>(self, v: $type) -> Result<Item, E> {
            Ok(scalar($name, v))
        }
    )*};
}

impl Visitor<'_> for Scalar {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item without contents")
    }

    scalars! {
        visit_bool: bool => "bool";
        visit_i64: i64 => "integer";
        visit_u64: u64 => "integer";
        visit_i128: i128 => "integer";
        visit_u128: u128 => "integer";
    }

    fn visit_f32<E>(self, v: f32) -> Result<Item, E> {
        Ok(scalar("float", format!("{v:?}")))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Item, E> {
        Ok(scalar("float", format!("{v:?}")))
    }

    fn visit_char<E>(self, v: char) -> Result<Item, E> {
        Ok(scalar("char", format!("{v:?}")))
    }

    fn visit_str<E>(self, v: &str) -> Result<Item, E> {
        let shown = match v.char_indices().nth(TEXT_MAX) {
            Some((end, _)) => format!("{:?}…", &v[..end]),
            None => format!("{v:?}"),
        };
        Ok(Item { len: Some(v.len() as u64), ..scalar("text", shown) })
    }

    fn visit_bytes<E>(self, v: &[u8]) -> Result<Item, E> {
        let shown = format!("of {} bytes", v.len());
        Ok(Item { len: Some(v.len() as u64), ..scalar("bytes", shown) })
    }

    fn visit_none<E>(self) -> Result<Item, E> {
        Ok(item("none"))
    }

    fn visit_unit<E>(self) -> Result<Item, E> {
        Ok(item("unit"))
    }
}
