//! The simplest parallel loop: calls made somewhere else, results in order.
//!
//! ```
//! use joblib_parallel::{Parallel, delayed};
//!
//! // A call of a function: runs on threads, or with `.backend("processes")` in worker processes.
//! let roots: Vec<f64> =
//!     Parallel::new().n_jobs(2).run((0..4).map(|i| delayed!(f64::sqrt(f64::from(i * i)))))?;
//! assert_eq!(roots, [0.0, 1.0, 2.0, 3.0]);
//!
//! // A closure, which may borrow: runs on threads.
//! let rows = [vec![1, 2], vec![3, 4]];
//! let sums: Vec<i32> =
//!     Parallel::new().n_jobs(-1).run(rows.iter().map(|row| delayed(|| row.iter().sum())))?;
//! assert_eq!(sums, [3, 7]);
//!
//! // Results as they come, with a bounded number of them waiting.
//! for root in Parallel::new().n_jobs(2).stream((1..4).map(|i| delayed!(f64::sqrt(f64::from(i))))) {
//!     assert!(root? >= 1.0);
//! }
//! # Ok::<(), joblib_parallel::Error>(())
//! ```
//!
//! # Scope
//!
//! This crate decides *what* runs when: it reads the input a little ahead of the workers, puts tiny
//! tasks together into batches, keeps results in the order of the tasks, and turns panics and dead
//! workers into errors that name the task. *Where* batches run is the business of `joblib-backends`.
//!
//! # Limits
//!
//! * A task on a thread cannot be stopped: after a failure the call waits for the tasks that run.
//! * Tasks that reach other processes are calls of functions or of closures without captures, with up
//!   to eight arguments; arguments and results go through serde.
//! * The backend's word is final: if it leaks a batch, [`Parallel::run`] waits for ever.
//! * Without a clock (`wasm32-unknown-unknown`) automatic batches have one task, and there are no
//!   workers to speak of: calls run in sequence.
//!
//! # Features
//!
//! `threads` (default): the thread pool. `processes` (default, effective on Linux): worker processes,
//! and tasks that can travel to them. `progress`: `Parallel::progress` draws a bar. Without the first
//! two, calls run in sequence or on a backend of yours.

#![deny(unsafe_code)]

mod argument;
#[cfg(feature = "progress")]
mod bar;
mod batch;
mod batching;
mod clock;
mod collect;
mod config;
mod context;
mod dispatch;
mod error;
mod fold;
#[cfg(feature = "processes")]
mod graph;
mod group;
mod hook;
mod ids;
mod in_place;
mod macros;
mod panics;
mod parallel;
mod plan;
mod portable;
mod portable_fold;
mod pre_dispatch;
mod progress;
mod reduce;
mod rests;
mod runs;
mod scope;
mod stream;
mod sync;
mod task;
mod trace;
mod watch;
mod wishes;

pub use config::{BackendChoice, ParallelConfig};
pub use error::{Error, Result, TaskError, TryError};
pub use fold::{Fold, FoldWire, Folding, fold};
#[cfg(feature = "processes")]
pub use graph::{Node, Wanted};
pub use hook::ProgressUpdate;
pub use joblib_backends::{
    ArrayMode, Failure, NJobs, WorkerOptions, cpu_count, physical_cpu_count, register_backend,
};
pub use parallel::{Parallel, effective_n_jobs};
pub use portable::Portable;
pub use portable_fold::PortableFold;
pub use pre_dispatch::PreDispatch;
pub use stream::Results;
pub use task::{Again, Delayed, Repeatable, Task, Wire, delayed};
pub use watch::Retries;
pub use wishes::{Prefer, Require};

/// What the macros expand to; not covered by semver.
#[doc(hidden)]
pub mod __private {
    pub use crate::argument::*;
    pub use crate::portable::*;
    pub use crate::portable_fold::portable_fold;
}
