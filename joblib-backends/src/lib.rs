//! Where parallel tasks run.

#![deny(unsafe_code)]

mod backend;
mod batch;
#[cfg(feature = "processes")]
mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cpus;
mod error;
mod inside;
mod n_jobs;
#[cfg(any(feature = "processes", feature = "threads"))]
mod pools;
#[cfg(all(feature = "processes", target_os = "linux"))]
mod processes;
mod registry;
mod sequential;
#[cfg(feature = "threads")]
mod threads;

pub use backend::{Backend, CallId, Capabilities};
pub use batch::{Batch, CallFn, Failure, Frame, Payload, Target};
pub use cpus::cpu_count;
pub use error::{Error, Result};
pub use inside::inside_worker;
pub use n_jobs::NJobs;
#[cfg(all(feature = "processes", target_os = "linux"))]
pub use processes::Processes;
pub use registry::{Factory, backend_by_name, backend_names, register_backend};
pub use sequential::Sequential;
#[cfg(feature = "threads")]
pub use threads::Threads;
