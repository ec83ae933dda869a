//! Where a value came from.

#![allow(unsafe_code, reason = "calls the readers of the table, whose promise it keeps")]

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

use super::Block;
use super::table;
use crate::value::ValueRef;

/// Where a value being serialized came from: its type and its address, borrowed for `'a`.
///
/// Made at each entry of a serializer that is given a `&T`, used only where an array may begin.
/// Making one costs nothing that the optimiser keeps if it is not used.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    type_id: fn() -> TypeId,
    address: *const (),
    byte_len: usize,
    value: PhantomData<&'a ()>,
}

impl<'a> Origin<'a> {
    /// Remembers `value`.
    #[inline]
    pub fn of<T: ?Sized>(value: &'a T) -> Self {
        Origin {
            type_id: typeid::of::<T>,
            address: std::ptr::from_ref(value).cast(),
            byte_len: size_of_val(value),
            value: PhantomData,
        }
    }

    /// The array, if the value is an `ndarray` array or view (or a pointer to one) of an
    /// [`Element`](super::Element).
    #[must_use]
    pub fn array(self) -> Option<Block<'a>> {
        self.look(table::arrays())
    }

    /// The array, if the value is a `Vec` or slice (or a pointer to one) of an
    /// [`Element`](super::Element).
    #[must_use]
    pub fn slice(self) -> Option<Block<'a>> {
        self.look(table::slices())
    }

    fn look(self, table: &table::Table) -> Option<Block<'a>> {
        let reader = table.get(&(self.type_id)())?;
        // SAFETY: `of` took a `&'a T`, so `address` points to a `T` of `byte_len` bytes that is
        // borrowed for `'a`; the table's entry under the id of `T` is a reader for `T`.
        //
        // The id is that of `T` with its lifetimes erased, and the reader puts `'a` in their
        // place. That is sound for reading: lifetimes do not change the layout of the types in
        // the table, each of them has at most two and is covariant in them, and `&'a T` is only
        // well-formed if all of them outlive `'a`. So what the reader sees is a `T` whose
        // lifetimes were shortened, which safe code may do as well, and nothing it returns
        // outlives `'a`.
        Some(unsafe { reader(self) })
    }

    /// The part of a [`Value`](crate::value::Value), if it is one.
    pub(crate) fn part(self) -> Option<ValueRef<'a>> {
        if (self.type_id)() != typeid::of::<ValueRef<'a>>() {
            return None;
        }
        // SAFETY: the value is a `ValueRef`, whose one lifetime outlives `'a`, and which may be read
        // with a shorter one, as above.
        Some(unsafe { *self.read::<ValueRef<'a>>() })
    }

    /// The value as the reader's type.
    ///
    /// # Safety
    ///
    /// The value must be an `S`, up to lifetimes that outlive `'a`.
    pub(super) unsafe fn read<S>(self) -> &'a S {
        // SAFETY: the caller promises the type; `of` was given a reference that lives for `'a`.
        unsafe { &*self.address.cast::<S>() }
    }

    /// The value as a slice.
    ///
    /// # Safety
    ///
    /// The value must be an `[E]`.
    pub(super) unsafe fn read_slice<E>(self) -> &'a [E] {
        // SAFETY: the caller promises the type; `of` was given a reference to the whole slice
        // that lives for `'a`, and measured it.
        unsafe { std::slice::from_raw_parts(self.address.cast(), self.byte_len / size_of::<E>()) }
    }
}

impl fmt::Debug for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("type_id", &(self.type_id)())
            .field("byte_len", &self.byte_len)
            .finish_non_exhaustive()
    }
}

/// What is found cannot outlive what it was found in.
///
/// ```compile_fail,E0597
/// use joblib_persist::array::Origin;
///
/// let block = {
///     let array = vec![1.0];
///     Origin::of(&array).slice()
/// };
/// drop(block);
/// ```
///
/// Nor can it outlive what a view in it looks at.
///
/// ```compile_fail,E0505
/// use joblib_persist::array::Origin;
///
/// let array = ndarray::arr1(&[1.0]);
/// let view = array.view();
/// let block = Origin::of(&view).array();
/// drop(array);
/// drop(block);
/// ```
#[cfg(doctest)]
struct Lifetimes;
