//! What a value can be, to be matched on.

use std::sync::Arc;

use num_complex::Complex;

use super::arena::{Arena, Item};
use super::array::ArrayRef;
use super::big_int::BigInt;
use super::element_type::ElementType;
use super::node::{Node, Unpacked};
use super::object::{Global, Object};

/// A part of a [`Value`](super::Value), or all of it: as small as a pointer or two.
#[derive(Clone, Copy)]
pub struct ValueRef<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) node: Node,
}

/// What a part of a value is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of up to 64 bits.
    Int(i64),
    /// An integer of more bits.
    BigInt(BigInt<'a>),
    /// A float.
    Float(f64),
    /// A complex number.
    Complex(Complex<f64>),
    /// Text.
    Str(&'a str),
    /// Text that is not valid Unicode because of lone surrogates: UTF-8 with those encoded too.
    WideStr(&'a [u8]),
    /// `bytes`, and the `str` of Python 2.
    Bytes(&'a [u8]),
    /// `bytearray`.
    ByteArray(&'a [u8]),
    /// A list.
    List(Items<'a>),
    /// A tuple.
    Tuple(Items<'a>),
    /// A set.
    Set(Items<'a>),
    /// A frozenset.
    FrozenSet(Items<'a>),
    /// A dict, in the order in which it was filled.
    Dict(Pairs<'a>),
    /// A numpy array.
    Array(ArrayRef<'a>),
    /// A numpy scalar: its type and its bytes in the order of its type.
    Scalar(&'a Arc<ElementType>, &'a [u8]),
    /// A numpy `dtype` object.
    ElementType(&'a Arc<ElementType>),
    /// A class or function, by name.
    Global(Global<'a>),
    /// Anything else.
    Object(Object<'a>),
}

/// The elements of a list, tuple or set.
#[derive(Clone, Copy)]
pub struct Items<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) nodes: &'a [Node],
}

/// The keys and values of a dict.
#[derive(Clone, Copy)]
pub struct Pairs<'a> {
    pub(crate) arena: &'a Arena,
    pub(crate) nodes: &'a [Node],
}

/// What makes two equal parts of a value one and the same object: compare and hash it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Identity(Node);

impl<'a> ValueRef<'a> {
    /// What it is.
    pub fn kind(self) -> Kind<'a> {
        let arena = self.arena;
        match self.node.unpack() {
            Unpacked::None => Kind::None,
            Unpacked::Bool(value) => Kind::Bool(value),
            Unpacked::Int(value) => Kind::Int(value),
            Unpacked::Float(value) => Kind::Float(value),
            Unpacked::Text(at) => Kind::Str(arena.text(at)),
            Unpacked::Item(number) => arena.item(number).map_or(Kind::None, |item| self.item(item)),
        }
    }

    fn item(self, item: &'a Item) -> Kind<'a> {
        let arena = self.arena;
        let items = |nodes| Items { arena, nodes };
        match item {
            Item::Int(value) => Kind::Int(*value),
            Item::BigInt(bytes) => Kind::BigInt(BigInt(bytes)),
            Item::Float(value) => Kind::Float(*value),
            Item::Complex([re, im]) => Kind::Complex(Complex::new(*re, *im)),
            Item::WideText(bytes) => Kind::WideStr(bytes),
            Item::Bytes(bytes) => Kind::Bytes(bytes),
            Item::ByteArray(bytes) => Kind::ByteArray(bytes),
            Item::List(nodes) => Kind::List(items(nodes)),
            Item::Tuple(nodes) => Kind::Tuple(items(nodes)),
            Item::Set(nodes) => Kind::Set(items(nodes)),
            Item::FrozenSet(nodes) => Kind::FrozenSet(items(nodes)),
            Item::Dict(nodes) => Kind::Dict(Pairs { arena, nodes }),
            Item::Array(item) => Kind::Array(ArrayRef { arena, item }),
            Item::Scalar(scalar) => Kind::Scalar(&scalar.0, &scalar.1),
            Item::ElementType(element_type) => Kind::ElementType(element_type),
            Item::Global(names) => {
                let [module, name] = names.map(|node| ValueRef { arena, node }.as_str());
                Kind::Global(Global {
                    module: module.unwrap_or_default(),
                    name: name.unwrap_or_default(),
                })
            }
            Item::Object(item) => Kind::Object(Object { arena, item }),
        }
    }

    /// Tells shared parts from equal ones. None for what has no parts and cannot be changed:
    /// `None`, booleans and numbers.
    pub fn identity(self) -> Option<Identity> {
        let has_one = match self.node.unpack() {
            Unpacked::Text(_) => true,
            Unpacked::Item(_) => !matches!(
                self.arena.item_of(self.node),
                None | Some(Item::Int(_) | Item::BigInt(_) | Item::Float(_) | Item::Complex(_))
            ),
            _ => false,
        };
        has_one.then_some(Identity(self.node))
    }

    /// Whether it is `None`.
    pub fn is_none(self) -> bool {
        self.node == Node::NONE
    }

    /// The elements of a list or tuple.
    pub fn as_sequence(self) -> Option<Items<'a>> {
        match self.kind() {
            Kind::List(items) | Kind::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The keys and values of a dict, or of an object that is a dict of a kind and has no others.
    pub fn as_dict(self) -> Option<Pairs<'a>> {
        match self.kind() {
            Kind::Dict(pairs) => Some(pairs),
            Kind::Object(object) => Some(object.entries()).filter(|pairs| !pairs.is_empty()),
            _ => None,
        }
    }

    /// The text, also of a byte string that is UTF-8: Python 2 has no better one.
    pub fn as_str(self) -> Option<&'a str> {
        match self.kind() {
            Kind::Str(text) => Some(text),
            Kind::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The bytes of `bytes` or a `bytearray`.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self.kind() {
            Kind::Bytes(bytes) | Kind::ByteArray(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The array.
    pub fn as_array(self) -> Option<ArrayRef<'a>> {
        match self.kind() {
            Kind::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The name of a class or function.
    pub fn as_global(self) -> Option<Global<'a>> {
        match self.kind() {
            Kind::Global(global) => Some(global),
            _ => None,
        }
    }

    /// The object.
    pub fn as_object(self) -> Option<Object<'a>> {
        match self.kind() {
            Kind::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The truth value, of a bool or a numpy scalar.
    pub fn as_bool(self) -> Option<bool> {
        match self.kind() {
            Kind::Bool(value) => Some(value),
            Kind::Scalar(element_type, bytes) if element_type.kind == 'b' => Some(bytes != [0]),
            _ => None,
        }
    }

    /// The integer, of an `int` or a numpy scalar.
    pub fn as_i64(self) -> Option<i64> {
        match self.kind() {
            Kind::Int(value) => Some(value),
            Kind::Scalar(element_type, bytes) => {
                match super::scalar::number(element_type, bytes)? {
                    super::scalar::Number::Int(value) => Some(value),
                    super::scalar::Number::Unsigned(value) => i64::try_from(value).ok(),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The number, of a `float`, an `int`, or a numpy scalar of either; rounded if need be.
    pub fn as_f64(self) -> Option<f64> {
        match self.kind() {
            Kind::Int(value) => Some(value as f64),
            Kind::Float(value) => Some(value),
            Kind::Scalar(element_type, bytes) => {
                match super::scalar::number(element_type, bytes)? {
                    super::scalar::Number::Int(value) => Some(value as f64),
                    super::scalar::Number::Unsigned(value) => Some(value as f64),
                    super::scalar::Number::Float(value) => Some(value),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl<'a> Items<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The element with that number, counted from 0.
    pub fn get(&self, index: usize) -> Option<ValueRef<'a>> {
        self.nodes.get(index).map(|&node| ValueRef { arena: self.arena, node })
    }

    /// One after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ValueRef<'a>> + use<'a> {
        let arena = self.arena;
        self.nodes.iter().map(move |&node| ValueRef { arena, node })
    }
}

impl<'a> Pairs<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.nodes.len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// One after the other, in the order in which they were set. A key that was set twice comes
    /// twice.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ValueRef<'a>, ValueRef<'a>)> + use<'a> {
        let arena = self.arena;
        self.nodes
            .chunks_exact(2)
            .map(move |pair| (ValueRef { arena, node: pair[0] }, ValueRef { arena, node: pair[1] }))
    }

    /// The value of a key that is text.
    ///
    /// Looks at one key after the other: load a large dict as a `HashMap` to look up many.
    pub fn get(&self, key: &str) -> Option<ValueRef<'a>> {
        // The last one counts, as it does when Python sets them.
        let mut pairs = self.nodes.chunks_exact(2).rev();
        let at = |node| ValueRef { arena: self.arena, node };
        pairs.find(|pair| at(pair[0]).as_str() == Some(key)).map(|pair| at(pair[1]))
    }
}

impl<'a> IntoIterator for Items<'a> {
    type Item = ValueRef<'a>;
    type IntoIter = Box<dyn ExactSizeIterator<Item = ValueRef<'a>> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl<'a> IntoIterator for Pairs<'a> {
    type Item = (ValueRef<'a>, ValueRef<'a>);
    type IntoIter = Box<dyn ExactSizeIterator<Item = (ValueRef<'a>, ValueRef<'a>)> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}
