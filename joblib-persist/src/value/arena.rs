//! Where the parts of a value lie: no pointers, so that values may be shared, refer to themselves
//! and nest as deep as they like, and are dropped without recursion.

use std::collections::HashMap;
use std::sync::Arc;

use super::array::{ArrayItem, Data};
use super::byte_string::ByteString;
use super::element_type::ElementType;
use super::node::{Node, Unpacked};

/// How many nodes a large list may have room for that it does not need.
const ROOM_LEFT: usize = 4096;

/// A digit of a length, and the sign that another one follows.
const DIGIT: u8 = 0x3f;
const DIGIT_BITS: u32 = 6;
const MORE: u8 = 0x40;

/// Everything a [`Node`] can refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arena {
    /// All texts, one after the other, each behind its length: that in digits of six bits, the
    /// lowest first, which are text too.
    text: String,
    items: Vec<Item>,
}

/// What does not fit into a node.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Int(i64),
    /// Two's complement, little-endian; more than 64 bits.
    BigInt(Box<[u8]>),
    Float(f64),
    Complex([f64; 2]),
    /// Text with lone surrogates, in UTF-8 as Python has it.
    WideText(Box<[u8]>),
    Bytes(ByteString),
    ByteArray(ByteString),
    List(Vec<Node>),
    Tuple(Box<[Node]>),
    Set(Vec<Node>),
    FrozenSet(Box<[Node]>),
    /// Keys and values in turn.
    Dict(Vec<Node>),
    Array(Box<ArrayItem>),
    /// A numpy scalar: its type and its bytes.
    Scalar(Box<(Arc<ElementType>, Box<[u8]>)>),
    ElementType(Arc<ElementType>),
    /// A name: module and name inside it.
    Global([Node; 2]),
    Object(Box<ObjectItem>),
}

/// How an object was made, and what happened to it afterwards.
#[derive(Clone, Debug)]
pub(crate) struct ObjectItem {
    pub(crate) making: Making,
    pub(crate) callable: Node,
    /// A tuple, for what pickles.
    pub(crate) arguments: Node,
    /// A dict of keyword arguments, or none.
    pub(crate) keywords: Node,
    /// What was appended, if it is a list of a kind.
    pub(crate) items: Vec<Node>,
    /// What was set by key, if it is a dict of a kind: keys and values in turn.
    pub(crate) entries: Vec<Node>,
    pub(crate) state: Option<Node>,
}

/// By which call an object is made.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Making {
    /// `callable(*arguments)`, the callable being anything.
    Call,
    /// `class.__new__(class, *arguments, **keywords)`.
    New,
}

impl Arena {
    pub(crate) fn text(&self, at: usize) -> &str {
        let mut rest = self.text.get(at..).unwrap_or_default().bytes();
        let (mut len, mut shift, mut digits) = (0, 0, 0);
        for byte in rest.by_ref() {
            len |= usize::from(byte & DIGIT) << shift;
            (shift, digits) = (shift + DIGIT_BITS, digits + 1);
            if byte & MORE == 0 {
                break;
            }
        }
        let start = at + digits;
        self.text.get(start..start + len).unwrap_or_default()
    }

    pub(crate) fn add_text(&mut self, text: &str) -> Node {
        let at = self.text.len();
        let mut len = text.len();
        while len > usize::from(DIGIT) {
            self.text.push(char::from(len as u8 & DIGIT | MORE));
            len >>= DIGIT_BITS;
        }
        self.text.push(char::from(len as u8));
        self.text.push_str(text);
        Node::text(at)
    }

    pub(crate) fn item(&self, number: usize) -> Option<&Item> {
        self.items.get(number)
    }

    pub(crate) fn item_mut(&mut self, node: Node) -> Option<&mut Item> {
        match node.unpack() {
            Unpacked::Item(number) => self.items.get_mut(number),
            _ => None,
        }
    }

    /// The item behind a node, if there is one.
    pub(crate) fn item_of(&self, node: Node) -> Option<&Item> {
        match node.unpack() {
            Unpacked::Item(number) => self.items.get(number),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, item: Item) -> Node {
        self.items.push(item);
        Node::item(self.items.len() - 1)
    }

    #[inline]
    pub(crate) fn add_int(&mut self, value: i64) -> Node {
        Node::int(value).unwrap_or_else(|| self.add(Item::Int(value)))
    }

    #[inline]
    pub(crate) fn add_float(&mut self, value: f64) -> Node {
        Node::float(value).unwrap_or_else(|| self.add(Item::Float(value)))
    }

    /// An integer in two's complement, little-endian, of any length.
    pub(crate) fn add_big_int(&mut self, bytes: &[u8]) -> Node {
        let is_negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let sign = if is_negative { 0xff } else { 0 };
        let mut len = bytes.len();
        // A byte is superfluous if it only repeats the sign of the one below.
        while len > 1 && bytes[len - 1] == sign && (bytes[len - 2] >= 0x80) == is_negative {
            len -= 1;
        }
        let bytes = &bytes[..len];
        if len > 8 {
            return self.add(Item::BigInt(bytes.into()));
        }
        let mut whole = [sign; 8];
        whole[..len].copy_from_slice(bytes);
        self.add_int(i64::from_le_bytes(whole))
    }

    /// How many items there are; a new one gets this number.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.text.is_empty()
    }

    /// Takes the elements out of all arrays that are not of Python objects, by the number of
    /// their item.
    pub(crate) fn take_arrays(&mut self) -> HashMap<usize, Data> {
        let mut taken = HashMap::new();
        for (number, item) in self.items.iter_mut().enumerate() {
            if let Item::Array(array) = item
                && !matches!(array.data, Data::Objects(_))
            {
                taken.insert(number, std::mem::replace(&mut array.data, Data::Raw(Vec::new())));
            }
        }
        taken
    }

    pub(crate) fn items_mut(&mut self) -> &mut [Item] {
        &mut self.items
    }

    /// About how many references there are: a measure of the time it takes to look at each.
    pub(crate) fn slots(&self) -> u64 {
        let slots = |item: &Item| match item {
            Item::List(nodes) | Item::Set(nodes) | Item::Dict(nodes) => nodes.len(),
            Item::Tuple(nodes) | Item::FrozenSet(nodes) => nodes.len(),
            Item::Array(array) => match &array.data {
                Data::Objects(nodes) => nodes.len(),
                _ => 1,
            },
            Item::Object(object) => object.items.len() + object.entries.len(),
            _ => 1,
        };
        self.items.iter().map(|item| 1 + slots(item) as u64).sum()
    }

    /// How much memory texts and items take, without what the items refer to.
    pub(crate) fn bytes(&self) -> u64 {
        let items = self.items.len() * size_of::<Item>();
        (self.text.len() + items) as u64
    }

    /// Gives back memory that was reserved for more.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.items.shrink_to_fit();
        // Small ones are not worth the time.
        let has_room = |nodes: &Vec<Node>| nodes.capacity() - nodes.len() > ROOM_LEFT;
        for item in &mut self.items {
            if let Item::List(nodes) | Item::Dict(nodes) | Item::Set(nodes) = item
                && has_room(nodes)
            {
                nodes.shrink_to_fit();
            }
        }
    }
}

impl Item {
    /// The nodes that the item refers to.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node> {
        let (some, more, others): (&[Node], &[Node], [Option<Node>; 4]) = match self {
            Item::List(nodes) | Item::Set(nodes) | Item::Dict(nodes) => (nodes, &[], [None; 4]),
            Item::Tuple(nodes) | Item::FrozenSet(nodes) => (nodes, &[], [None; 4]),
            Item::Global(names) => (names, &[], [None; 4]),
            Item::Array(array) => {
                let class = [Some(array.class), None, None, None];
                match &array.data {
                    Data::Objects(nodes) => (nodes, &[], class),
                    _ => (&[], &[], class),
                }
            }
            Item::Object(object) => {
                let ObjectItem { callable, arguments, keywords, items, entries, state, .. } =
                    &**object;
                (items, entries, [Some(*callable), Some(*arguments), Some(*keywords), *state])
            }
            _ => (&[], &[], [None; 4]),
        };
        some.iter().chain(more).copied().chain(others.into_iter().flatten())
    }

    /// Calls `each` with every node that the item refers to.
    pub(crate) fn for_each_node(&mut self, mut each: impl FnMut(&mut Node)) {
        match self {
            Item::List(nodes) | Item::Set(nodes) | Item::Dict(nodes) => {
                nodes.iter_mut().for_each(each);
            }
            Item::Tuple(nodes) | Item::FrozenSet(nodes) => nodes.iter_mut().for_each(each),
            Item::Global(names) => names.iter_mut().for_each(each),
            Item::Array(array) => {
                each(&mut array.class);
                if let Data::Objects(nodes) = &mut array.data {
                    nodes.iter_mut().for_each(each);
                }
            }
            Item::Object(object) => {
                let ObjectItem { callable, arguments, keywords, items, entries, state, .. } =
                    &mut **object;
                [callable, arguments, keywords].into_iter().for_each(&mut each);
                items.iter_mut().chain(entries).chain(state).for_each(each);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_found_again() {
        let texts = [0, 1, 63, 64, 4095, 4096, 300_000].map(|len| "ä".repeat(len));
        let mut arena = Arena::default();
        let nodes = texts.clone().map(|text| arena.add_text(&text));
        for (text, node) in texts.iter().zip(nodes) {
            let Unpacked::Text(at) = node.unpack() else { panic!("{node:?}") };
            assert_eq!(arena.text(at), text);
        }
        assert_eq!(arena.text(usize::MAX), "");
    }
}
