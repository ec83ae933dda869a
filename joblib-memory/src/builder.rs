//! What can be said about a memory before there is one.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use joblib_persist::{Compression, MmapMode};

use crate::counters::Counters;
use crate::keeper::Keeper;
use crate::memory::Inner;
use crate::options::Options;
use crate::record::Recorder;
use crate::store::Store;
use crate::{Algorithm, Limits, Memory, Metadata};

/// How long a thread waits for another one of its process, if nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// Options of a [`Memory`], each with a default.
#[derive(Debug)]
pub struct MemoryBuilder {
    store: Arc<dyn Store>,
    location: Option<PathBuf>,
    options: Options,
    limits: Limits,
    algorithm: Algorithm,
    patience: Duration,
}

impl MemoryBuilder {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let location = store.location().map(Path::to_owned);
        let (options, limits) = (Options::default(), Limits::new());
        let algorithm = Algorithm::default();
        Self { store, location, options, limits, algorithm, patience: PATIENCE }
    }

    /// Compresses results: `true`, `3`, `"zstd"`, `("gzip", 3)`. Not compressed by
    /// default, which is fastest and can be mapped. Compressors are features of joblib-persist; with
    /// one that is not there, results are not stored, and a warning says why.
    #[must_use]
    pub fn compress(mut self, compression: impl Into<Compression>) -> Self {
        self.options = self.options.compress(compression);
        self
    }

    /// Maps the arrays of results instead of reading them, from the first call on; not by default.
    ///
    /// For functions that return a [`MappedArray`](joblib_persist::MappedArray), or a struct with
    /// one; other results are read, about which joblib-persist warns when they are large. A
    /// stored result never changes, so [`MmapMode::ReadWrite`] is taken for [`MmapMode::Copy`].
    #[must_use]
    pub fn mmap_mode(mut self, mode: impl Into<Option<MmapMode>>) -> Self {
        self.options = self.options.mmap_mode(mode);
        self
    }

    /// What is printed to standard error: 0 (the default) nothing, 1 each computation and its
    /// duration, 2 also each result that is found, 5 and how long that took, 10 and from where, 11
    /// also where results are stored.
    ///
    /// joblib's lines on joblib's levels; its default is 1, and it prints to standard output.
    #[must_use]
    pub fn verbose(mut self, level: u8) -> Self {
        self.options = self.options.verbose(level);
        self
    }

    /// Computes results again that were stored so long ago; not by default.
    #[must_use]
    pub fn expires_after(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.options = self.options.expires_after(age);
        self
    }

    /// Computes results again whose metadata `accept` does not like; not by default.
    #[must_use]
    pub fn validate(mut self, accept: impl Fn(&Metadata) -> bool + Send + Sync + 'static) -> Self {
        self.options = self.options.validate(accept);
        self
    }

    /// Keeps the store within these limits; there are none by default.
    ///
    /// A thread sees to it after results were stored, so that no call waits: for a moment the
    /// store may hold more. When it holds too much it is reduced to nine tenths of the limits.
    /// Results of others, and ages, are looked at every five minutes.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How arguments become keys; [`Algorithm::Xxh3`] by default, which is right as long as nobody
    /// wants to be given a wrong result. Take `Algorithm::Blake3` (feature `blake3`) where arguments come
    /// from strangers.
    ///
    /// Results that were stored under the other algorithm are not found, and stay.
    #[cfg_attr(
        feature = "blake3",
        doc = r#"
```
use joblib_memory::{Algorithm, Memory};

# let folder = tempfile::tempdir()?;
# let location = folder.path();
let memory = Memory::builder(location).digest(Algorithm::Blake3).build();
let thumbnail = memory.cache("thumbnail", |upload: &Vec<u8>| upload[..2].to_vec());
assert_eq!(thumbnail.call(&vec![1, 2, 3]), [1, 2]);
assert!(thumbnail.is_cached(&vec![1, 2, 3]));
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
    )]
    #[must_use]
    pub fn digest(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = algorithm;
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
        self.patience = patience;
        self
    }

    /// The memory.
    #[must_use]
    pub fn build(self) -> Memory {
        let keeper = (!self.limits.is_unlimited())
            .then(|| Keeper::new(Arc::clone(&self.store), self.location.clone(), self.limits));
        let recorder =
            self.location.as_deref().and_then(|place| Recorder::asked_for(&self.store, place));
        let counters = Counters::new(self.location.as_deref());
        Memory::from_inner(Inner {
            store: self.store,
            location: self.location,
            options: Arc::new(self.options),
            algorithm: self.algorithm,
            patience: self.patience,
            keeper,
            recorder,
            flights: Arc::default(),
            started: crate::clock::Stopwatch::start(),
            counters,
            names: Mutex::default(),
            warned: AtomicBool::new(false),
        })
    }
}
