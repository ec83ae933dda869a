//! Somebody who wants to know how far a call is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::panics::attempt;

/// How far a loop is, for the hook given to [`Parallel::on_progress`](crate::Parallel::on_progress).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProgressUpdate {
    /// How many tasks were answered, well or not.
    pub done: usize,
    /// How many tasks were handed to workers.
    pub dispatched: usize,
    /// The number of all tasks, as soon as it is known.
    pub total: Option<usize>,
    /// The time since the loop began.
    pub elapsed: Duration,
    /// The loop is over, and this the last update.
    pub finished: bool,
}

/// Whom to tell.
#[derive(Clone)]
pub(crate) struct Hook(Arc<dyn Fn(&ProgressUpdate) + Send + Sync>);

impl Hook {
    pub(crate) fn new(call: impl Fn(&ProgressUpdate) + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    /// A hook is a bystander: if it panics, the loop goes on.
    pub(crate) fn call(&self, update: &ProgressUpdate) {
        if let Err(failure) = attempt(|| (self.0)(update)) {
            log::error!("the hook of `on_progress` failed: {failure:?}");
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
