use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use joblib_schedules::{Delayed, delayed};

/// Something that tasks may have until their call returns.
///
/// It stands for a reference to the caller's stack, and is none, so that a task which keeps it too long
/// is a failed test and nothing worse.
pub(crate) struct Loan(Arc<()>);

impl Loan {
    pub(crate) fn new() -> Self {
        Self(Arc::new(()))
    }

    /// A task that has a part of it until it is dropped.
    pub(crate) fn task<R, F>(
        &self,
        work: F,
    ) -> Delayed<impl FnOnce() -> R + Clone + Send + use<R, F>>
    where
        R: Send,
        F: FnOnce() -> R + Clone + Send,
    {
        let part = Arc::clone(&self.0);
        delayed(move || {
            let _part = part;
            work()
        })
    }

    /// The call has returned.
    pub(crate) fn ends(self) {
        assert_eq!(Arc::strong_count(&self.0), 1, "a task outlives its call");
    }
}

/// Counts what is dropped.
pub(crate) struct Counted(pub(crate) Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}
