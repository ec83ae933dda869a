use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use joblib_backends::{Backend, Batch, CallId, Capabilities, NJobs, Result};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread::{self, JoinHandle, ThreadId};

/// What the threads do with a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    Run,
    Drop,
}

/// Two threads that take batches from one queue. It goes by the name of the backend of threads, so that
/// calls inside of tasks share it.
pub(crate) struct Crew {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    members: Vec<ThreadId>,
}

struct Shared {
    does: Does,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Batch>>,
    closed: bool,
}

impl Shared {
    fn settle(&self, batch: Box<dyn Batch>) {
        match self.does {
            Does::Run => batch.run(),
            Does::Drop => drop(batch),
        }
    }

    fn work(&self) {
        loop {
            let mut state = self.state.lock().unwrap();
            while state.waiting.is_empty() && !state.closed {
                state = self.changed.wait(state).unwrap();
            }
            let Some(batch) = state.waiting.pop_front() else { return };
            drop(state);
            self.settle(batch);
        }
    }

    /// Takes the batches of `call`, or the first of them, out of the queue.
    fn take(&self, call: CallId, most: usize) -> Vec<Box<dyn Batch>> {
        let mut state = self.state.lock().unwrap();
        let (taken, kept) =
            state.waiting.drain(..).partition::<Vec<_>, _>(|batch| batch.call() == call);
        let mut taken = VecDeque::from(taken);
        let rest = taken.split_off(most.min(taken.len()));
        state.waiting = rest.into_iter().chain(kept).collect();
        taken.into()
    }
}

impl Crew {
    pub(crate) fn new(does: Does) -> Arc<Self> {
        let state = Mutex::new(State::default());
        let shared = Arc::new(Shared { does, state, changed: Condvar::new() });
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.work())
            })
            .collect();
        let members = threads.iter().map(|thread| thread.thread().id()).collect();
        Arc::new(Self { shared, threads: Mutex::new(threads), members })
    }

    /// Waits until the threads have done all there is.
    pub(crate) fn end(&self) {
        self.shared.state.lock().unwrap().closed = true;
        self.shared.changed.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

impl Backend for Crew {
    fn name(&self) -> &str {
        "threads"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.shared_memory = true;
        capabilities
    }

    fn effective_n_jobs(&self, _: NJobs) -> Result<NonZeroUsize> {
        Ok(NonZeroUsize::new(2).unwrap())
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        self.shared.state.lock().unwrap().waiting.push_back(batch);
        self.shared.changed.notify_one();
    }

    fn help(&self, call: CallId) -> bool {
        if !self.members.contains(&thread::current().id()) {
            return false;
        }
        let batch = self.shared.take(call, 1).pop();
        batch.map(|batch| self.shared.settle(batch)).is_some()
    }

    fn abort(&self, call: CallId) {
        let batches = self.shared.take(call, usize::MAX);
        drop(batches);
    }

    fn shutdown(&self, _: Duration) -> Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("does", &self.shared.does).finish_non_exhaustive()
    }
}
