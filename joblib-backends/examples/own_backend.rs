//! A backend of one's own: some threads and a queue.
//!
//! `cargo run --example own_backend` finds it by its name, `cargo test --example own_backend` runs the
//! suite that every backend has to pass.

#![allow(clippy::unwrap_used, reason = "an example: nothing here can poison a lock")]

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use joblib_backends::{
    Backend, Batch, CallId, Capabilities, Error, NJobs, Result, backend_by_name,
    backend_conformance, cpu_count, register_backend,
};

/// A fixed crew of threads that take batches from one queue.
#[derive(Debug)]
struct Crew {
    shared: Arc<Shared>,
    size: NonZeroUsize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Batch>>,
    running: usize,
    closed: bool,
}

impl Shared {
    /// Runs the first batch that suits; false if there is none.
    fn run_one(&self, suits: impl Fn(&dyn Batch) -> bool) -> bool {
        let mut state = self.state.lock().unwrap();
        let Some(at) = state.waiting.iter().position(|batch| suits(&**batch)) else { return false };
        let batch = state.waiting.remove(at).unwrap();
        state.running += 1;
        drop(state); // Batches run, and are dropped, outside of the lock.
        batch.run();
        self.state.lock().unwrap().running -= 1;
        self.changed.notify_all();
        true
    }
}

impl Crew {
    fn new(size: NonZeroUsize) -> Self {
        let shared = Arc::<Shared>::default();
        for _ in 0..size.get() {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name("crew".into());
            let work = move || loop {
                let idle = shared.state.lock().unwrap();
                drop(shared.changed.wait_while(idle, |state| state.waiting.is_empty()).unwrap());
                shared.run_one(|_| true);
            };
            thread.spawn(work).unwrap();
        }
        Self { shared, size }
    }
}

impl Backend for Crew {
    fn name(&self) -> &str {
        "crew"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.shared_memory = true;
        capabilities
    }

    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        Ok(requested.resolve(cpu_count())?.min(self.size))
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        let mut state = self.shared.state.lock().unwrap();
        if state.closed {
            drop(state);
            return drop(batch); // Its tasks count as lost.
        }
        state.waiting.push_back(batch);
        self.shared.changed.notify_all();
    }

    fn help(&self, call: CallId) -> bool {
        thread::current().name() == Some("crew")
            && self.shared.run_one(|batch| batch.call() == call)
    }

    fn abort(&self, call: CallId) {
        let mut state = self.shared.state.lock().unwrap();
        let (dropped, kept) =
            state.waiting.drain(..).partition::<Vec<_>, _>(|batch| batch.call() == call);
        state.waiting = kept.into();
        drop(state);
        drop(dropped);
    }

    fn shutdown(&self, grace: Duration) -> Result<()> {
        let mut state = self.shared.state.lock().unwrap();
        state.closed = true;
        let busy = |state: &mut State| state.running > 0 || !state.waiting.is_empty();
        let (state, _) = self.shared.changed.wait_timeout_while(state, grace, busy).unwrap();
        match state.running {
            0 => Ok(()),
            batches => Err(Error::StillRunning { backend: "crew", batches }),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let size = NonZeroUsize::new(4).unwrap();
    register_backend("crew", move |_, _| Ok(Arc::new(Crew::new(size))));
    let backend = backend_by_name("crew", NJobs::from(4))?;
    println!("{backend:?} runs {} tasks at once", backend.effective_n_jobs(NJobs::from(4))?);
    Ok(())
}

backend_conformance!(passes, Crew::new(NonZeroUsize::new(3).unwrap()));
