//! The backend of threads: one rayon pool, and one queue per call so that a waiting call can find
//! its own batches.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::batch::refuse;
use crate::pools::{Pool, Pools};
use crate::{Backend, Batch, CallId, Capabilities, Error, NJobs, Result, cpu_count};

/// Runs batches on a fixed number of threads.
///
/// Batches of one call start in the order they were submitted. A call made from inside a task
/// shares the threads: while it waits, its thread [helps](Backend::help) with the batches of that
/// call and no others, so nesting can neither deadlock nor put more than the given number of tasks
/// to work.
pub struct Threads {
    pool: rayon::ThreadPool,
    queues: Arc<Queues>,
}

impl Threads {
    /// Starts `workers` threads of its own. See [`shared`](Self::shared) for the usual way.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] if the system refuses that many threads.
    pub fn new(workers: NonZeroUsize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers.get())
            .thread_name(|index| format!("joblib-{index}"))
            // Tasks' panics are caught in `Batch::run`: this one comes from a batch's own code, and
            // the batch was dropped on the way, which its call sees as lost tasks.
            .panic_handler(|_| log::error!("a batch panicked outside its tasks"))
            .build()
            .map_err(|error| Error::Start {
                backend: "threads",
                workers: workers.get(),
                source: Box::new(error),
            })?;
        Ok(Self { pool, queues: Arc::default() })
    }

    /// The process-wide pool of `workers` threads, started at the first request and then kept.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] if the system refuses that many threads.
    pub fn shared(workers: NonZeroUsize) -> Result<Arc<Self>> {
        static POOLS: Pools<Threads> = Pools::new();
        POOLS.get(workers, Self::new)
    }
}

impl Pool for Threads {
    fn is_open(&self) -> bool {
        !self.queues.lock().closed
    }
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Threads")
            .field("workers", &self.pool.current_num_threads())
            .finish_non_exhaustive()
    }
}

impl Backend for Threads {
    fn name(&self) -> &str {
        "threads"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { shared_memory: true, ..Capabilities::default() }
    }

    /// As many as asked for, but no more than the pool has threads.
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        let threads = NonZeroUsize::new(self.pool.current_num_threads());
        Ok(requested.resolve(cpu_count())?.min(threads.unwrap_or(NonZeroUsize::MIN)))
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        let call = batch.call();
        match self.queues.push(call, batch) {
            Ok(()) => {
                let queues = Arc::clone(&self.queues);
                self.pool.spawn(move || {
                    queues.run_one(call);
                });
            }
            Err(batch) => refuse(batch, "the `threads` backend was shut down"),
        }
    }

    /// Only a thread of this pool helps: any other would be one worker more than was asked for.
    fn help(&self, call: CallId) -> bool {
        self.pool.current_thread_index().is_some() && self.queues.run_one(call)
    }

    fn abort(&self, call: CallId) {
        let queued = self.queues.lock().waiting.remove(&call);
        // Outside the lock: dropping a batch runs the dispatcher's code.
        drop(queued);
    }

    /// Queued batches have until `grace` is over, too; then they are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::StillRunning`] if tasks run on after `grace`: threads cannot be killed.
    fn shutdown(&self, grace: Duration) -> Result<()> {
        let running = self.queues.close(grace);
        if running == 0 {
            Ok(())
        } else {
            Err(Error::StillRunning { backend: "threads", batches: running })
        }
    }
}

/// What waits to run, by call. No batch is ever run or dropped while the lock is held.
#[derive(Default)]
struct Queues {
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<CallId, VecDeque<Box<dyn Batch>>>,
    running: usize,
    closed: bool,
}

impl Queues {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues `batch`, or gives it back if the backend is closed.
    fn push(&self, call: CallId, batch: Box<dyn Batch>) -> Result<(), Box<dyn Batch>> {
        let mut state = self.lock();
        if state.closed {
            return Err(batch);
        }
        state.waiting.entry(call).or_default().push_back(batch);
        Ok(())
    }

    /// Runs the oldest batch of `call`; false if none is queued.
    fn run_one(&self, call: CallId) -> bool {
        let Some(batch) = self.take(call) else {
            return false;
        };
        let _running = Running(self);
        batch.run();
        true
    }

    fn take(&self, call: CallId) -> Option<Box<dyn Batch>> {
        let mut state = self.lock();
        let queue = state.waiting.get_mut(&call)?;
        let batch = queue.pop_front()?;
        if queue.is_empty() {
            state.waiting.remove(&call);
        }
        state.running += 1;
        Some(batch)
    }

    /// Takes no more batches, waits for the others, and returns how many still run.
    fn close(&self, grace: Duration) -> usize {
        let mut state = self.lock();
        state.closed = true;
        let busy = |state: &mut State| state.running > 0 || !state.waiting.is_empty();
        let (mut state, _) = self
            .idle
            .wait_timeout_while(state, grace, busy)
            .unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut state.waiting);
        let running = state.running;
        drop(state);
        drop(dropped);
        running
    }
}

/// Counts a running batch, also when it panics.
struct Running<'a>(&'a Queues);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running -= 1;
        if state.closed {
            self.0.idle.notify_all();
        }
    }
}
