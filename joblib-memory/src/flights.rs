//! One computation of a call at a time among the threads of this process.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::CallId;

thread_local! {
    /// How many computations run on this thread, each inside the one before.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// The calls that threads of this process are about to compute or are computing.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    held: Mutex<HashMap<CallId, Phase>>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Its thread waits for another process, which depends on no thread of this one.
    Claiming,
    /// Its thread computes, and may in turn depend on a thread that waits here.
    Computing,
}

/// The right to compute a call; others wait for its end.
#[derive(Debug)]
pub(crate) struct Flight {
    flights: Arc<Flights>,
    id: CallId,
}

impl Flights {
    /// Becomes the one who computes `id`, after waiting for those who do already.
    ///
    /// Nothing if it is not worth or not safe to wait. A thread that is computing something waits
    /// for nobody, so no circle of waiting threads can close. Still, a pool that steals work can
    /// run one computation on top of a task that another one waits for; hence others are waited
    /// for no longer than `patience`.
    pub(crate) fn enter(self: &Arc<Self>, id: &CallId, patience: Duration) -> Option<Flight> {
        let mut held = self.lock();
        let mut waiting_since = None;
        while let Some(&phase) = held.get(id) {
            if is_nested() || patience.is_zero() {
                return None;
            }
            held = if phase == Phase::Claiming {
                self.changed.wait(held).unwrap_or_else(PoisonError::into_inner)
            } else {
                let since: &Instant = waiting_since.get_or_insert_with(Instant::now);
                let left = patience.checked_sub(since.elapsed()).filter(|left| !left.is_zero());
                let Some(left) = left else {
                    log::warn!(
                        "another thread has been computing {id} for {patience:?}: computing it here, too"
                    );
                    return None;
                };
                let waited = self.changed.wait_timeout(held, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
        }
        held.insert(id.clone(), Phase::Claiming);
        drop(held);
        DEPTH.set(DEPTH.get() + 1);
        Some(Flight { flights: Arc::clone(self), id: id.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, Phase>> {
        // No code of others runs under the lock, so the map is whole whatever panicked.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// From now on the thread computes.
    pub(crate) fn start(&self) {
        self.flights.lock().insert(self.id.clone(), Phase::Computing);
        self.flights.changed.notify_all();
    }

    /// Whether another flight of this thread is under way, so that it must not wait.
    pub(crate) fn is_nested(&self) -> bool {
        DEPTH.get() > 1
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.id);
        self.flights.changed.notify_all();
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

fn is_nested() -> bool {
    DEPTH.get() > 0
}
