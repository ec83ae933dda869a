//! Writes counts down when the process ends: a memory in a `static` is never dropped.

#![allow(unsafe_code, reason = "std has no such hook")]

use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use crate::counters::Counters;

static TO_WRITE: Mutex<Vec<Weak<Counters>>> = Mutex::new(Vec::new());

/// Has these counts written when `main` returns or `exit` is called. Elsewhere than on Linux, and in
/// a process that is killed, what was counted in the last second is lost.
pub(crate) fn write(counters: &Arc<Counters>) {
    static REGISTERED: Once = Once::new();
    let mut all = TO_WRITE.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|counters| counters.strong_count() > 0);
    all.push(Arc::downgrade(counters));
    drop(all);
    REGISTERED.call_once(register);
}

#[cfg(target_os = "linux")]
fn register() {
    // SAFETY: the function takes nothing, lives as long as the program, or as the library it is in,
    // whose end calls it, and does not unwind.
    let status = unsafe { libc::atexit(at_exit) };
    if status != 0 {
        log::debug!("counts of the last second will not be written");
    }
}

#[cfg(not(target_os = "linux"))]
fn register() {}

#[cfg(target_os = "linux")]
extern "C" fn at_exit() {
    // Only what the user's logger does could panic, and there is nobody left to tell.
    let _ = std::panic::catch_unwind(|| {
        // Other threads still run, and one of them may hold the lock for ever.
        let Ok(all) = TO_WRITE.try_lock() else { return };
        for counters in all.iter().filter_map(Weak::upgrade) {
            counters.write(true);
        }
    });
}
