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
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<CallId, Phase>,
    /// How many threads want to be told of a change: telling nobody costs a system call, too.
    waiting: usize,
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
        let mut state = self.lock();
        let mut waiting_since = None;
        while let Some(&phase) = state.held.get(id) {
            if is_nested() || patience.is_zero() {
                return None;
            }
            state.waiting += 1;
            state = if phase == Phase::Claiming {
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                let since: &Instant = waiting_since.get_or_insert_with(Instant::now);
                let left = patience.saturating_sub(since.elapsed());
                let waited = self.changed.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
            state.waiting -= 1;
            if waiting_since.is_some_and(|since: Instant| since.elapsed() >= patience) {
                log::warn!(
                    "another thread has been computing {id} for {patience:?}: \
                     computing it here, too"
                );
                return None;
            }
        }
        state.held.insert(id.clone(), Phase::Claiming);
        drop(state);
        DEPTH.set(DEPTH.get() + 1);
        Some(Flight { flights: Arc::clone(self), id: id.clone() })
    }

    /// Changes what is held, and tells those who wait.
    fn change(&self, change: impl FnOnce(&mut HashMap<CallId, Phase>)) {
        let mut state = self.lock();
        change(&mut state.held);
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock, so the state is whole whatever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// From now on the thread computes.
    pub(crate) fn start(&self) {
        self.flights.change(|held| {
            held.insert(self.id.clone(), Phase::Computing);
        });
    }

    /// Whether another flight of this thread is under way, so that it must not wait.
    pub(crate) fn is_nested(&self) -> bool {
        DEPTH.get() > 1
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.change(|held| {
            held.remove(&self.id);
        });
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

fn is_nested() -> bool {
    DEPTH.get() > 0
}
