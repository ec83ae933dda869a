//! Where results lie.

mod address;
#[cfg(feature = "cloud")]
mod attendant;
#[cfg(feature = "cloud")]
mod cloud;
mod folder;
mod in_memory;
#[cfg(feature = "cloud")]
mod lease;
#[cfg(any(test, not(target_os = "linux")))]
mod lock_file;
#[cfg(target_os = "linux")]
mod range_lock;
#[cfg(target_os = "linux")]
mod unnamed;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use address::{StoreFactory, open_store, register_store};
#[cfg(feature = "cloud")]
pub use cloud::CloudStore;
pub use folder::FolderStore;
pub use in_memory::InMemoryStore;

use crate::{CallId, Function, Result};

/// A place that keeps the results of calls: bytes under the identity of a call.
///
/// An entry never changes: it is put once, read often, and deleted. Any number of threads and
/// processes may do so at the same time; whatever they do, a reader finds nothing or a whole
/// entry, and an entry that was put and not deleted is found.
///
/// [`get`](Self::get), [`put_if_absent`](Self::put_if_absent), [`list`](Self::list) and
/// [`delete`](Self::delete) make a store; the others have defaults for one that keeps no times of use
/// and cannot lock. A store around another one has to forward all of them. A new implementation is
/// finished when the `conformance` suite passes; `examples/own_store.rs` is one of forty lines.
pub trait Store: fmt::Debug + Send + Sync {
    /// The entry, if there is one. Counts as a use of it.
    ///
    /// # Errors
    ///
    /// If the store cannot be read. No entry is `None`, not an error.
    fn get(&self, id: &CallId) -> Result<Option<Stored>>;

    /// The entry, if there is one, for somebody who only looks: no use of it. By default
    /// [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        self.get(id)
    }

    /// Stores what `write` writes, unless there is an entry already; says whether it did.
    ///
    /// `write` is called at most twice: a second time if the first way to write turned out to be
    /// closed. Unless it succeeds, there is no entry.
    ///
    /// # Errors
    ///
    /// The error of `write`, or that of the store.
    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool>;

    /// All entries, or those of one function, whatever its code; in no particular order.
    ///
    /// # Errors
    ///
    /// If the store cannot be read. Entries that come or go meanwhile may or may not be listed.
    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>>;

    /// Deletes the entry; says whether there was one. Who reads it at the time still can.
    ///
    /// # Errors
    ///
    /// If there is an entry that cannot be deleted.
    fn delete(&self, id: &CallId) -> Result<bool>;

    /// Notes a use of the entry without reading it; says whether there is one. By default it
    /// [gets](Self::get) it.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn touch(&self, id: &CallId) -> Result<bool> {
        Ok(self.get(id)?.is_some())
    }

    /// Claims the computation of an entry among all processes that use this store.
    ///
    /// A claim ends when it is dropped and when its process dies. Threads of one process need not
    /// be kept apart: they are, before it comes to this. With `wait` it waits until nobody else has
    /// the claim. By default there are no claims: two processes may compute the same at once.
    ///
    /// # Errors
    ///
    /// If claims are possible and this one failed for another reason than being taken.
    fn claim(&self, _id: &CallId, _wait: bool) -> Result<Claim> {
        Ok(Claim::Unsupported)
    }

    /// The location whose folder `joblib` has the entries, if that is so: hits, misses and what was
    /// evicted are then written down there for all processes. By default there is none.
    fn location(&self) -> Option<&Path> {
        None
    }
}

/// Writes an entry to what it is given.
pub type WriteEntry<'a> = dyn FnMut(&mut dyn Write) -> io::Result<()> + 'a;

/// An entry as a store hands it out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stored {
    /// A file, open at its beginning.
    File {
        /// The open file.
        file: File,
        /// Its path, where it stays until somebody deletes it.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// Bytes in memory.
    Bytes(Arc<[u8]>),
    /// What comes from elsewhere piece by piece, at its beginning.
    Stream(StoredStream),
}

/// The bytes of an entry that is too large to be fetched before it is read.
pub struct StoredStream(Box<dyn ReadSeek>);

trait ReadSeek: Read + Seek + Send {}

impl<R: Read + Seek + Send> ReadSeek for R {}

impl StoredStream {
    /// The entry in `reader`, which is at its beginning.
    pub fn new(reader: impl Read + Seek + Send + 'static) -> Self {
        Self(Box::new(reader))
    }
}

impl Read for StoredStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Seek for StoredStream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl fmt::Debug for StoredStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredStream").finish_non_exhaustive()
    }
}

/// What a list says about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryInfo {
    /// The call.
    pub id: CallId,
    /// Bytes of the entry.
    pub bytes: u64,
    /// When it was put; nothing where there is no clock.
    pub stored: Option<SystemTime>,
    /// The last use, to the minute or so; nothing where there is no clock.
    pub used: Option<SystemTime>,
}

impl EntryInfo {
    /// An entry of `bytes` bytes, put and used nobody knows when.
    #[must_use]
    pub fn new(id: CallId, bytes: u64) -> Self {
        Self { id, bytes, stored: None, used: None }
    }

    /// With the time at which it was put.
    #[must_use]
    pub fn stored(self, stored: Option<SystemTime>) -> Self {
        Self { stored, ..self }
    }

    /// With the time of the last use.
    #[must_use]
    pub fn used(self, used: Option<SystemTime>) -> Self {
        Self { used, ..self }
    }
}

/// What became of the wish to be the only one who computes an entry.
#[derive(Debug)]
#[non_exhaustive]
pub enum Claim {
    /// Nobody else computes it until this is dropped.
    Held(HeldClaim),
    /// Somebody else does, and the claim was not to wait.
    Taken,
    /// The store has no claims.
    Unsupported,
}

/// Ends a claim when dropped.
pub struct HeldClaim(#[expect(dead_code, reason = "kept for its drop")] Box<dyn Send + Sync>);

impl HeldClaim {
    /// A claim that ends when `guard` is dropped.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for HeldClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldClaim").finish_non_exhaustive()
    }
}

/// A store shared by several memories, or by a memory and somebody who looks into it.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        (**self).get(id)
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        (**self).peek(id)
    }

    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        (**self).put_if_absent(id, write)
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        (**self).list(function)
    }

    fn delete(&self, id: &CallId) -> Result<bool> {
        (**self).delete(id)
    }

    fn touch(&self, id: &CallId) -> Result<bool> {
        (**self).touch(id)
    }

    fn claim(&self, id: &CallId, wait: bool) -> Result<Claim> {
        (**self).claim(id, wait)
    }

    fn location(&self) -> Option<&Path> {
        (**self).location()
    }
}
