//! One array as memory: element type, shape, order and bytes.

use super::element::{DType, Element};
use super::parts::{self, Parts};

/// What kind of container an array was found in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// A `Vec`, slice or boxed slice: serde's sequence.
    Sequence,
    /// An `ndarray` array or view: serde's struct of version, shape and elements.
    Array,
}

/// In which order the elements of an array follow each other in memory.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Serialize)]
pub enum Order {
    /// Rows first: the last index varies fastest.
    C,
    /// Columns first (Fortran): the first index varies fastest.
    F,
}

/// An array seen as memory, borrowed from the value it was found in.
///
/// The bytes are those of the elements in [`order`](Self::order), without gaps. An array that
/// lies in memory with gaps (a slice with steps, a broadcast, axes permuted otherwise) is
/// delivered gathered, in [`Order::C`], as `to_owned` would lay it out; an array that is both C
/// and Fortran contiguous counts as [`Order::C`].
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    kind: Kind,
    order: Order,
    parts: Parts<'a>,
    memory: Option<&'a [u8]>,
}

impl<'a> Block<'a> {
    pub(crate) fn of_slice<E: Element>(elements: &'a [E]) -> Self {
        let memory = Some(parts::bytes_of(elements));
        Block { kind: Kind::Sequence, order: Order::C, parts: Parts::of_slice(elements), memory }
    }

    pub(super) fn of_parts(parts: Parts<'a>) -> Self {
        let order =
            if !parts.follows(Order::C) && parts.follows(Order::F) { Order::F } else { Order::C };
        Block { kind: Kind::Array, order, parts, memory: parts.memory(order) }
    }

    /// The container the array was found in.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.parts.dtype()
    }

    /// The length of each axis; one axis for a [`Kind::Sequence`].
    pub fn shape(&self) -> &[usize] {
        self.parts.shape()
    }

    /// The order in which [`memory`](Self::memory) and
    /// [`try_for_each_chunk`](Self::try_for_each_chunk) deliver the elements.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The number of bytes of all elements.
    pub fn byte_len(&self) -> usize {
        self.parts.len() * self.dtype().size()
    }

    /// The array's own memory, unless its elements do not lie side by side.
    pub fn memory(&self) -> Option<&'a [u8]> {
        self.memory
    }

    /// Hands out the bytes of all elements: in one piece if they lie side by side, otherwise
    /// gathered into pieces of at most 64 KiB. Pieces end between elements; none is empty.
    ///
    /// # Errors
    ///
    /// The first error of `each`, which is then not called again.
    pub fn try_for_each_chunk<E>(
        &self,
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.memory {
            Some([]) => Ok(()),
            Some(memory) => each(memory),
            None => self.parts.gather(&mut each),
        }
    }
}
