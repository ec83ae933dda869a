//! Whether this process is a worker.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static INSIDE: AtomicBool = AtomicBool::new(false);

/// True in a worker process, where calls run in sequence: a worker starts no workers.
pub fn inside_worker() -> bool {
    INSIDE.load(Relaxed)
}

/// Called once, before the first task.
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) fn set() {
    INSIDE.store(true, Relaxed);
}
