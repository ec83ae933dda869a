//! A backend of one's own: some threads and a queue.
//!
//! `cargo run --example own_backend` finds it by its name, `cargo test --example own_backend` runs the
//! suite that every backend has to pass.

#![allow(clippy::unwrap_used, reason = "an example")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use joblib_backends::{
    Backend, Batch, BatchQueue, CallId, Capabilities, NJobs, Result, backend_by_name,
    backend_conformance, cpu_count, register_backend,
};

/// A fixed crew of threads that take batches from one queue.
#[derive(Debug)]
struct Crew(Arc<BatchQueue>, NonZeroUsize);

impl Crew {
    fn new(size: NonZeroUsize) -> Self {
        let queue = Arc::new(BatchQueue::new("crew"));
        for _ in 0..size.get() {
            let queue = Arc::clone(&queue);
            let thread = thread::Builder::new().name("crew".into());
            thread.spawn(move || while queue.run_next() {}).unwrap();
        }
        Self(queue, size)
    }
}

impl Backend for Crew {
    fn name(&self) -> &str {
        "crew"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::of_threads()
    }
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        Ok(requested.resolve(cpu_count())?.min(self.1))
    }
    fn submit(&self, batch: Box<dyn Batch>) {
        self.0.push(batch);
    }
    fn help(&self, call: CallId) -> bool {
        thread::current().name() == Some("crew") && self.0.run_one_of(call)
    }
    fn abort(&self, call: CallId) {
        self.0.abort(call);
    }
    fn shutdown(&self, grace: Duration) -> Result<()> {
        self.0.shut_down(grace)
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
