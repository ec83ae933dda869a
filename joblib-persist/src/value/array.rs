//! Arrays of any dtype.

use std::sync::Arc;

use ndarray::{ArrayView, Dimension, ShapeBuilder};

use super::arena::Arena;
use super::buffer::{Buffer, with_element};
use super::element_type::ElementType;
use super::node::Node;
use super::{Global, Items, ValueRef};
use crate::array::{DType, Element, Elements, Order, read};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{Container, Description};
use crate::mapped::MappedBytes;

/// An array in an arena.
#[derive(Clone, Debug)]
pub(crate) struct ArrayItem {
    /// The class, if it is not `numpy.ndarray`.
    pub(crate) class: Node,
    pub(crate) element_type: Arc<ElementType>,
    pub(crate) shape: Box<[usize]>,
    pub(crate) order: Order,
    pub(crate) data: Data,
}

impl ArrayItem {
    /// The same array with other elements.
    pub(crate) fn with_data(&self, data: Data) -> Self {
        ArrayItem {
            class: self.class,
            element_type: Arc::clone(&self.element_type),
            shape: self.shape.clone(),
            order: self.order,
            data,
        }
    }
}

/// The elements of an array.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// In the memory of a Rust vector.
    Native(Buffer),
    /// Bytes that no Rust type has, or in the other byte order.
    Raw(Vec<u8>),
    /// Python objects, one each, or one for each object field of a structured element.
    Objects(Vec<Node>),
    /// In a mapped file.
    Mapped(Arc<MappedBytes>),
}

impl Data {
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Data::Native(buffer) => Some(buffer.bytes()),
            Data::Raw(bytes) => Some(bytes),
            Data::Mapped(bytes) => Some(bytes.bytes()),
            Data::Objects(_) => None,
        }
    }
}

/// An array in a [`Value`](super::Value).
#[derive(Clone, Copy, Debug)]
pub struct ArrayRef<'a> {
    pub(super) arena: &'a Arena,
    pub(crate) item: &'a ArrayItem,
}

impl<'a> ArrayRef<'a> {
    /// The type of the elements.
    pub fn element_type(&self) -> &'a Arc<ElementType> {
        &self.item.element_type
    }

    /// The length of each axis.
    pub fn shape(&self) -> &'a [usize] {
        &self.item.shape
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.item.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In which order the elements lie.
    pub fn order(&self) -> Order {
        self.item.order
    }

    /// The class, if it is not `numpy.ndarray` itself: `numpy.matrix`, for example.
    pub fn class(&self) -> Option<Global<'a>> {
        ValueRef { arena: self.arena, node: self.item.class }.as_global()
    }

    /// The bytes of all elements side by side, in [`order`](Self::order), each in the byte order
    /// of its type; none for an array of Python objects.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        self.item.data.bytes()
    }

    /// The elements of an array of Python objects, in logical (C) order: rows first, whatever
    /// [`order`](Self::order) is, as numpy's own files have them.
    ///
    /// Those of a structured type come element by element, as a tuple of their fields.
    pub fn objects(&self) -> Option<Items<'a>> {
        match &self.item.data {
            Data::Objects(nodes) => Some(Items { arena: self.arena, nodes }),
            _ => None,
        }
    }

    /// Whether the elements are in a mapped file.
    pub fn is_mapped(&self) -> bool {
        matches!(self.item.data, Data::Mapped(_))
    }

    /// Looks at the elements without copying them.
    ///
    /// ```
    /// use joblib_persist::value::Value;
    /// use ndarray::{Ix2, array};
    ///
    /// let value = Value::from(array![[1.0, 2.0], [3.0, 4.0]]);
    /// let table = value.as_array().expect("an array").view::<f64, Ix2>()?;
    /// assert_eq!(table[[1, 0]], 3.0);
    /// # Ok::<(), joblib_persist::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if the elements are not `E` as they lie in memory, and
    /// [`ErrorKind::Axes`] if the array has another number of axes than `D`. Load the value as
    /// `Array<E, D>` to have elements converted.
    pub fn view<E: Element, D: Dimension>(&self) -> Result<ArrayView<'a, E, D>> {
        let elements = match &self.item.data {
            Data::Native(buffer) => buffer.elements::<E>(),
            Data::Mapped(bytes) => bytes.elements::<E>(),
            _ => None,
        };
        let mismatch = || {
            let found = format!("array of {}", self.element_type());
            Error::mismatch(found, format!("elements that lie in memory as {}", E::DTYPE))
        };
        let elements = elements.ok_or_else(mismatch)?;
        if D::NDIM.is_some_and(|axes| axes != self.shape().len()) {
            let shape = self.shape().iter().map(|&len| len as u64).collect();
            return Err(Error::new(ErrorKind::Axes { shape, wanted: D::NDIM.unwrap_or(0) }));
        }
        let mut shape = D::zeros(self.shape().len());
        shape.slice_mut().copy_from_slice(self.shape());
        ArrayView::from_shape(shape.set_f(self.order() == Order::F), elements)
            .map_err(|_| mismatch())
    }
}

/// Bytes as the elements of a type: a Rust vector if Rust has the type and the byte order is this
/// machine's. None if they are no elements: a bool that is neither 0 nor 1.
pub(crate) fn data_from_bytes(element_type: &ElementType, bytes: Vec<u8>) -> Option<Data> {
    match element_type.native_dtype() {
        None => Some(Data::Raw(bytes)),
        Some(DType::U8) => Some(Data::Native(Buffer::from(bytes))),
        Some(dtype) => read_native(dtype, bytes.len(), &mut Copied(&bytes)).ok().map(Data::Native),
    }
}

/// Reads elements into memory.
pub(crate) fn read_data(
    element_type: &ElementType,
    byte_len: usize,
    elements: &mut dyn Elements,
) -> Result<Data> {
    match element_type.native_dtype() {
        Some(dtype) => read_native(dtype, byte_len, elements).map(Data::Native),
        None => read_native(DType::U8, byte_len, elements).map(Buffer::into_bytes).map(Data::Raw),
    }
}

/// Reads `byte_len` bytes of elements into a vector of their type.
pub(crate) fn read_native(
    dtype: DType,
    byte_len: usize,
    elements: &mut dyn Elements,
) -> Result<Buffer> {
    let lens = [byte_len / dtype.size()];
    let description = Description::new(Container::Array, dtype, Order::C, &lens)?;
    with_element!(dtype, E => read::<E>(&description, elements).map(Buffer::from))
}

/// Elements that are in memory already.
pub(crate) struct Copied<'a>(pub(crate) &'a [u8]);

impl Elements for Copied<'_> {
    fn available(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let Some((head, rest)) = self.0.split_at_checked(bytes.len()) else {
            return Err(Error::damaged("an array has fewer elements than its shape says"));
        };
        bytes.copy_from_slice(head);
        self.0 = rest;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
