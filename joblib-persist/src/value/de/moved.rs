//! Parts that leave a value as they are: values of their own, and arrays in mapped files.

use std::sync::Arc;

use serde::de::Visitor;

use super::cursor::Cursor;
use crate::array::DType;
use crate::error::Result;
use crate::format::{Container, Description};
use crate::mapped::MappedBytes;
use crate::value::{Builder, Data, Kind, Node, Unpacked, Value};

impl Cursor<'_> {
    /// The part as a value of its own. Arrays are moved into it if nobody else can ask for them.
    pub(super) fn to_value(self) -> Value {
        let mut builder = Builder::new();
        let move_array = |number: usize| {
            let node = Node::item(number);
            self.source
                .arrays
                .and_then(|arrays| arrays.give(node, self.shared || arrays.is_shared(node)))
        };
        let root = builder.copy_with(self.view(), move_array);
        builder.finish(root)
    }

    /// The part for the visitor of a `MappedArray`: mapped if it is in a mapped file.
    pub(super) fn visit_mapped<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let in_memory = |at: Self, visitor: V| visitor.visit_newtype_struct(at);
        let Kind::Array(array) = self.view().kind() else { return in_memory(self, visitor) };
        let Some(arrays) = self.source.arrays.filter(|_| !self.shared) else {
            return in_memory(self, visitor);
        };
        let Some(data) = arrays.give(self.node, false) else { return in_memory(self, visitor) };
        match to_offer(data) {
            Ok((bytes, dtype)) => {
                let shape = array.shape();
                let description = Description::new(Container::Array, dtype, array.order(), shape)?;
                let (map, place) = bytes.into_place();
                crate::mapped::offering(map, place, description, || visitor.visit_unit())
            }
            Err(data) => {
                arrays.put_back(self.node, data);
                in_memory(self, visitor)
            }
        }
    }
}

/// Elements in a mapped file that nobody else has, if Rust has their type; else what they are.
fn to_offer(data: Data) -> Result<(MappedBytes, DType), Data> {
    let Data::Mapped(bytes) = data else { return Err(data) };
    let Some(dtype) = bytes.dtype() else { return Err(Data::Mapped(bytes)) };
    Arc::try_unwrap(bytes).map(|bytes| (bytes, dtype)).map_err(Data::Mapped)
}

impl super::Arrays {
    fn put_back(&self, node: Node, data: Data) {
        if let Unpacked::Item(number) = node.unpack() {
            self.data.borrow_mut().insert(number, data);
        }
    }
}
