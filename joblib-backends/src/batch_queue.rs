//! What a backend with threads of its own is made of: a queue of batches.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::batch::{refuse, run};
use crate::waiting::Waiting;
use crate::{Batch, CallId, Error, Result};

/// Batches that wait for threads of yours, and everything that a [`Backend`](crate::Backend) of threads
/// has to know of them.
///
/// Batches of a call are begun in the order in which they came, and calls take turns. Each of your
/// threads does nothing but `while queue.run_next() {}`; four methods of the backend are one line each:
///
/// | method | what it does |
/// | --- | --- |
/// | `submit(batch)` | [`push(batch)`](Self::push) |
/// | `help(call)` | [`run_one_of(call)`](Self::run_one_of), on your own threads only |
/// | `abort(call)` | [`abort(call)`](Self::abort) |
/// | `shutdown(grace)` | [`shut_down(grace)`](Self::shut_down) |
///
/// ```
/// use std::sync::Arc;
///
/// use joblib_backends::BatchQueue;
///
/// let queue = Arc::new(BatchQueue::new("crew"));
/// let crew = [1, 2].map(|_| {
///     let queue = Arc::clone(&queue);
///     std::thread::spawn(move || while queue.run_next() {})
/// });
/// queue.shut_down(std::time::Duration::ZERO)?;
/// crew.map(|thread| thread.join().unwrap());
/// # Ok::<(), joblib_backends::Error>(())
/// ```
pub struct BatchQueue {
    backend: &'static str,
    state: Mutex<State>,
    /// Notified when there is something new to do, and when a batch has ended.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Waiting,
    running: usize,
    closed: bool,
}

impl BatchQueue {
    /// An empty queue of the backend with this name.
    pub fn new(backend: &'static str) -> Self {
        Self { backend, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Takes `batch`. After [`shut_down`](Self::shut_down) its tasks are refused.
    pub fn push(&self, batch: Box<dyn Batch>) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            return refuse(batch, &format!("the `{}` backend was shut down", self.backend));
        }
        state.waiting.push(batch);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for a batch and runs it on this thread; false if the queue was shut down and is empty.
    ///
    /// What a batch throws outside of its tasks is caught and logged.
    pub fn run_next(&self) -> bool {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let state = self.changed.wait_while(self.lock(), idle);
        self.run_taken(state.unwrap_or_else(PoisonError::into_inner), Waiting::take)
    }

    /// Runs the oldest batch of `call` on this thread; false if none waits.
    pub fn run_one_of(&self, call: CallId) -> bool {
        self.run_taken(self.lock(), |waiting| waiting.take_of(call))
    }

    /// Drops the batches of `call` that wait.
    pub fn abort(&self, call: CallId) {
        let dropped = self.lock().waiting.take_all_of(call);
        // Outside of the lock: dropping a batch runs the dispatcher's code.
        drop(dropped);
    }

    /// Takes no more batches, waits up to `grace` for those that are there, and drops what has not
    /// begun then.
    ///
    /// # Errors
    ///
    /// [`Error::StillRunning`] if batches run on: threads cannot be killed.
    pub fn shut_down(&self, grace: Duration) -> Result<()> {
        let mut state = self.lock();
        state.closed = true;
        self.changed.notify_all();
        let busy = |state: &mut State| state.running > 0 || !state.waiting.is_empty();
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, grace, busy)
            .unwrap_or_else(PoisonError::into_inner);
        let dropped = std::mem::take(&mut state.waiting);
        let batches = state.running;
        drop(state);
        drop(dropped);
        match batches {
            0 => Ok(()),
            batches => Err(Error::StillRunning { backend: self.backend, batches }),
        }
    }

    fn run_taken(
        &self,
        mut state: MutexGuard<'_, State>,
        take: impl FnOnce(&mut Waiting) -> Option<Box<dyn Batch>>,
    ) -> bool {
        let Some(batch) = take(&mut state.waiting) else { return false };
        state.running += 1;
        drop(state);
        run(batch);
        self.lock().running -= 1;
        self.changed.notify_all();
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BatchQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchQueue").field("backend", &self.backend).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiting::tests::Nothing;

    #[test]
    fn what_waits_at_the_end_of_the_grace_is_dropped() {
        let queue = BatchQueue::new("crew");
        queue.push(Box::new(Nothing(CallId(1))));
        assert!(queue.shut_down(Duration::ZERO).is_ok());
        assert!(!queue.run_next(), "nothing is left");
    }

    #[test]
    fn a_thread_helps_with_one_call_only() {
        let queue = BatchQueue::new("crew");
        queue.push(Box::new(Nothing(CallId(1))));
        assert!(!queue.run_one_of(CallId(2)));
        assert!(queue.run_one_of(CallId(1)));
        assert!(!queue.run_one_of(CallId(1)));
    }
}
