//! Memory that the next value of the same thread uses again.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

/// What can be emptied without giving its memory back.
pub(crate) trait Recycle: Default + 'static {
    /// Where a thread keeps the one it does not need at the moment.
    fn shelf() -> &'static LocalKey<Cell<Option<Box<Self>>>>;

    /// Empties it, unless it holds so much memory that it is better given back.
    fn clear(&mut self) -> bool;
}

/// Something that is made when it is first needed, from what the value before left behind. A small
/// message with a struct in it would otherwise spend most of its time on allocations.
pub(crate) struct Recycled<T: Recycle>(Option<Box<T>>);

impl<T: Recycle> Recycled<T> {
    /// Nothing yet.
    #[inline]
    pub(crate) fn new() -> Self {
        Recycled(None)
    }

    #[inline]
    pub(crate) fn get_or_make(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| T::shelf().take().unwrap_or_default())
    }
}

impl<T: Recycle> Deref for Recycled<T> {
    type Target = Option<Box<T>>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: Recycle> DerefMut for Recycled<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<T: Recycle> Drop for Recycled<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(mut made) = self.0.take()
            && made.clear()
        {
            // While the thread ends there may be no shelf any more.
            let _ = T::shelf().try_with(|shelf| shelf.set(Some(made)));
        }
    }
}
