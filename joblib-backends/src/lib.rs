//! Where parallel tasks run.

mod backend;
mod batch;
mod error;
mod n_jobs;

pub use backend::{Backend, CallId, Capabilities};
pub use batch::{Batch, CallFn, Failure, Frame, Payload, Target};
pub use error::{Error, Result};
pub use n_jobs::NJobs;
