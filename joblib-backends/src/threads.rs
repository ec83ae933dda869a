//! The backend of threads: a fixed set of them, and one queue per call so that a waiting call can
//! find its own batches.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::batch::refuse;
use crate::pools::{Pool, Pools};
use crate::{Backend, Batch, CallId, Capabilities, Error, NJobs, Result, cpu_count};

/// Runs batches on a fixed number of threads.
///
/// Batches of one call start in the order they were submitted; calls that run at the same time
/// take turns. A call made from inside a task shares the threads: while it waits, its thread
/// [helps](Backend::help) with the batches of that call and no others, so nesting can neither
/// deadlock nor put more than the given number of tasks to work.
///
/// Dropped: what is queued is still run, then the threads end.
///
/// The threads are its own and no rayon pool: a task that waits inside `par_iter` would otherwise
/// be made to run other tasks meanwhile, on top of the locks it holds.
pub struct Threads {
    shared: Arc<Shared>,
    workers: NonZeroUsize,
}

impl Threads {
    /// Starts `workers` threads of its own. See [`shared`](Self::shared) for the usual way.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] if the system refuses that many threads.
    pub fn new(workers: NonZeroUsize) -> Result<Self> {
        // Dropped on an error, it ends the threads that were started.
        let threads = Self { shared: Arc::default(), workers };
        (0..workers.get()).try_for_each(|index| threads.start(index)).map_err(|error| {
            let source = Box::new(error);
            Error::Start { backend: "threads", workers: workers.get(), source }
        })?;
        Ok(threads)
    }

    fn start(&self, index: usize) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let builder = thread::Builder::new().name(format!("joblib-{index}"));
        builder.spawn(move || shared.work()).map(drop)
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
        !self.shared.lock().closed
    }
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Threads").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl Backend for Threads {
    fn name(&self) -> &str {
        "threads"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { shared_memory: true, ..Capabilities::default() }
    }

    /// As many as asked for, but no more than there are threads.
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        Ok(requested.resolve(cpu_count())?.min(self.workers))
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        if let Err(batch) = self.shared.push(batch) {
            refuse(batch, "the `threads` backend was shut down");
        }
    }

    /// Only a thread of this pool helps: any other would be one worker more than was asked for.
    fn help(&self, call: CallId) -> bool {
        self.shared.is_home() && self.shared.run_one_of(call)
    }

    fn abort(&self, call: CallId) {
        let queued = self.shared.lock().waiting.remove(&call);
        // Outside the lock: dropping a batch runs the dispatcher's code.
        drop(queued);
    }

    /// Queued batches have until `grace` is over, too; then they are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::StillRunning`] if tasks run on after `grace`: threads cannot be killed.
    fn shutdown(&self, grace: Duration) -> Result<()> {
        match self.shared.shut_down(grace) {
            0 => Ok(()),
            batches => Err(Error::StillRunning { backend: "threads", batches }),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.close();
    }
}

thread_local! {
    /// The address of the pool whose worker this thread is.
    static HOME: Cell<usize> = const { Cell::new(0) };
}

/// What the threads share. No batch is run or dropped while the lock is held.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a batch is queued or the pool is closed.
    work: Condvar,
    /// Notified when a batch has ended after the pool was closed.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Queues that are not empty.
    waiting: BTreeMap<CallId, VecDeque<Box<dyn Batch>>>,
    /// The call that was served last.
    served: Option<CallId>,
    running: usize,
    idle: usize,
    closed: bool,
}

impl State {
    /// Takes the oldest batch of `call`.
    fn take_of(&mut self, call: CallId) -> Option<Box<dyn Batch>> {
        let queue = self.waiting.get_mut(&call)?;
        let batch = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&call);
        }
        self.running += 1;
        Some(batch)
    }

    /// Takes the oldest batch of the call whose turn it is.
    fn take(&mut self) -> Option<Box<dyn Batch>> {
        let after = self.served.map_or(Bound::Unbounded, Bound::Excluded);
        let mut later = self.waiting.range((after, Bound::Unbounded));
        let (&call, _) = later.next().or_else(|| self.waiting.first_key_value())?;
        self.served = Some(call);
        self.take_of(call)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether this thread is one of the pool's own.
    fn is_home(&self) -> bool {
        HOME.get() == self.address()
    }

    /// Queues `batch`, or gives it back if the pool is closed.
    fn push(&self, batch: Box<dyn Batch>) -> Result<(), Box<dyn Batch>> {
        let call = batch.call();
        let mut state = self.lock();
        if state.closed {
            return Err(batch);
        }
        state.waiting.entry(call).or_default().push_back(batch);
        let somebody_waits = state.idle > 0;
        drop(state);
        if somebody_waits {
            self.work.notify_one();
        }
        Ok(())
    }

    /// The life of a thread.
    fn work(&self) {
        HOME.set(self.address());
        let mut state = self.lock();
        loop {
            if let Some(batch) = state.take() {
                drop(state);
                run(batch);
                state = self.lock();
                self.end_one(&mut state);
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }

    /// Runs the oldest batch of `call`; false if none is queued.
    fn run_one_of(&self, call: CallId) -> bool {
        let batch = self.lock().take_of(call);
        let Some(batch) = batch else {
            return false;
        };
        run(batch);
        self.end_one(&mut self.lock());
        true
    }

    fn end_one(&self, state: &mut State) {
        state.running -= 1;
        if state.closed {
            self.ended.notify_all();
        }
    }

    /// Takes no more batches; the threads end when none is left.
    fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    /// Closes, waits up to `grace` for batches to end, drops those that have not begun, and
    /// returns how many still run.
    fn shut_down(&self, grace: Duration) -> usize {
        self.close();
        let busy = |state: &mut State| state.running > 0 || !state.waiting.is_empty();
        let (mut state, _) = self
            .ended
            .wait_timeout_while(self.lock(), grace, busy)
            .unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut state.waiting);
        let running = state.running;
        drop(state);
        drop(dropped);
        running
    }
}

/// Panics of tasks are caught in `Batch::run`. One from a batch's own code must not end the
/// thread; its call sees lost tasks, because the batch was dropped on the way.
fn run(batch: Box<dyn Batch>) {
    if catch_unwind(AssertUnwindSafe(|| batch.run())).is_err() {
        log::error!("a batch panicked outside its tasks");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, Frame, Payload, Target};

    struct Nothing(CallId);

    impl Batch for Nothing {
        fn call(&self) -> CallId {
            self.0
        }
        fn len(&self) -> u32 {
            1
        }
        fn target(&self) -> Option<Target> {
            None
        }
        fn run(self: Box<Self>) {}
        fn encode(&self, _: u32, _: &mut Frame) -> Result<(), Failure> {
            Ok(())
        }
        fn reply(&mut self, _: u32, _: Result<Payload<'_>, Failure>) {}
    }

    #[test]
    fn calls_take_turns() {
        let shared = Shared::default();
        for call in [1, 1, 1, 2, 2, 3] {
            assert!(shared.push(Box::new(Nothing(CallId(call)))).is_ok());
        }
        let mut state = shared.lock();
        let order: Vec<_> = std::iter::from_fn(|| state.take()).map(|b| b.call().0).collect();
        assert_eq!(order, [1, 2, 3, 1, 2, 1]);
    }
}
