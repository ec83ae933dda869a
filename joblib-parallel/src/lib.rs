//! The simplest parallel loop.

#![deny(unsafe_code)]

mod argument;
mod batch;
mod batching;
mod clock;
mod collect;
mod config;
mod context;
mod dispatch;
mod error;
mod ids;
mod in_place;
mod macros;
mod panics;
mod parallel;
mod plan;
mod portable;
mod pre_dispatch;
mod progress;
mod runs;
mod scope;
mod stream;
mod task;

pub use config::{BackendChoice, ParallelConfig};
pub use error::{Error, Result, TaskError};
pub use joblib_backends::{NJobs, cpu_count, register_backend};
pub use parallel::{Parallel, effective_n_jobs};
pub use portable::Portable;
pub use pre_dispatch::PreDispatch;
pub use stream::Results;
pub use task::{Delayed, Task, Wire, delayed};

/// What the macros expand to; not covered by semver.
#[doc(hidden)]
pub mod __private {
    pub use crate::argument::*;
    pub use crate::portable::*;
}
