//! An array taken apart into pointer, shape and strides, so that the code that walks it exists
//! once and not once per element type and dimension.

#![allow(unsafe_code, reason = "walks arrays by pointer and strides, and sees elements as bytes")]

use ndarray::{ArrayRef, Dimension};

use super::Order;
use super::element::{DType, Element};

/// The most bytes gathered before they are handed on.
const PIECE: usize = 64 * 1024;

/// Pointer, shape and strides of an array that is borrowed for `'a`.
///
/// Invariant: for every index within `shape`, `first` moved by `index · strides` elements points
/// to an initialized element of type `dtype` that may be read for `'a`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    dtype: DType,
    first: *const u8,
    layout: Layout<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Layout<'a> {
    Slice([usize; 1]),
    Array { shape: &'a [usize], strides: &'a [isize] },
}

/// The memory of `elements`.
pub(crate) fn bytes_of<E: Element>(elements: &[E]) -> &[u8] {
    // SAFETY: an `Element` has no padding and no interior mutability, so all its bytes are
    // initialized and stay the same while borrowed; alignment 1 suits any address.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}

impl<'a> Parts<'a> {
    pub(super) fn of_slice<E: Element>(elements: &'a [E]) -> Self {
        let layout = Layout::Slice([elements.len()]);
        Parts { dtype: E::DTYPE, first: elements.as_ptr().cast(), layout }
    }

    pub(super) fn of_array<E: Element, D: Dimension>(array: &'a ArrayRef<E, D>) -> Self {
        let layout = Layout::Array { shape: array.shape(), strides: array.strides() };
        Parts { dtype: E::DTYPE, first: array.as_ptr().cast(), layout }
    }

    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    pub(super) fn shape(&self) -> &[usize] {
        match &self.layout {
            Layout::Slice(shape) => shape,
            Layout::Array { shape, .. } => shape,
        }
    }

    fn strides(&self) -> &'a [isize] {
        match self.layout {
            Layout::Slice(_) => &[1],
            Layout::Array { strides, .. } => strides,
        }
    }

    /// The number of elements. Cannot overflow: `ndarray` keeps it within `isize`.
    pub(super) fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether the elements lie side by side in this order. Axes of one element do not matter.
    pub(super) fn follows(&self, order: Order) -> bool {
        let axes = self.shape().iter().zip(self.strides());
        match order {
            Order::C => side_by_side(axes.rev()),
            Order::F => side_by_side(axes),
        }
    }

    /// All elements as bytes, if they lie side by side in this order.
    pub(super) fn memory(&self, order: Order) -> Option<&'a [u8]> {
        if self.len() == 0 {
            return Some(&[]);
        }
        // SAFETY: the invariant makes all `len` elements readable for `'a`, `follows` says that
        // they fill the bytes from `first` on without gaps, and an `Element` may be read as bytes.
        self.follows(order).then(|| unsafe {
            std::slice::from_raw_parts(self.first, self.len() * self.dtype.size())
        })
    }

    /// Copies the elements in C order into pieces and hands each on.
    pub(super) fn gather<E>(&self, each: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        match self.dtype.size() {
            1 => self.gather_sized::<1, E>(each),
            2 => self.gather_sized::<2, E>(each),
            4 => self.gather_sized::<4, E>(each),
            8 => self.gather_sized::<8, E>(each),
            _ => self.gather_sized::<16, E>(each),
        }
    }

    fn gather_sized<const SIZE: usize, E>(
        &self,
        each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        debug_assert_eq!(self.dtype.size(), SIZE);
        if self.len() == 0 {
            return Ok(());
        }
        let mut piece = Vec::with_capacity(PIECE.min(self.len() * SIZE));
        let mut rows = Rows::new(self.shape(), self.strides());
        while let Some(row) = rows.next() {
            for i in 0..row.len {
                let offset = (row.start + i as isize * row.stride) * SIZE as isize;
                // SAFETY: `row.start + i · row.stride` is `index · strides` of an index within
                // `shape`, so by the invariant an element of `SIZE` bytes may be read there; an
                // array of bytes has alignment 1.
                let element = unsafe { self.first.offset(offset).cast::<[u8; SIZE]>().read() };
                piece.extend_from_slice(&element);
                if piece.len() >= PIECE {
                    each(&piece)?;
                    piece.clear();
                }
            }
        }
        if piece.is_empty() { Ok(()) } else { each(&piece) }
    }
}

fn side_by_side<'a>(mut axes: impl Iterator<Item = (&'a usize, &'a isize)>) -> bool {
    let mut expected = 1;
    axes.all(|(&len, &stride)| {
        let fits = len == 1 || stride == expected;
        expected *= len as isize;
        fits
    })
}

/// The rows (last axis) of an array, in C order, as offsets in elements.
struct Rows<'a> {
    outer: &'a [usize],
    strides: &'a [isize],
    index: Vec<usize>,
    row: Row,
    done: bool,
}

#[derive(Clone, Copy)]
struct Row {
    start: isize,
    len: usize,
    stride: isize,
}

impl<'a> Rows<'a> {
    /// `shape` holds no zero.
    fn new(shape: &'a [usize], strides: &'a [isize]) -> Self {
        let (&len, outer) = shape.split_last().unwrap_or((&1, &[]));
        let (&stride, strides) = strides.split_last().unwrap_or((&1, &[]));
        let row = Row { start: 0, len, stride };
        Rows { outer, strides, index: vec![0; outer.len()], row, done: false }
    }

    fn next(&mut self) -> Option<Row> {
        if self.done {
            return None;
        }
        let row = self.row;
        self.done = !self.advance();
        Some(row)
    }

    /// Moves to the next row; false after the last one.
    fn advance(&mut self) -> bool {
        for axis in (0..self.outer.len()).rev() {
            self.index[axis] += 1;
            self.row.start += self.strides[axis];
            if self.index[axis] < self.outer[axis] {
                return true;
            }
            self.row.start -= self.strides[axis] * self.outer[axis] as isize;
            self.index[axis] = 0;
        }
        false
    }
}
