//! From a value to a type of the program, through serde.

mod cursor;
mod elements;
mod enums;
mod items;
mod moved;
mod whole;
mod widen;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use serde::de::DeserializeOwned;

use super::arena::Arena;
use super::array::Data;
use super::node::{Node, Unpacked};
use super::{Value, ValueRef};
use crate::error::{Error, ErrorKind, Result};
use crate::format::MAX_DEPTH;
use cursor::Cursor;

/// The name by which [`Value`] asks a deserializer for itself. Nobody else has it.
pub(crate) const NAME: &str = "$joblib_persist::Value";

/// A part may be looked at this often on average: what is shared is looked at again in each of
/// its places, and a small file may share itself into something endless.
const VISITS: u64 = 64;

impl Value {
    /// The value as a `T`. Arrays are moved if their elements are of the wanted type.
    ///
    /// How Python's values arrive is said at [`ValueRef::to`].
    ///
    /// ```
    /// use joblib_persist::value::Value;
    /// use ndarray::{Array1, array};
    ///
    /// let value = Value::from(array![1.0f32, 2.5]);
    /// let wide: Array1<f64> = value.into_typed()?;
    /// assert_eq!(wide, array![1.0, 2.5]);
    /// # Ok::<(), joblib_persist::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ValueRef::to`].
    pub fn into_typed<T: DeserializeOwned>(self) -> Result<T> {
        T::deserialize(whole::Whole(self))
    }

    /// Runs `read` with a deserializer of the value, whose arrays are moved out.
    pub(crate) fn read_with<T>(mut self, read: impl FnOnce(Cursor<'_>) -> Result<T>) -> Result<T> {
        let arrays = Arrays::take(&mut self.arena);
        let source = Source::new(&self.arena, Some(&arrays));
        let shared = arrays.is_shared(self.root);
        read(Cursor::new(&source, self.root, shared))
    }
}

impl ValueRef<'_> {
    /// A copy as a `T`.
    ///
    /// - Lists, tuples and sets are sequences, dicts are maps. Bytes that are UTF-8 are text too,
    ///   because Python 2 has no better one.
    /// - Arrays are `Array<E, D>`, or sequences of sequences. Elements are converted where nothing
    ///   can be lost (`f32` to `f64`, big-endian to little-endian); anything else is an error.
    /// - A structured array is a sequence of structs, a numpy scalar a number or text; dates are
    ///   the `i64` that numpy keeps.
    /// - An object is a struct of its attributes; if it has none, a sequence of the arguments it
    ///   was made with (named tuples), or the only one of them (`Decimal`, members of an `Enum`).
    ///   A field `__class__` gets the name of its class, and an enum tells classes apart: by
    ///   variants that are called like them, or by `#[serde(tag = "__class__")]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`], [`ErrorKind::Axes`] and [`ErrorKind::Value`] if it is no `T`, with
    /// the [place](Error::place) in the value. [`ErrorKind::TooDeep`] if it nests deeper than 128
    /// levels, as what contains itself does.
    pub fn to<T: DeserializeOwned>(self) -> Result<T> {
        let source = Source::new(self.arena, None);
        T::deserialize(Cursor::new(&source, self.node, true))
    }
}

/// What a value is read from.
pub(crate) struct Source<'a> {
    arena: &'a Arena,
    /// The arrays, if they may be moved.
    arrays: Option<&'a Arrays>,
    visits_left: Cell<u64>,
}

impl<'a> Source<'a> {
    fn new(arena: &'a Arena, arrays: Option<&'a Arrays>) -> Self {
        let visits = (arena.slots() + (1 << 16)).saturating_mul(VISITS);
        Source { arena, arrays, visits_left: Cell::new(visits) }
    }

    /// Counts a look at a part.
    #[inline]
    fn visit(&self) -> Result<()> {
        match self.visits_left.get().checked_sub(1) {
            Some(left) => {
                self.visits_left.set(left);
                Ok(())
            }
            None => Err(endless()),
        }
    }

    /// The elements of an array: moved if nobody else can ask for them, otherwise copied.
    fn data(&self, node: Node, data: &Data, shared: bool) -> Data {
        match self.arrays {
            Some(arrays) => arrays.give(node, shared).unwrap_or_else(|| data.clone()),
            None => data.clone(),
        }
    }
}

#[cold]
fn endless() -> Error {
    Error::mismatch("a value that contains the same parts again and again", "one that ends")
}

/// How deep a value nests.
#[derive(Clone, Copy)]
pub(crate) struct Depth(u32);

impl Depth {
    fn deeper(self) -> Result<Self> {
        match self.0 {
            MAX_DEPTH => Err(Error::new(ErrorKind::TooDeep)),
            depth => Ok(Depth(depth + 1)),
        }
    }
}

/// The arrays of a value that may be moved out of it.
struct Arrays {
    data: RefCell<HashMap<usize, Data>>,
    /// Whether an item is referred to more than once.
    shared: Vec<bool>,
}

impl Arrays {
    fn take(arena: &mut Arena) -> Self {
        let data = arena.take_arrays();
        let mut referred = vec![false; arena.len()];
        let mut shared = vec![false; arena.len()];
        for item in arena.items_mut() {
            item.for_each_node(|node| {
                if let Unpacked::Item(to) = node.unpack()
                    && let Some(referred) = referred.get_mut(to)
                {
                    shared[to] |= std::mem::replace(referred, true);
                }
            });
        }
        Arrays { data: RefCell::new(data), shared }
    }

    fn is_shared(&self, node: Node) -> bool {
        match node.unpack() {
            Unpacked::Item(number) => self.shared.get(number).copied().unwrap_or(false),
            _ => false,
        }
    }

    fn give(&self, node: Node, shared: bool) -> Option<Data> {
        let Unpacked::Item(number) = node.unpack() else { return None };
        let mut data = self.data.borrow_mut();
        if shared { data.get(&number).cloned() } else { data.remove(&number) }
    }
}
