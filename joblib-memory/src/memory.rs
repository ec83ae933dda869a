//! `Memory`: where results go, and how.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::builder::MemoryBuilder;
use crate::cached::CachedFn;
use crate::counters::{Counters, Stats};
use crate::flights::Flights;
use crate::keeper::Keeper;
use crate::lookup::View;
use crate::notes::Notes;
use crate::options::Options;
use crate::outcome::{Outcome, Whole};
use crate::record::Recorder;
use crate::store::{FolderStore, Store};
use crate::{Algorithm, CallId, Digest, Function, Result};

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

/// What all clones of a memory share.
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) location: Option<PathBuf>,
    pub(crate) options: Arc<Options>,
    pub(crate) algorithm: Algorithm,
    pub(crate) patience: Duration,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) started: crate::clock::Stopwatch,
    pub(crate) counters: Arc<Counters>,
    /// Where each name was given to a function.
    pub(crate) names: Mutex<HashMap<(Function, Digest), &'static Location<'static>>>,
    pub(crate) warned: AtomicBool,
}

impl Memory {
    /// The memory in `<location>/joblib`.
    ///
    /// Nothing is created or read before the first call, so this cannot fail. A folder that turns
    /// out not to be writable costs a warning, and results are computed every time.
    ///
    /// With `JOBLIB_DEBUG=1` in the environment, the calls of a run are recorded in the folder, and
    /// a call that the run before did not make is printed to standard error, with what differs from
    /// the nearest one it made. When the memory is dropped, those that did not come again are
    /// printed, too; a memory in a `static` is never dropped. Processes that use the folder at the
    /// same time are one run, which ends when the last of them does.
    #[must_use]
    pub fn new(location: impl AsRef<Path>) -> Self {
        Self::builder(location).build()
    }

    /// [`new`](Self::new) with more to say.
    #[must_use]
    pub fn builder(location: impl AsRef<Path>) -> MemoryBuilder {
        Self::with_store(FolderStore::new(location))
    }

    /// The memory in the store at `url`: as [`new`](Self::new) for a path and `file:///…`,
    /// `memory://name` for one in this process, `s3://bucket/prefix`, `gs://…`, `az://…` and
    /// `http(s)://…` with the feature `cloud`, and what [`register_store`](crate::register_store)
    /// was told. [`open_store`](crate::open_store) is for a memory with options.
    ///
    /// A service is not asked anything before the first call. If it fails then, results are
    /// computed, and a warning says why.
    ///
    /// ```
    /// use joblib_memory::Memory;
    ///
    /// let memory = Memory::open("memory://results")?; // or "s3://bucket/results"
    /// let square = memory.cache("square", |x: &f64| x * x);
    /// assert_eq!(square.call(&3.0), 9.0);
    /// assert!(square.is_cached(&3.0));
    /// # Ok::<(), joblib_memory::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`open_store`](crate::open_store).
    pub fn open(url: &str) -> Result<Self> {
        Ok(Self::with_store(crate::store::open_store(url)?).build())
    }

    /// A memory over any store.
    #[must_use]
    pub fn with_store(store: impl Store + 'static) -> MemoryBuilder {
        MemoryBuilder::new(Arc::new(store))
    }

    /// A memory that remembers nothing, as `Memory(location=None)` in joblib: whatever is cached
    /// with it is called each time, and nothing else in the program has to change.
    #[must_use]
    pub fn none() -> Self {
        Self { inner: None }
    }

    /// The location that was given, if results are kept in a folder.
    #[must_use]
    pub fn location(&self) -> Option<&Path> {
        self.inner.as_ref()?.location.as_deref()
    }

    /// The store, unless the memory is disabled.
    #[must_use]
    pub fn store(&self) -> Option<&dyn Store> {
        Some(&*self.inner.as_ref()?.store)
    }

    /// How often results were found, and what that was worth, in this process and with this
    /// memory. Asking (`is_cached`) does not count. [`stat`](Self::stat) knows of other processes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.as_deref().map_or_else(Stats::default, |inner| inner.counters.stats())
    }

    /// A function whose results this memory keeps under `name`.
    ///
    /// The name is all there is to tell functions apart, and the code is not looked at: say
    /// [`version`](CachedFn::version) when it changes. The [`cache`](macro@crate::cache)
    /// attribute knows both by itself. A function of several arguments takes them as a tuple.
    ///
    /// Two functions of one name would get each other's results; a second place in the program
    /// that gives a name again costs a warning.
    ///
    /// Everything the function returns is stored, be it a `Result` and its error: see
    /// [`try_cache`](Self::try_cache).
    #[track_caller]
    pub fn cache<F, A, R>(&self, name: &str, function: F) -> CachedFn<F, A, Whole<R>>
    where
        F: Fn(&A) -> R,
        A: Serialize + ?Sized,
        R: Serialize + DeserializeOwned,
    {
        CachedFn::new(self.clone(), name, function)
    }

    /// As [`cache`](Self::cache), for a function that can fail and returns a `Result` or an
    /// `Option`: an `Err` or `None` is returned and not stored, and the error need not be
    /// serialisable.
    #[track_caller]
    pub fn try_cache<F, A, O>(&self, name: &str, function: F) -> CachedFn<F, A, O>
    where
        F: Fn(&A) -> O,
        A: Serialize + ?Sized,
        O: Outcome<Returned = O>,
    {
        CachedFn::new(self.clone(), name, function)
    }

    /// Forgets everything in the store. The folder stays.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed or an entry cannot be deleted; the others are.
    pub fn clear(&self) -> Result<()> {
        self.forget_all(&self.entries()?).map(drop)
    }

    /// Forgets all results of `function`, whatever its code was.
    ///
    /// # Errors
    ///
    /// As [`clear`](Self::clear).
    pub fn clear_function(&self, function: &Function) -> Result<()> {
        self.forget_all(&self.entries_of(function)?).map(drop)
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self { inner: Some(Arc::new(inner)) }
    }

    /// As a function without options of its own sees it.
    pub(crate) fn view(&self) -> Option<View> {
        let inner = self.inner()?;
        Some(View { inner: Arc::clone(inner), options: Arc::clone(&inner.options) })
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
    /// Notes where a function got its name, and warns if another one has it already.
    pub(crate) fn named(&self, function: &Function, code: Digest, by: &'static Location<'static>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (function.clone(), code);
        let first = *names.entry(name.clone()).or_insert(by);
        if first != by {
            // Once is enough.
            names.insert(name, by);
            drop(names);
            log::warn!(
                "two functions are cached as `{function}`, one at {first} and one at {by}: each may \
                 get the other's results; give them different names or versions"
            );
        }
    }

    /// Records a call, if that was asked for.
    pub(crate) fn record(&self, view: &View, id: &CallId, notes: Option<&Notes>) {
        if let Some(recorder) = &self.recorder {
            recorder.called(view, id, notes);
        }
    }

    /// Says that the store does not work; once, because every call would say the same.
    pub(crate) fn warn_once(&self, error: &crate::Error) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            log::warn!("results are not cached: {}", crate::report::chain(error));
        }
    }
}
