//! The backend of threads: one rayon pool, and one queue per call so that a waiting call can find
//! its own batches.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::batch::{refuse, run};
use crate::pools::{Pool, Pools, check_workers};
use crate::waiting::Waiting;
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
/// The threads are a rayon pool: what a task does with rayon (`par_iter`, `join`) spreads over
/// those of them that have no batch to run, so that it, too, stays within the given number. Batches do
/// not go through rayon's queues one by one: a task that waits inside `par_iter` would then be made to
/// run another task meanwhile, on top of the locks it holds. Rayon only starts a loop on a thread when
/// there is work, and a thread that already has one never starts a second.
pub struct Threads {
    shared: Arc<Shared>,
    pool: rayon::ThreadPool,
    workers: NonZeroUsize,
}

impl Threads {
    /// Starts `workers` threads of its own. See [`shared`](Self::shared) for the usual way.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyWorkers`] for more than 4096; [`Error::Start`] if the system refuses that many
    /// threads.
    pub fn new(workers: NonZeroUsize) -> Result<Self> {
        check_workers("threads", workers)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers.get())
            .thread_name(|index| format!("joblib-{index}"))
            .build()
            .map_err(|error| {
                let source = Box::new(error);
                Error::Start { backend: "threads", workers: workers.get(), source }
            })?;
        Ok(Self { shared: Arc::new(Shared::new(workers.get())), pool, workers })
    }

    /// The process-wide pool of `workers` threads, started at the first request and then kept.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyWorkers`] for more than 4096; [`Error::Start`] if the system refuses that many
    /// threads.
    pub fn shared(workers: NonZeroUsize) -> Result<Arc<Self>> {
        static POOLS: Pools<NonZeroUsize, Threads> = Pools::new();
        POOLS.get(workers, |workers| Self::new(*workers))
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
        Capabilities::of_threads()
    }

    /// As many as asked for, but no more than there are threads.
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        Ok(requested.resolve(cpu_count())?.min(self.workers))
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        match self.shared.push(batch) {
            Ok(Next::Nothing) => {}
            Ok(Next::StartLoop) => {
                let shared = Arc::clone(&self.shared);
                self.pool.spawn(move || shared.enter());
            }
            Err(batch) => refuse(batch, "the `threads` backend was shut down"),
        }
    }

    /// Only a thread of this pool helps: any other would be one worker more than was asked for.
    fn help(&self, call: CallId) -> bool {
        self.pool.current_thread_index().is_some() && self.shared.run_one_of(call)
    }

    fn abort(&self, call: CallId) {
        let queued = self.shared.lock().waiting.take_all_of(call);
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
    /// Whether this thread has a loop: such a thread may wait inside a task.
    static HAS_LOOP: Cell<bool> = const { Cell::new(false) };
}

/// What the threads share. No batch is run or dropped while the lock is held.
struct Shared {
    workers: usize,
    state: Mutex<State>,
    /// Notified when a batch has ended after the pool was closed.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Waiting,
    /// Loops that run, or were asked for.
    loops: usize,
    running: usize,
    closed: bool,
}

/// What is to be done after a batch was queued.
#[derive(Debug, Eq, PartialEq)]
enum Next {
    Nothing,
    StartLoop,
}

impl Shared {
    fn new(workers: usize) -> Self {
        Self { workers, state: Mutex::default(), ended: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues `batch`, or gives it back if the pool is closed.
    fn push(&self, batch: Box<dyn Batch>) -> Result<Next, Box<dyn Batch>> {
        let mut state = self.lock();
        if state.closed {
            return Err(batch);
        }
        state.waiting.push(batch);
        if state.loops == self.workers {
            return Ok(Next::Nothing);
        }
        state.loops += 1;
        Ok(Next::StartLoop)
    }

    /// Runs a loop on this thread of the pool, unless it has one.
    fn enter(self: Arc<Self>) {
        if HAS_LOOP.replace(true) {
            // Rayon came here from a task that waits for its own parallel work. There are fewer
            // loops than threads, so another thread is free, or soon will be.
            rayon::spawn(move || self.enter());
            thread::yield_now();
        } else {
            self.work();
            HAS_LOOP.set(false);
        }
    }

    /// Runs batches until none is queued.
    fn work(&self) {
        let mut state = self.lock();
        while let Some(batch) = state.waiting.take() {
            state.running += 1;
            drop(state);
            run(batch);
            state = self.lock();
            self.end_one(&mut state);
        }
        state.loops -= 1;
    }

    /// Runs the oldest batch of `call`; false if none is queued.
    fn run_one_of(&self, call: CallId) -> bool {
        let mut state = self.lock();
        let Some(batch) = state.waiting.take_of(call) else {
            return false;
        };
        state.running += 1;
        drop(state);
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

    /// Takes no more batches.
    fn close(&self) {
        self.lock().closed = true;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiting::tests::Nothing;
    use crate::{Failure, Frame, Payload, Target};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    #[test]
    fn as_many_loops_are_started_as_there_are_workers() {
        let shared = Shared::new(2);
        let push = || shared.push(Box::new(Nothing(CallId(1)))).ok();
        let next = [push(), push(), push()];
        assert_eq!(next, [Some(Next::StartLoop), Some(Next::StartLoop), Some(Next::Nothing)]);
        shared.work();
        assert_eq!(push(), Some(Next::StartLoop));
    }

    /// The first batch waits inside rayon, and the second is submitted while it does.
    enum Waiting {
        First { threads: Arc<Threads>, done: mpsc::Sender<bool> },
        Second { ran: Arc<AtomicBool> },
    }

    impl Batch for Waiting {
        fn call(&self) -> CallId {
            CallId(1)
        }
        fn len(&self) -> u32 {
            1
        }
        fn target(&self) -> Option<Target> {
            None
        }
        fn run(self: Box<Self>) {
            match *self {
                Waiting::Second { ran } => ran.store(true, Ordering::SeqCst),
                Waiting::First { threads, done } => {
                    let (stolen, ran) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
                    let submit = || {
                        while !stolen.load(Ordering::SeqCst) {
                            thread::yield_now();
                        }
                        threads.submit(Box::new(Waiting::Second { ran: Arc::clone(&ran) }));
                    };
                    // On the other thread, while this one waits; both are taken.
                    let watch = || {
                        stolen.store(true, Ordering::SeqCst);
                        (0..10_000).any(|_| {
                            thread::yield_now();
                            ran.load(Ordering::SeqCst)
                        })
                    };
                    let ((), on_top) = rayon::join(submit, watch);
                    done.send(on_top).unwrap();
                }
            }
        }
        fn encode(&self, _: u32, _: &mut Frame) -> Result<(), Failure> {
            Ok(())
        }
        fn reply(&mut self, _: u32, _: Result<Payload<'_>, Failure>) {}
    }

    #[test]
    fn a_task_that_waits_inside_rayon_is_not_made_to_run_another() {
        let threads = Arc::new(Threads::new(NonZeroUsize::new(2).unwrap()).unwrap());
        let (done, on_top) = mpsc::channel();
        threads.submit(Box::new(Waiting::First { threads: Arc::clone(&threads), done }));
        assert_eq!(on_top.recv(), Ok(false));
    }
}
