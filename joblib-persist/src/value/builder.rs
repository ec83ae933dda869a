//! Making values.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use ndarray::{Array, Dimension};
use num_complex::Complex;

use super::arena::{Arena, Item, Making, ObjectItem};
use super::array::{ArrayItem, Data};
use super::buffer::Buffer;
use super::element_type::ElementType;
use super::node::{Node, Unpacked};
use super::{Global, Value, ValueRef};
use crate::array::{Element, Order};
use crate::pickle;

/// Makes a value part by part, so that parts may be shared and refer to what is around them.
///
/// ```
/// use joblib_persist::value::{Builder, Kind};
///
/// let mut builder = Builder::new();
/// let list = builder.list(&[]);
/// let name = builder.str("self");
/// builder.push(list, name);
/// builder.push(list, list); // a list that contains itself
/// let value = builder.finish(list);
///
/// let Kind::List(items) = value.kind() else { panic!("a list") };
/// assert_eq!(items.get(1).and_then(|item| item.identity()), value.root().identity());
/// ```
#[derive(Debug, Default)]
pub struct Builder {
    pub(crate) arena: Arena,
}

/// A part of a value that is being made, for the [`Builder`] it is from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part(pub(crate) Node);

impl Builder {
    /// Begins a value.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the value: it is `root` with all that is in it.
    pub fn finish(mut self, root: Part) -> Value {
        self.arena.shrink();
        Value { arena: self.arena, root: root.0 }
    }

    fn add(&mut self, item: Item) -> Part {
        Part(self.arena.add(item))
    }

    /// A part, to look at.
    pub(crate) fn view(&self, part: Part) -> ValueRef<'_> {
        ValueRef { arena: &self.arena, node: part.0 }
    }

    /// A node, to look at.
    pub(crate) fn view_node(&self, node: Node) -> ValueRef<'_> {
        ValueRef { arena: &self.arena, node }
    }

    /// `None`.
    pub fn none(&self) -> Part {
        Part(Node::NONE)
    }

    /// A bool.
    pub fn bool(&self, value: bool) -> Part {
        Part(Node::bool(value))
    }

    /// An integer of up to 128 bits with sign.
    pub fn int(&mut self, value: i128) -> Part {
        Part(self.arena.add_big_int(&value.to_le_bytes()))
    }

    /// An integer of any size: two's complement, the least significant byte first.
    pub fn big_int(&mut self, bytes: &[u8]) -> Part {
        Part(self.arena.add_big_int(bytes))
    }

    /// A float.
    pub fn float(&mut self, value: f64) -> Part {
        Part(self.arena.add_float(value))
    }

    /// A complex number.
    pub fn complex(&mut self, value: Complex<f64>) -> Part {
        self.add(Item::Complex([value.re, value.im]))
    }

    /// Text.
    pub fn str(&mut self, text: &str) -> Part {
        Part(self.arena.add_text(text))
    }

    /// `bytes`.
    pub fn bytes(&mut self, bytes: &[u8]) -> Part {
        self.add(Item::Bytes(bytes.into()))
    }

    /// A `bytearray`.
    pub fn byte_array(&mut self, bytes: &[u8]) -> Part {
        self.add(Item::ByteArray(bytes.into()))
    }

    /// A list; [`push`](Self::push) adds to it.
    pub fn list(&mut self, items: &[Part]) -> Part {
        let items = nodes(items);
        self.add(Item::List(items))
    }

    /// A tuple.
    pub fn tuple(&mut self, items: &[Part]) -> Part {
        let items = nodes(items);
        self.add(Item::Tuple(items.into()))
    }

    /// A set; [`push`](Self::push) adds to it. Whether an element is there already is not looked at.
    pub fn set(&mut self, items: &[Part]) -> Part {
        let items = nodes(items);
        self.add(Item::Set(items))
    }

    /// A frozenset.
    pub fn frozen_set(&mut self, items: &[Part]) -> Part {
        let items = nodes(items);
        self.add(Item::FrozenSet(items.into()))
    }

    /// A dict; [`insert`](Self::insert) adds to it.
    pub fn dict(&mut self, pairs: &[(Part, Part)]) -> Part {
        let nodes = pairs.iter().flat_map(|(key, value)| [key.0, value.0]).collect();
        self.add(Item::Dict(nodes))
    }

    /// Adds to the end of a list or set, or of an object that is a list of a kind; anything else
    /// stays as it is.
    pub fn push(&mut self, to: Part, item: Part) {
        match self.arena.item_mut(to.0) {
            Some(Item::List(nodes) | Item::Set(nodes)) => nodes.push(item.0),
            Some(Item::Object(object)) => object.items.push(item.0),
            _ => {}
        }
    }

    /// Adds to a dict, or to an object that is a dict of a kind; anything else stays as it is.
    /// Whether the key is there already is not looked at: of several, the last one counts.
    pub fn insert(&mut self, to: Part, key: Part, value: Part) {
        match self.arena.item_mut(to.0) {
            Some(Item::Dict(nodes)) => nodes.extend([key.0, value.0]),
            Some(Item::Object(object)) => object.entries.extend([key.0, value.0]),
            _ => {}
        }
    }

    /// The name of a class or function.
    pub fn global(&mut self, global: Global<'_>) -> Part {
        let names = [global.module, global.name].map(|name| self.arena.add_text(name));
        self.add(Item::Global(names))
    }

    /// An object, as the call that makes it. `keywords` may be none.
    pub fn object(
        &mut self,
        making: Making,
        callable: Part,
        arguments: Part,
        keywords: Part,
    ) -> Part {
        self.add(Item::Object(Box::new(ObjectItem {
            making,
            callable: callable.0,
            arguments: arguments.0,
            keywords: keywords.0,
            items: Vec::new(),
            entries: Vec::new(),
            state: None,
        })))
    }

    /// Gives an object its state; anything else stays as it is.
    pub fn set_state(&mut self, object: Part, state: Part) {
        if let Some(Item::Object(object)) = self.arena.item_mut(object.0) {
            object.state = Some(state.0);
        }
    }

    /// A numpy `dtype` object.
    pub fn element_type(&mut self, element_type: Arc<ElementType>) -> Part {
        self.add(Item::ElementType(element_type))
    }

    /// A numpy scalar: its bytes in the order of its type.
    pub fn scalar(&mut self, element_type: Arc<ElementType>, bytes: &[u8]) -> Part {
        self.add(Item::Scalar(Box::new((element_type, bytes.into()))))
    }

    /// An array of numbers; Fortran order is kept, an array with gaps is gathered.
    ///
    /// Elements of 128 bits, which numpy does not have, are an array of Python integers.
    pub fn array<E: Element, D: Dimension>(&mut self, array: Array<E, D>) -> Part {
        let shape = array.shape().to_vec();
        let is_fortran = !array.is_standard_layout() && array.t().is_standard_layout();
        let order = if is_fortran { Order::F } else { Order::C };
        let array = if is_fortran { array.reversed_axes() } else { array };
        let elements = match array.is_standard_layout() {
            true => {
                let (mut elements, offset) = array.into_raw_vec_and_offset();
                let len = shape.iter().product();
                elements.drain(..offset.unwrap_or(0));
                elements.truncate(len);
                elements
            }
            false => array.iter().copied().collect(),
        };
        self.native_array(&shape, order, Buffer::from(elements))
    }

    pub(crate) fn native_array(&mut self, shape: &[usize], order: Order, buffer: Buffer) -> Part {
        let (element_type, data) = match ElementType::of(buffer.dtype()) {
            Some(element_type) => (element_type, Data::Native(buffer)),
            None => {
                let integers = buffer.bytes().chunks_exact(16).map(|bytes| {
                    let zero: &[u8] = &[0];
                    let is_unsigned = buffer.dtype() == crate::array::DType::U128;
                    let bytes = [bytes, if is_unsigned { zero } else { &[] }].concat();
                    self.arena.add_big_int(&bytes)
                });
                (ElementType::object(), Data::Objects(integers.collect()))
            }
        };
        self.add_array(Arc::new(element_type), shape, order, data)
    }

    /// An array of elements of any type, from bytes side by side in `order`: none if they are not
    /// as many as the shape asks for, or if the type has Python objects in it.
    pub fn array_from_bytes(
        &mut self,
        element_type: Arc<ElementType>,
        shape: &[usize],
        order: Order,
        bytes: Vec<u8>,
    ) -> Option<Part> {
        let byte_len = pickle::array_byte_len(&element_type, shape).ok()?;
        if byte_len != bytes.len() || element_type.has_objects() {
            return None;
        }
        let data = super::array::data_from_bytes(&element_type, bytes)?;
        Some(self.add_array(element_type, shape, order, data))
    }

    /// An array of Python objects, in logical (C) order whatever the `order` in which Python will
    /// have them: none if they are not as many as the shape asks for.
    pub fn array_of_objects(
        &mut self,
        shape: &[usize],
        order: Order,
        objects: &[Part],
    ) -> Option<Part> {
        let element_type = Arc::new(ElementType::object());
        pickle::array_byte_len(&element_type, shape).ok()?;
        let len = shape.iter().product::<usize>();
        let data = Data::Objects(nodes(objects));
        (len == objects.len()).then(|| self.add_array(element_type, shape, order, data))
    }

    pub(crate) fn add_array(
        &mut self,
        element_type: Arc<ElementType>,
        shape: &[usize],
        order: Order,
        data: Data,
    ) -> Part {
        let shape = shape.into();
        let class = Node::NONE;
        self.add(Item::Array(Box::new(ArrayItem { class, element_type, shape, order, data })))
    }

    /// Copies a part of another value with all that is in it; what is shared stays shared.
    pub fn copy(&mut self, value: ValueRef<'_>) -> Part {
        self.copy_with(value, |_| None)
    }

    /// As [`copy`](Self::copy), but the elements of an array are those that `data` gives for the
    /// number of its item, if it gives any.
    pub(super) fn copy_with(
        &mut self,
        value: ValueRef<'_>,
        data: impl Fn(usize) -> Option<Data>,
    ) -> Part {
        let copier = Copier { from: value.arena, to: &mut self.arena, copied: HashMap::new() };
        Part(copier.run(value.node, data))
    }

    /// Takes a value over as a part.
    pub(crate) fn absorb(&mut self, value: Value) -> Part {
        if self.arena.is_empty() {
            self.arena = value.arena;
            return Part(value.root);
        }
        let Value { mut arena, root } = value;
        let arrays = RefCell::new(arena.take_arrays());
        let from = ValueRef { arena: &arena, node: root };
        self.copy_with(from, |number| arrays.borrow_mut().remove(&number))
    }
}

fn nodes(parts: &[Part]) -> Vec<Node> {
    parts.iter().map(|part| part.0).collect()
}

/// Copies from one arena to another, without recursion: first all items get their place, then
/// their references are replaced.
struct Copier<'a> {
    from: &'a Arena,
    to: &'a mut Arena,
    copied: HashMap<Node, Node>,
}

impl Copier<'_> {
    fn run(mut self, root: Node, data: impl Fn(usize) -> Option<Data>) -> Node {
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            if self.copied.contains_key(&node) {
                continue;
            }
            match node.unpack() {
                Unpacked::Text(at) => {
                    let text = self.to.add_text(self.from.text(at));
                    self.copied.insert(node, text);
                }
                Unpacked::Item(number) => {
                    let Some(item) = self.from.item_of(node) else { continue };
                    let mut item = match (item, data(number)) {
                        (Item::Array(array), Some(data)) => {
                            Item::Array(Box::new(array.with_data(data)))
                        }
                        _ => item.clone(),
                    };
                    item.for_each_node(|node| open.push(*node));
                    let place = self.to.add(item);
                    self.copied.insert(node, place);
                }
                _ => {}
            }
        }
        for place in self.copied.values() {
            if let Some(item) = self.to.item_mut(*place) {
                item.for_each_node(|node| *node = *self.copied.get(node).unwrap_or(node));
            }
        }
        self.copied.get(&root).copied().unwrap_or(root)
    }
}
