#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

use std::num::NonZeroUsize;

use joblib_backends::{Processes, Sequential, Threads, backend_conformance};

fn workers(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

backend_conformance!(sequential, Sequential);
backend_conformance!(one_thread, Threads::new(workers(1)).unwrap());
backend_conformance!(three_threads, Threads::new(workers(3)).unwrap());
backend_conformance!(one_process, Processes::new(workers(1)).unwrap());
backend_conformance!(three_processes, Processes::new(workers(3)).unwrap());
