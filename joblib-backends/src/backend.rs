//! The seam between what runs when (above) and where it runs (below).

use std::fmt::Debug;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::{Batch, NJobs, Result};

/// Which call of `Parallel` a batch belongs to. Unique within the process.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(pub u64);

/// What a backend can do beyond running tasks. Callers ask before they rely on it; the
/// conformance suite skips the properties a backend does not claim.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Tasks see the caller's memory, so they may borrow and mutate shared state.
    pub shared_memory: bool,
    /// A running task can be stopped without waiting for it.
    pub kill: bool,
    /// Tasks are stopped at the [limit](Batch::time_limit) of their batch.
    pub timeout: bool,
    /// No batch should have more tasks than this: workers are replaced after so many.
    pub max_batch_len: Option<NonZeroU32>,
    /// How long a batch should take for what its way there and back costs not to matter. `None`: as suits
    /// workers of this machine.
    pub batch_time: Option<Duration>,
    /// Results may [stay](Batch::keep) where they were made, and be arguments of later batches of the call.
    pub keeps_results: bool,
}

impl Capabilities {
    /// Those of threads: they share the caller's memory and cannot be killed.
    pub fn of_threads() -> Self {
        Self { shared_memory: true, ..Self::default() }
    }
}

/// A place where tasks run.
///
/// The dispatcher above decides *what* runs and in which batches; a backend only decides
/// *where*. It never retries, reorders or groups batches.
///
/// The least that runs; a backend is finished when it passes the `conformance` suite, which this one
/// does not, because it may run more at once than it says (`examples/own_backend.rs` passes):
///
/// ```
/// use std::{num::NonZeroUsize, time::Duration};
///
/// use joblib_backends::{Backend, Batch, CallId, Capabilities, NJobs, Result, cpu_count};
///
/// /// Each batch gets a thread of its own.
/// #[derive(Debug)]
/// struct ThreadEach;
///
/// impl Backend for ThreadEach {
///     fn name(&self) -> &str {
///         "thread-each"
///     }
///     fn capabilities(&self) -> Capabilities {
///         Capabilities::of_threads()
///     }
///     fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
///         requested.resolve(cpu_count())
///     }
///     fn submit(&self, batch: Box<dyn Batch>) {
///         std::thread::spawn(move || batch.run());
///     }
///     fn help(&self, _: CallId) -> bool {
///         false // Nothing is ever queued, …
///     }
///     fn abort(&self, _: CallId) {} // … here neither.
///     fn shutdown(&self, _: Duration) -> Result<()> {
///         Ok(())
///     }
/// }
/// ```
pub trait Backend: Debug + Send + Sync {
    /// The name users select it by, such as `"threads"`.
    fn name(&self) -> &str;

    /// What callers may rely on. Constant for the life of the value.
    fn capabilities(&self) -> Capabilities;

    /// How many tasks really run at once when `requested` workers are asked for.
    ///
    /// May be lower than `requested`, never zero.
    ///
    /// # Errors
    ///
    /// [`Error::ZeroJobs`](crate::Error::ZeroJobs) for zero.
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize>;

    /// Takes `batch` and returns at once; it cannot fail: what cannot run is answered through
    /// [`Batch::reply`]. A synchronous backend completes the batch inside this call.
    fn submit(&self, batch: Box<dyn Batch>);

    /// Runs one queued batch of `call` on this thread; false if there is none, or if this
    /// thread is not one of the backend's own.
    fn help(&self, call: CallId) -> bool;

    /// Drops the queued batches of `call`; what already runs is left to finish or, where the
    /// backend can, killed.
    fn abort(&self, call: CallId);

    /// Stops taking batches and waits up to `grace` for those running; kills workers after that.
    ///
    /// # Errors
    ///
    /// If a worker could not be stopped. Calling it twice is not an error.
    fn shutdown(&self, grace: Duration) -> Result<()>;
}
