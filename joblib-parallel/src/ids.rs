//! Numbers for calls.

use std::sync::atomic::{AtomicU64, Ordering};

use joblib_backends::CallId;

/// A number no other call of this process has.
pub(crate) fn next_call() -> CallId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    CallId(NEXT.fetch_add(1, Ordering::Relaxed))
}
