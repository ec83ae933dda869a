//! The backend without workers: every batch runs inside `submit`, on the caller's thread.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::{Backend, Batch, CallId, Capabilities, NJobs, Result};

/// Runs every batch inside [`submit`](Backend::submit), on the caller's thread.
///
/// It has no state: nothing is ever queued, and [`shutdown`](Backend::shutdown) has nothing to
/// stop. It is also the reference that other backends are compared with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequential;

impl Backend for Sequential {
    fn name(&self) -> &str {
        "sequential"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::of_threads()
    }

    /// Always one, unless zero was asked for.
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        requested.resolve(NonZeroUsize::MIN)?;
        Ok(NonZeroUsize::MIN)
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        batch.run();
    }

    fn help(&self, _call: CallId) -> bool {
        false
    }

    fn abort(&self, _call: CallId) {}

    fn shutdown(&self, _grace: Duration) -> Result<()> {
        Ok(())
    }
}
