//! Where parallel tasks run: in sequence, on threads, in worker processes, behind one trait.
//!
//! ```
//! # #[cfg(feature = "threads")] {
//! use joblib_backends::{NJobs, backend_by_name};
//!
//! let threads = backend_by_name("threads", NJobs::from(2))?;
//! assert_eq!(threads.effective_n_jobs(NJobs::from(8))?.get(), 2);
//! assert!(threads.capabilities().shared_memory);
//! # }
//! # Ok::<(), joblib_backends::Error>(())
//! ```
//!
//! # Scope
//!
//! A backend takes a [`Batch`] of tasks whose types are erased, and either runs it where it is or
//! ships what the batch encodes and feeds it the answers. What runs when, in which batches, in
//! which order results come and what is tried again is the business of `joblib-parallel`, and most
//! programs use neither crate directly but the facade `joblib`.
//!
//! | Backend | Workers | Memory | A running task can be killed | Where |
//! | --- | --- | --- | --- | --- |
//! | [`Sequential`] | the caller | shared | no | everywhere |
//! | `Threads` | a pool of threads | shared | no | everywhere with threads |
//! | `Processes` | this executable, started again | their own | yes | Linux |
//! | `Launched` | the same, started by `srun`, `ssh` or another command | their own | yes | Linux |
//!
//! A backend of your own implements [`Backend`], for threads around a [`BatchQueue`], passes the suite of
//! the feature `conformance`, and is chosen by name after [`register_backend`].
//!
//! # Limits
//!
//! Threads cannot be killed, so a task that hangs on one holds it for ever. Worker processes need
//! Linux 5.3 or newer with `/proc`, and run only functions of the executable itself, not of shared
//! libraries.
//!
//! # Features
//!
//! `threads` and `processes` (both on by default) are the backends of that name; without them the
//! crate builds for `wasm32-unknown-unknown`. `conformance` exposes the suite that every backend
//! must pass; it is not covered by semver.

#![deny(unsafe_code)]

mod backend;
mod batch;
mod batch_queue;
#[cfg(feature = "processes")]
mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cpus;
#[cfg(all(feature = "distributed", target_os = "linux"))]
mod distributed;
mod error;
mod inside;
mod keep;
#[cfg(all(feature = "processes", target_os = "linux"))]
mod launched;
#[cfg(feature = "processes")]
mod lent;
mod n_jobs;
mod options;
#[cfg(any(feature = "processes", feature = "threads"))]
mod pools;
#[cfg(all(feature = "processes", target_os = "linux"))]
mod processes;
mod registry;
#[cfg(all(feature = "processes", target_os = "linux"))]
mod scatter;
mod sequential;
mod shared;
#[cfg(feature = "threads")]
mod threads;
mod waiting;

pub use backend::{Backend, CallId, Capabilities};
pub use batch::{Batch, CallFn, Failure, Frame, Payload, Target};
pub use batch_queue::BatchQueue;
pub use cpus::{cpu_count, physical_cpu_count};
#[cfg(all(feature = "distributed", target_os = "linux"))]
pub use distributed::Distributed;
pub use error::{Error, Result};
pub use inside::{inside_worker, worker_cores};
pub use keep::{Keep, Kept};
#[cfg(all(feature = "processes", target_os = "linux"))]
pub use launched::{Launched, Launcher};
#[cfg(feature = "processes")]
pub use lent::Lent;
pub use n_jobs::NJobs;
pub use options::{ArrayMode, WorkerOptions};
#[cfg(all(feature = "processes", target_os = "linux"))]
pub use processes::Processes;
pub use registry::{backend_by_name, backend_by_name_with, backend_names, register_backend};
pub use sequential::Sequential;
pub use shared::Shared;
#[cfg(feature = "threads")]
pub use threads::Threads;
