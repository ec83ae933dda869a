//! Any function, by name.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, Once};
use std::time::Duration;

use joblib_persist::{Compression, MmapMode};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::hash::Arguments;
use crate::lookup::{Asked, Found, Pending};
use crate::notes::Notes;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::{Digest, EntryInfo, Evicted, Explanation, Function, Memory, Metadata, Result};

/// A function whose results are stored, from [`Memory::cache`] or [`Memory::try_cache`].
///
/// `F` computes, `A` is the argument, and `O` is [`Whole<R>`](crate::Whole) for a function that
/// returns an `R`, or the `Result` it returns.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let memory = joblib_memory::Memory::new(folder.path());
/// let power = memory.cache("power", |&(base, exponent): &(f64, i32)| base.powi(exponent));
///
/// assert!(!power.is_cached(&(2.0, 10)));
/// assert_eq!(power.call(&(2.0, 10)), 1024.0);
/// assert!(power.is_cached(&(2.0, 10)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CachedFn<F, A: ?Sized, O> {
    memory: Memory,
    function: Function,
    code: Digest,
    options: Option<Arc<Options>>,
    compute: F,
    created: &'static Location<'static>,
    announced: Once,
    signature: PhantomData<fn(&A) -> O>,
}

impl<F, A: ?Sized, O> CachedFn<F, A, O> {
    #[track_caller]
    pub(crate) fn new(memory: Memory, name: &str, compute: F) -> Self {
        let (function, created) = (Function::new(name), Location::caller());
        Self {
            memory,
            function,
            code: version_digest(""),
            options: None,
            compute,
            created,
            announced: Once::new(),
            signature: PhantomData,
        }
    }

    /// Names the version of the code: results of another version are not found, and are found
    /// again when the version is set back.
    #[must_use]
    pub fn version(self, version: impl Display) -> Self {
        Self { code: version_digest(&version.to_string()), ..self }
    }

    /// Counts code that this function relies on as its own: the `CODE` of functions with an
    /// attribute, or [`Digest::of`] anything. To be said after [`version`](Self::version).
    #[must_use]
    pub fn depends(self, code: &[Digest]) -> Self {
        Self { code: Digest::combine(self.code, code), ..self }
    }

    /// As [`MemoryBuilder::compress`](crate::MemoryBuilder::compress), for this function.
    #[must_use]
    pub fn compress(self, compression: impl Into<Compression>) -> Self {
        self.with(|options| options.compress(compression))
    }

    /// As [`MemoryBuilder::mmap_mode`](crate::MemoryBuilder::mmap_mode), for this function.
    #[must_use]
    pub fn mmap_mode(self, mode: impl Into<Option<MmapMode>>) -> Self {
        self.with(|options| options.mmap_mode(mode))
    }

    /// As [`MemoryBuilder::verbose`](crate::MemoryBuilder::verbose), for this function.
    #[must_use]
    pub fn verbose(self, level: u8) -> Self {
        self.with(|options| options.verbose(level))
    }

    /// As [`MemoryBuilder::expires_after`](crate::MemoryBuilder::expires_after), for this function.
    #[must_use]
    pub fn expires_after(self, age: impl Into<Option<Duration>>) -> Self {
        self.with(|options| options.expires_after(age))
    }

    /// As [`MemoryBuilder::validate`](crate::MemoryBuilder::validate), for this function.
    #[must_use]
    pub fn validate(self, accept: impl Fn(&Metadata) -> bool + Send + Sync + 'static) -> Self {
        self.with(|options| options.validate(accept))
    }

    fn with(self, change: impl FnOnce(Options) -> Options) -> Self {
        let Some(inner) = self.memory.inner() else { return self };
        let options = self.options.as_ref().unwrap_or(&inner.options);
        let options = Some(Arc::new(change((**options).clone())));
        Self { options, ..self }
    }

    /// All results of this function, those of other versions included.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed.
    pub fn entries(&self) -> Result<Vec<EntryInfo>> {
        self.memory.entries_of(&self.function)
    }

    /// Forgets the results of other versions.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed or an entry cannot be deleted.
    pub fn clear_stale(&self) -> Result<Evicted> {
        self.memory.clear_stale_of(&self.function, self.code)
    }

    /// Forgets all results of this function, those of other versions included.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed or an entry cannot be deleted.
    pub fn clear(&self) -> Result<()> {
        self.memory.clear_function(&self.function)
    }
}

impl<F, A, O> CachedFn<F, A, O>
where
    F: Fn(&A) -> O::Returned,
    A: Serialize + ?Sized,
    O: Outcome,
{
    /// The result for `argument`: found, or computed and stored.
    pub fn call(&self, argument: &A) -> O::Returned {
        self.run(false, argument)
    }

    /// The result for `argument`, computed whatever is stored, and stored.
    pub fn recompute(&self, argument: &A) -> O::Returned {
        self.run(true, argument)
    }

    /// A reference to the stored result for `argument`, which is computed if it is not there.
    pub fn shelve(&self, argument: &A) -> O::Shelved {
        match self.asked().find_shelved::<O>(|empty| Self::arguments(empty, argument)) {
            Found::Stored(shelved) => shelved,
            Found::Nothing(mut pending) => {
                let returned = self.compute(&mut pending, argument);
                pending.shelve(returned)
            }
        }
    }

    /// Whether the result for `argument` is stored.
    pub fn is_cached(&self, argument: &A) -> bool {
        self.asked().is_cached(|empty| Self::arguments(empty, argument))
    }

    /// Why the result for `argument` is stored or not: the nearest stored call, and what differs.
    pub fn explain(&self, argument: &A) -> Explanation {
        self.asked().explain(|empty| Self::arguments(empty, argument), || Self::notes(argument))
    }

    fn run(&self, recompute: bool, argument: &A) -> O::Returned {
        match self.asked().find::<O>(recompute, |empty| Self::arguments(empty, argument)) {
            Found::Stored(value) => value,
            Found::Nothing(mut pending) => {
                let returned = self.compute(&mut pending, argument);
                pending.finish(returned)
            }
        }
    }

    fn compute(&self, pending: &mut Pending<O>, argument: &A) -> O::Returned {
        pending.describe(|| Self::notes(argument));
        pending.start();
        (self.compute)(argument)
    }

    fn asked(&self) -> Asked<'_> {
        if let Some(inner) = self.memory.inner() {
            self.announced.call_once(|| inner.named(&self.function, self.code, self.created));
        }
        Asked::new(&self.memory, &self.function, self.code, true).options(self.options.clone())
    }

    fn notes(argument: &A) -> Notes {
        Notes::new().argument("argument", argument)
    }

    fn arguments(empty: Arguments, argument: &A) -> Arguments {
        empty.argument("argument", argument)
    }
}

impl<F, A: ?Sized, O> fmt::Debug for CachedFn<F, A, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedFn")
            .field("function", &self.function.path())
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

fn version_digest(version: &str) -> Digest {
    Digest::from_u128(xxh3_128(version.as_bytes()))
}
