//! `Memory`: where results go, and how.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use joblib_persist::{Compression, MmapMode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cached::CachedFn;
use crate::flights::Flights;
use crate::outcome::Whole;
use crate::store::{FolderStore, Store};
use crate::{Function, Result};

/// How long a thread waits for another one of its process, if nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// Remembers the results of functions in a folder.
///
/// Cloning is cheap, and clones are the same memory. A disabled memory does nothing: functions
/// cached with it are called as if they were not.
///
/// ```
/// use joblib_memory::Memory;
///
/// # let folder = tempfile::tempdir()?;
/// # let location = folder.path();
/// let memory = Memory::new(location);
/// let square = memory.cache("square", |x: &f64| x * x);
/// assert_eq!(square.call(&3.0), 9.0);
/// assert_eq!(square.call(&3.0), 9.0);
/// assert_eq!((memory.stats().misses, memory.stats().hits), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Memory {
    inner: Option<Arc<Inner>>,
}

/// How often results were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls whose result was found.
    pub hits: u64,
    /// Calls whose result was computed.
    pub misses: u64,
}

/// What all clones of a memory share.
pub(crate) struct Inner {
    pub(crate) store: Box<dyn Store>,
    pub(crate) options: Options,
    pub(crate) flights: Arc<Flights>,
    pub(crate) started: crate::clock::Stopwatch,
    hits: AtomicU64,
    misses: AtomicU64,
    warned: AtomicBool,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    location: Option<PathBuf>,
    pub(crate) compression: Compression,
    pub(crate) mmap_mode: Option<MmapMode>,
    pub(crate) verbose: u8,
    pub(crate) patience: Duration,
}

impl Memory {
    /// The memory in `<location>/joblib`.
    ///
    /// Nothing is created or read before the first call, so this cannot fail. A folder that turns
    /// out not to be writable costs a warning, and results are computed every time.
    #[must_use]
    pub fn new(location: impl AsRef<Path>) -> Self {
        Self::builder(location).build()
    }

    /// [`new`](Self::new) with more to say.
    #[must_use]
    pub fn builder(location: impl AsRef<Path>) -> MemoryBuilder {
        let store = Box::new(FolderStore::new(&location));
        MemoryBuilder::new(store, Some(location.as_ref().to_owned()))
    }

    /// A memory over any store.
    #[must_use]
    pub fn with_store(store: impl Store + 'static) -> MemoryBuilder {
        MemoryBuilder::new(Box::new(store), None)
    }

    /// A memory that remembers nothing, as `Memory(location=None)` in joblib.
    #[must_use]
    pub fn disabled() -> Self {
        Self { inner: None }
    }

    /// The location that was given, if results are kept in a folder.
    #[must_use]
    pub fn location(&self) -> Option<&Path> {
        self.inner.as_ref()?.options.location.as_deref()
    }

    /// The store, unless the memory is disabled.
    #[must_use]
    pub fn store(&self) -> Option<&dyn Store> {
        Some(&*self.inner.as_ref()?.store)
    }

    /// How often results were found, in this process and with this memory. Asking
    /// (`is_cached`) does not count.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.as_deref().map_or_else(Stats::default, Inner::stats)
    }

    /// A function whose results this memory keeps under `name`.
    ///
    /// The name is all there is to tell functions apart, and the code is not looked at: say
    /// [`version`](CachedFn::version) when it changes. The [`cache`](macro@crate::cache)
    /// attribute knows both by itself. A function of several arguments takes them as a tuple.
    ///
    /// Everything the function returns is stored, be it a `Result` and its error: see
    /// [`try_cache`](Self::try_cache).
    pub fn cache<F, A, R>(&self, name: &str, function: F) -> CachedFn<F, A, Whole<R>>
    where
        F: Fn(&A) -> R,
        A: Serialize + ?Sized,
        R: Serialize + DeserializeOwned,
    {
        CachedFn::new(self.clone(), name, function)
    }

    /// As [`cache`](Self::cache), for a function that can fail: an `Err` is returned and not
    /// stored, and need not be serialisable.
    pub fn try_cache<F, A, T, E>(&self, name: &str, function: F) -> CachedFn<F, A, Result<T, E>>
    where
        F: Fn(&A) -> Result<T, E>,
        A: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
    {
        CachedFn::new(self.clone(), name, function)
    }

    /// Forgets everything in the store. The folder stays.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed or an entry cannot be deleted; the others are.
    pub fn clear(&self) -> Result<()> {
        self.clear_entries(None)
    }

    /// Forgets all results of `function`, whatever its code was.
    ///
    /// # Errors
    ///
    /// As [`clear`](Self::clear).
    pub fn clear_function(&self, function: &Function) -> Result<()> {
        self.clear_entries(Some(function))
    }

    fn clear_entries(&self, function: Option<&Function>) -> Result<()> {
        let Some(store) = self.store() else { return Ok(()) };
        let mut outcome = Ok(());
        for entry in store.list(function)? {
            outcome = outcome.and(store.delete(&entry.id).map(drop));
        }
        outcome
    }

    pub(crate) fn inner(&self) -> Option<&Arc<Inner>> {
        self.inner.as_ref()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Some(inner) => f.debug_struct("Memory").field("store", &inner.store).finish(),
            None => f.write_str("Memory(disabled)"),
        }
    }
}

impl Inner {
    pub(crate) fn count(&self, hit: bool) {
        let counter = if hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn stats(&self) -> Stats {
        Stats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// Says that the store does not work; once, because every call would say the same.
    pub(crate) fn warn_once(&self, error: &crate::Error) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            log::warn!("results are not cached: {}", crate::report::chain(error));
        }
    }
}

/// Options of a [`Memory`], each with a default.
#[derive(Debug)]
pub struct MemoryBuilder {
    store: Box<dyn Store>,
    options: Options,
}

impl MemoryBuilder {
    fn new(store: Box<dyn Store>, location: Option<PathBuf>) -> Self {
        let options = Options {
            location,
            compression: Compression::default(),
            mmap_mode: None,
            verbose: 0,
            patience: PATIENCE,
        };
        Self { store, options }
    }

    /// Compresses results: `true`, `3`, `"zstd"`, `("gzip", 3)`. Not compressed by
    /// default, which is fastest and can be mapped. Compressors are features of joblib-persist; with
    /// one that is not there, results are not stored, and a warning says why.
    #[must_use]
    pub fn compress(mut self, compression: impl Into<Compression>) -> Self {
        self.options.compression = compression.into();
        self
    }

    /// Maps the arrays of results instead of reading them, from the first call on; not by default.
    ///
    /// For functions that return a [`MappedArray`](joblib_persist::MappedArray), or a struct with
    /// one; other results are read, about which joblib-persist warns when they are large. A
    /// stored result never changes, so [`MmapMode::ReadWrite`] is taken for [`MmapMode::Copy`].
    #[must_use]
    pub fn mmap_mode(mut self, mode: impl Into<Option<MmapMode>>) -> Self {
        let kept = |mode| if mode == MmapMode::ReadWrite { MmapMode::Copy } else { mode };
        self.options.mmap_mode = mode.into().map(kept);
        self
    }

    /// What is printed to standard error: 0 (the default) nothing, 1 each computation and its
    /// duration, 2 also each result that is found.
    ///
    /// joblib's default is 1, and it prints to standard output.
    #[must_use]
    pub fn verbose(mut self, level: u8) -> Self {
        self.options.verbose = level;
        self
    }

    /// How long a thread waits for another thread of its process that computes the same call,
    /// before it computes the call itself; 60 seconds by default.
    ///
    /// Zero means that nobody waits, other processes included. Waiting is what makes a result be
    /// computed once. It ends because a thread pool that steals work, such as rayon's, can put a
    /// call on top of a task on which the call it waits for depends; without an end such threads
    /// would wait for each other for ever.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.options.patience = patience;
        self
    }

    /// The memory.
    #[must_use]
    pub fn build(self) -> Memory {
        let inner = Inner {
            store: self.store,
            options: self.options,
            flights: Arc::default(),
            started: crate::clock::Stopwatch::start(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            warned: AtomicBool::new(false),
        };
        Memory { inner: Some(Arc::new(inner)) }
    }
}
