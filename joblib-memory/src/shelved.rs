//! A reference to a result.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::{self, Content};
use crate::lookup::View;
use crate::metadata::Metadata;
use crate::{CallId, Error, Result};

/// A stored result that was not loaded: small, cheap to clone, loaded as often as wanted.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let memory = joblib_memory::Memory::new(folder.path());
/// let count = memory.cache("count", |n: &u32| (0..*n).collect::<Vec<u32>>());
///
/// let shelved = count.shelve(&1000);
/// assert_eq!(shelved.get()?.len(), 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where nothing can be stored (a disabled memory, a folder that cannot be written to), it holds
/// the result itself, as the bytes that would have been stored.
pub struct Shelved<T> {
    place: Place,
    result: PhantomData<fn() -> T>,
}

#[derive(Clone)]
enum Place {
    Store(View, CallId),
    Bytes(Arc<[u8]>),
    Nowhere(Arc<dyn std::error::Error + Send + Sync>),
}

impl<T> Shelved<T> {
    pub(crate) fn in_store(view: View, id: CallId) -> Self {
        Self { place: Place::Store(view, id), result: PhantomData }
    }

    /// The call in the store, unless the result is held here.
    #[must_use]
    pub fn id(&self) -> Option<&CallId> {
        match &self.place {
            Place::Store(_, id) => Some(id),
            _ => None,
        }
    }
}

impl<T: Serialize> Shelved<T> {
    pub(crate) fn held(value: &T) -> Self {
        let place = match entry::to_bytes(value) {
            Ok(bytes) => Place::Bytes(bytes),
            Err(error) => Place::Nowhere(Arc::new(error)),
        };
        Self { place, result: PhantomData }
    }
}

impl<T: DeserializeOwned> Shelved<T> {
    /// Loads the result.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if it was deleted since, [`Error::Damaged`] if it cannot be read;
    /// [`Error::Unshelved`] if it could be neither stored nor held.
    pub fn get(&self) -> Result<T> {
        match &self.place {
            Place::Store(view, id) => {
                let stored = view.inner.store.get(id)?;
                let stored = stored.ok_or_else(|| Error::Missing { id: Box::new(id.clone()) })?;
                Content::of(stored)?.value(id, &view.options)
            }
            Place::Bytes(bytes) => entry::from_bytes(bytes)
                .map_err(|source| Error::Unshelved { source: Arc::new(source) }),
            Place::Nowhere(source) => Err(Error::Unshelved { source: Arc::clone(source) }),
        }
    }

    /// What was noted when the result was stored; nothing for a result that is held here.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn metadata(&self) -> Result<Option<Metadata>> {
        let Place::Store(view, id) = &self.place else { return Ok(None) };
        let stored = view.inner.store.peek(id)?;
        let stored = stored.ok_or_else(|| Error::Missing { id: Box::new(id.clone()) })?;
        entry::read_metadata(stored, id).map(Some)
    }
}

impl<T> Clone for Shelved<T> {
    fn clone(&self) -> Self {
        Self { place: self.place.clone(), result: PhantomData }
    }
}

impl<T> fmt::Debug for Shelved<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Store(_, id) => write!(f, "Shelved({id})"),
            Place::Bytes(bytes) => write!(f, "Shelved({} bytes)", bytes.len()),
            Place::Nowhere(_) => f.write_str("Shelved(nowhere)"),
        }
    }
}
