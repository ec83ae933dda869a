//! The types that are known to hold arrays, by their ids.
//!
//! One table instead of a test per type at every entry of a serializer: those tests multiply with
//! the fields of every struct in the user's program and make it slow to compile.

#![allow(unsafe_code, reason = "each entry reads a value of the type it is filed under")]

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use ndarray::{
    ArcArray, Array, ArrayRef, ArrayView, ArrayViewMut, CowArray, Dimension, Ix0, Ix1, Ix2, Ix3,
    Ix4, Ix5, Ix6, IxDyn,
};
use num_complex::Complex;

use super::Block;
use super::element::Element;
use super::origin::Origin;
use super::parts::Parts;

/// Sees the value behind an origin as an array.
///
/// # Safety
///
/// The value must be of the type the reader is filed under, up to lifetimes.
type Reader = for<'a> unsafe fn(Origin<'a>) -> Block<'a>;

pub(super) type Table = HashMap<TypeId, Reader, BuildHasherDefault<IdHasher>>;

/// Type ids are hashes already.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 ^= id;
    }
}

/// Readers of sequences, by the id of their type.
pub(super) fn slices() -> &'static Table {
    static SLICES: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::default();
        for_each_element!(add_slices, table);
        table
    });
    &SLICES
}

/// Readers of `ndarray` arrays, by the id of their type.
pub(super) fn arrays() -> &'static Table {
    static ARRAYS: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::default();
        for_each_element!(add_arrays, table);
        table
    });
    &ARRAYS
}

macro_rules! for_each_element {
    ($add:ident, $table:ident) => {
        $add::<bool>(&mut $table);
        $add::<u8>(&mut $table);
        $add::<i8>(&mut $table);
        $add::<u16>(&mut $table);
        $add::<i16>(&mut $table);
        $add::<u32>(&mut $table);
        $add::<i32>(&mut $table);
        $add::<u64>(&mut $table);
        $add::<i64>(&mut $table);
        $add::<u128>(&mut $table);
        $add::<i128>(&mut $table);
        $add::<f32>(&mut $table);
        $add::<f64>(&mut $table);
        $add::<Complex<f32>>(&mut $table);
        $add::<Complex<f64>>(&mut $table);
        #[cfg(feature = "half")]
        $add::<half::f16>(&mut $table);
        #[cfg(target_pointer_width = "64")]
        $add::<usize>(&mut $table);
        #[cfg(target_pointer_width = "64")]
        $add::<isize>(&mut $table);
    };
}
pub(super) use for_each_element;

fn add_slices<E: Element>(table: &mut Table) {
    macro_rules! add {
        ($($source:ty),* $(,)?) => {$(
            table.insert(TypeId::of::<$source>(), |origin| {
                // SAFETY: the reader is filed under this type.
                let elements: &[E] = unsafe { origin.read::<$source>() };
                Block::of_slice(elements)
            });
        )*};
    }
    // SAFETY: the reader is filed under this type.
    table
        .insert(TypeId::of::<[E]>(), |origin| Block::of_slice(unsafe { origin.read_slice::<E>() }));
    add!(Vec<E>, &'static Vec<E>, &'static &'static Vec<E>);
    add!(&'static [E], &'static &'static [E]);
    add!(Box<[E]>, &'static Box<[E]>, Cow<'static, [E]>, &'static Cow<'static, [E]>);
    add!(Box<Vec<E>>, Arc<Vec<E>>, Rc<Vec<E>>, Arc<[E]>, Rc<[E]>, &'static mut Vec<E>);
    add!(&'static mut [E]);
}

fn add_arrays<E: Element>(table: &mut Table) {
    add_arrays_of_dimension::<E, Ix0>(table);
    add_arrays_of_dimension::<E, Ix1>(table);
    add_arrays_of_dimension::<E, Ix2>(table);
    add_arrays_of_dimension::<E, Ix3>(table);
    add_arrays_of_dimension::<E, Ix4>(table);
    add_arrays_of_dimension::<E, Ix5>(table);
    add_arrays_of_dimension::<E, Ix6>(table);
    add_arrays_of_dimension::<E, IxDyn>(table);
}

fn add_arrays_of_dimension<E: Element, D: Dimension + 'static>(table: &mut Table) {
    macro_rules! add {
        ($($source:ty),* $(,)?) => {$(
            table.insert(TypeId::of::<$source>(), |origin| {
                // SAFETY: the reader is filed under this type.
                let array: &ArrayRef<E, D> = unsafe { origin.read::<$source>() };
                Block::of_parts(Parts::of_array(array))
            });
        )*};
    }
    add!(Array<E, D>, &'static Array<E, D>, &'static &'static Array<E, D>);
    add!(Box<Array<E, D>>, Arc<Array<E, D>>);
    add!(ArcArray<E, D>, &'static ArcArray<E, D>, CowArray<'static, E, D>);
    add!(ArrayView<'static, E, D>, &'static ArrayView<'static, E, D>);
    add!(ArrayViewMut<'static, E, D>);
}
