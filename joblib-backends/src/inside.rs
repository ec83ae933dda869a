//! Whether this process is a worker.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many cores the tasks of this worker may use; zero in an ordinary process.
static CORES: AtomicUsize = AtomicUsize::new(0);

/// True in a worker process, which starts no workers of its own.
pub fn inside_worker() -> bool {
    worker_cores().is_some()
}

/// In a worker process: how many cores its tasks may use, which is its share of those that the
/// outermost call was given; `None` in an ordinary process.
pub fn worker_cores() -> Option<NonZeroUsize> {
    NonZeroUsize::new(CORES.load(Relaxed))
}

/// Called once, before the first task.
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) fn set(cores: NonZeroUsize) {
    CORES.store(cores.get(), Relaxed);
}
