//! Arrays as numpy itself pickles them.

use std::sync::Arc;

use super::machine::Machine;
use crate::array::{Order, no_bools};
use crate::error::{Error, Result};
use crate::value::{ArrayItem, Data, ElementType, Item, Kind, Node, data_from_bytes};

/// Elements without bytes can be as many as the file says: more than these are refused.
const EMPTY_ELEMENTS_MAX: usize = 1 << 16;

impl Machine<'_, '_> {
    /// Makes an array of the object that `_reconstruct(class, (0,), b'b')` left, if the state is the
    /// one of `ndarray`: version, shape, dtype, whether in Fortran order, bytes or list of
    /// objects. A class of its own may have another one, and stays an object.
    pub(super) fn build_array(&mut self, object: Node, state: Node) -> Result<bool> {
        let Some(array) = self.array_from_state(object, state)? else { return Ok(false) };
        if let Some(item) = self.arena.item_mut(object) {
            *item = Item::Array(Box::new(array));
        }
        Ok(true)
    }

    fn array_from_state(&mut self, object: Node, state: Node) -> Result<Option<ArrayItem>> {
        let Some([_version, shape, element_type, is_fortran, data]) = self.arguments(state) else {
            return Ok(None);
        };
        let Some(Item::Object(item)) = self.arena.item_of(object) else { return Ok(None) };
        let Some([class, ..]) = self.arguments::<3>(item.arguments) else { return Ok(None) };
        let Some(shape) = self.shape(self.view(shape)) else { return Ok(None) };
        let Kind::ElementType(element_type) = self.view(element_type).kind() else {
            return Ok(None);
        };
        let element_type = Arc::clone(element_type);
        let order = match self.view(is_fortran).as_bool() {
            Some(true) => Order::F,
            _ => Order::C,
        };
        let class = self.array_class(class);
        let Some(data) = self.data(&element_type, &shape, data)? else { return Ok(None) };
        Ok(Some(ArrayItem { class, element_type, shape: shape.into(), order, data }))
    }

    /// The class of an array, absent for the usual one. A map is an array like any other.
    pub(super) fn array_class(&self, class: Node) -> Node {
        match self.view(class).as_global() {
            Some(global) if global.module.starts_with("numpy") => match global.name {
                "ndarray" | "memmap" => Node::NONE,
                _ => class,
            },
            _ => class,
        }
    }

    /// The elements of an array from its state; none if they are something else.
    fn data(
        &mut self,
        element_type: &ElementType,
        shape: &[usize],
        data: Node,
    ) -> Result<Option<Data>> {
        let byte_len = byte_len(element_type, shape)?;
        if let Some(bytes) = self.mapped_string(element_type, byte_len, data)? {
            return Ok(Some(Data::Mapped(bytes)));
        }
        let data = match self.view(data).kind() {
            Kind::List(items) if element_type.has_objects() => {
                let len: usize = shape.iter().product();
                if items.len() != len {
                    return Err(wrong_length(items.len(), len));
                }
                Data::Objects(items.nodes.to_vec())
            }
            Kind::Bytes(bytes) | Kind::ByteArray(bytes) if !element_type.has_objects() => {
                if bytes.len() != byte_len {
                    return Err(wrong_length(bytes.len(), byte_len));
                }
                let bytes = bytes.to_vec();
                data_from_bytes(element_type, bytes).ok_or_else(no_bools)?
            }
            _ => return Ok(None),
        };
        let len = match &data {
            Data::Objects(nodes) => size_of_val(&nodes[..]),
            _ => byte_len,
        };
        self.charge(len)?;
        Ok(Some(data))
    }

    /// `_frombuffer(buffer, dtype, shape, order)`: how protocol 5 writes arrays.
    pub(super) fn make_from_buffer(&mut self, arguments: Node) -> Result<Option<Node>> {
        let Some([data, element_type, shape, order, ..]) = self.arguments::<4>(arguments) else {
            return Ok(None);
        };
        let Some(shape) = self.shape(self.view(shape)) else { return Ok(None) };
        let Kind::ElementType(element_type) = self.view(element_type).kind() else {
            return Ok(None);
        };
        let element_type = Arc::clone(element_type);
        let order = match self.view(order).as_str() {
            Some("F") => Order::F,
            _ => Order::C,
        };
        let Some(data) = self.data(&element_type, &shape, data)? else { return Ok(None) };
        let (class, shape) = (Node::NONE, shape.into());
        let array = ArrayItem { class, element_type, shape, order, data };
        Ok(Some(self.arena.add(Item::Array(Box::new(array)))))
    }
}

/// The bytes of all elements of a shape.
pub(crate) fn byte_len(element_type: &ElementType, shape: &[usize]) -> Result<usize> {
    let too_large = || Error::damaged(format!("an array of shape {shape:?} does not exist"));
    // Without the zeros: what is empty must not be larger than everything in one direction.
    let factors = shape.iter().filter(|&&len| len != 0);
    let elements = factors.copied().try_fold(1, usize::checked_mul).ok_or_else(too_large)?;
    let bytes = elements.checked_mul(element_type.size.max(1)).ok_or_else(too_large)?;
    if bytes > isize::MAX as usize || (element_type.size == 0 && elements > EMPTY_ELEMENTS_MAX) {
        return Err(too_large());
    }
    Ok(shape.iter().product::<usize>() * element_type.size)
}

#[cold]
fn wrong_length(found: usize, wanted: usize) -> Error {
    Error::damaged(format!("an array with {found} in place of {wanted} elements or bytes"))
}
