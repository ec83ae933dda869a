//! The array types that are read straight into their final memory.
//!
//! Which type is wanted is asked of the visitor that a `Deserialize` hands over, not of the
//! field: a field with `deserialize_with` has another visitor, and gets what that one expects.

#![allow(unsafe_code, reason = "writes values whose type was proven equal to a generic one")]

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::LazyLock;

use ndarray::{
    ArcArray, Array, CowArray, Dimension, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn, ShapeBuilder,
};
use num_complex::Complex;
use serde::Deserialize;
use serde::de::Visitor;

use super::Order;
use super::element::{DType, Element};
use super::memory::{self, Elements};
use super::probe;
use super::table::{IdHasher, for_each_element};
use crate::error::Result;
use crate::format::Description;

/// Reads an array and writes it to where the pointer points.
///
/// # Safety
///
/// The pointer must be valid for writing a value of the type the reader is filed under. It was
/// written if, and only if, the result is `Ok`.
type Reader = unsafe fn(*mut (), &Description, &mut dyn Elements) -> Result<()>;

#[derive(Clone, Copy)]
struct Entry {
    visitor: TypeId,
    reader: Reader,
    dtype: DType,
}

type Table = HashMap<TypeId, Entry, BuildHasherDefault<IdHasher>>;

/// A type that is read from an array as a whole.
pub(crate) struct Destination<T> {
    /// Invariant: filed under the id of `T`.
    reader: Reader,
    dtype: DType,
    value: PhantomData<fn() -> T>,
}

impl<T> Destination<T> {
    /// The destination behind a visitor, if it is the one by which a sequence of elements
    /// (`Vec<E>` and all that is made of it) deserializes itself.
    pub(crate) fn of_sequence<'de, V: Visitor<'de, Value = T>>() -> Option<Self> {
        Self::find::<V>(sequences())
    }

    /// The destination behind a visitor, if it is that of an `ndarray` array.
    pub(crate) fn of_array<'de, V: Visitor<'de, Value = T>>() -> Option<Self> {
        Self::find::<V>(arrays())
    }

    fn find<'de, V: Visitor<'de, Value = T>>(table: &Table) -> Option<Self> {
        let entry = table.get(&typeid::of::<T>())?;
        (entry.visitor == typeid::of::<V>()).then_some(Destination {
            reader: entry.reader,
            dtype: entry.dtype,
            value: PhantomData,
        })
    }

    /// The type of the elements.
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Reads the array.
    pub(crate) fn read(self, description: &Description, elements: &mut dyn Elements) -> Result<T> {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: `find` took the reader from under the id of `T`. No type in the table has
        // lifetimes, so that `T` is that very type; the pointer is to room for a `T`.
        unsafe { (self.reader)(value.as_mut_ptr().cast(), description, elements)? };
        // SAFETY: the reader said that it wrote the value.
        Ok(unsafe { value.assume_init() })
    }
}

fn sequences() -> &'static Table {
    static SEQUENCES: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::default();
        for_each_element!(add_sequence, table);
        table
    });
    &SEQUENCES
}

fn arrays() -> &'static Table {
    static ARRAYS: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::default();
        for_each_element!(add_arrays, table);
        table
    });
    &ARRAYS
}

fn add<T: Deserialize<'static> + 'static>(table: &mut Table, dtype: DType, reader: Reader) {
    if let Some(visitor) = probe::visitor_of::<T>() {
        table.insert(TypeId::of::<T>(), Entry { visitor, reader, dtype });
    }
}

fn add_sequence<E: Element + Deserialize<'static>>(table: &mut Table) {
    add::<Vec<E>>(table, E::DTYPE, |to, description, elements| {
        let vec = read_vec::<E>(description, elements)?;
        // SAFETY: filed under `Vec<E>`.
        unsafe { to.cast::<Vec<E>>().write(vec) };
        Ok(())
    });
}

fn add_arrays<E: Element + Deserialize<'static>>(table: &mut Table) {
    add_arrays_of_dimension::<E, Ix0>(table);
    add_arrays_of_dimension::<E, Ix1>(table);
    add_arrays_of_dimension::<E, Ix2>(table);
    add_arrays_of_dimension::<E, Ix3>(table);
    add_arrays_of_dimension::<E, Ix4>(table);
    add_arrays_of_dimension::<E, Ix5>(table);
    add_arrays_of_dimension::<E, Ix6>(table);
    add_arrays_of_dimension::<E, IxDyn>(table);
}

fn add_arrays_of_dimension<E, D>(table: &mut Table)
where
    E: Element + Deserialize<'static>,
    D: Dimension + Deserialize<'static> + 'static,
{
    add::<Array<E, D>>(table, E::DTYPE, |to, description, elements| {
        let array = read_array::<E, D>(description, elements)?;
        // SAFETY: filed under `Array<E, D>`.
        unsafe { to.cast::<Array<E, D>>().write(array) };
        Ok(())
    });
    add::<ArcArray<E, D>>(table, E::DTYPE, |to, description, elements| {
        let array = read_array::<E, D>(description, elements)?;
        // SAFETY: filed under `ArcArray<E, D>`.
        unsafe { to.cast::<ArcArray<E, D>>().write(array.into()) };
        Ok(())
    });
    add::<CowArray<'static, E, D>>(table, E::DTYPE, |to, description, elements| {
        let array = read_array::<E, D>(description, elements)?;
        // SAFETY: filed under `CowArray<E, D>`. The value's lifetime, if it has another one, is
        // shorter, and an owned array is good for all of them.
        unsafe { to.cast::<CowArray<'static, E, D>>().write(array.into()) };
        Ok(())
    });
}

fn read_vec<E: Element>(description: &Description, elements: &mut dyn Elements) -> Result<Vec<E>> {
    description.expect_axes(Some(1))?;
    memory::read(description, elements)
}

#[inline(never)]
fn read_array<E: Element, D: Dimension>(
    description: &Description,
    elements: &mut dyn Elements,
) -> Result<Array<E, D>> {
    description.expect(E::DTYPE)?;
    description.expect_axes(D::NDIM)?;
    let vec = memory::read(description, elements)?;
    let lens = description.lens();
    let mut shape = D::zeros(lens.len());
    shape.slice_mut().copy_from_slice(&lens);
    // SAFETY: `byte_len`, which `read` went by, found that the elements of the shape are as many
    // as `vec` has, and that the shape without its zeros does not exceed the address space. In
    // both orders the strides then stay within `vec` and no two indices meet.
    Ok(unsafe { Array::from_shape_vec_unchecked(shape.set_f(description.order == Order::F), vec) })
}
