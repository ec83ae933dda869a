//! What has to be written to a service beside the calls: claims again and again, and uses of
//! entries now and then.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use joblib_persist::cloud::{Bucket, WriteMode};

use super::lease;
use crate::CallId;
use crate::layout::keys;

/// How old a noted use may be before the next one is noted: each costs a request, which is money.
const USE_RESOLUTION: Duration = Duration::from_secs(3600);

/// So many uses are remembered; then all are forgotten, and noted again.
const MOST_USES: usize = 100_000;

/// How long the end of a store waits for uses that are still to be noted.
const FAREWELL: Duration = Duration::from_secs(5);

/// A thread that lives while there is something to do, and what it has to do.
pub(super) struct Attendant {
    bucket: Bucket,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while a claim is written or given back: it would come again.
    renewing: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Claims, how often they are renewed, and when next.
    held: HashMap<String, (Duration, Instant)>,
    to_note: VecDeque<CallId>,
    uses: HashMap<CallId, SystemTime>,
    /// Whether there is a thread, and whether it is noting a use.
    is_working: bool,
    is_noting: bool,
}

/// What is done next.
enum Task {
    Renew(String),
    Note(CallId),
}

/// A claim that is renewed until this is dropped.
pub(super) struct Renewed {
    attendant: Arc<Attendant>,
    key: String,
}

impl Attendant {
    pub(super) fn new(bucket: Bucket) -> Arc<Self> {
        let (changed, renewing) = (Condvar::new(), Mutex::new(()));
        Arc::new(Self { bucket, state: Mutex::default(), changed, renewing })
    }

    /// Renews the claim `key`, which is held, three times in a `lease`.
    pub(super) fn renew(self: &Arc<Self>, key: String, lease: Duration) -> Renewed {
        let mut state = self.lock();
        state.held.insert(key.clone(), (lease / 3, Instant::now() + lease / 3));
        self.work(state);
        Renewed { attendant: Arc::clone(self), key }
    }

    /// An entry that was put at `put` is used now.
    pub(super) fn note_use(self: &Arc<Self>, id: &CallId, put: SystemTime) {
        let now = SystemTime::now();
        let mut state = self.lock();
        let last = state.uses.get(id).copied().unwrap_or(put);
        let is_new = now.duration_since(last).is_ok_and(|age| age >= USE_RESOLUTION);
        if state.uses.len() >= MOST_USES {
            state.uses.clear();
        }
        if is_new {
            state.uses.insert(id.clone(), now);
            state.to_note.push_back(id.clone());
            self.work(state);
        }
    }

    /// The last use that was noted here.
    pub(super) fn last_use(&self, id: &CallId) -> Option<SystemTime> {
        self.lock().uses.get(id).copied()
    }

    /// The entry is gone.
    pub(super) fn forget(&self, id: &CallId) {
        let mut state = self.lock();
        state.uses.remove(id);
        state.to_note.retain(|noted| noted != id);
    }

    /// Waits until all uses are noted, but not long.
    pub(super) fn finish(&self) {
        let state = self.lock();
        let busy =
            |state: &mut State| state.is_working && (state.is_noting || !state.to_note.is_empty());
        // Whether it was in time or not: there is nothing more to be done.
        drop(self.changed.wait_timeout_while(state, FAREWELL, busy));
    }

    /// Has the thread work.
    fn work(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if state.is_working {
            self.changed.notify_all();
            return;
        }
        let attendant = Arc::clone(self);
        let thread = thread::Builder::new().name("joblib-memory store".to_owned());
        match thread.spawn(move || while attendant.do_next() {}) {
            Ok(_) => state.is_working = true,
            Err(error) => log::debug!("claims and uses are not kept: {error}"),
        }
    }

    /// Does one thing; says whether there may be more.
    fn do_next(&self) -> bool {
        let Some(task) = self.next() else { return false };
        match task {
            Task::Renew(key) => {
                let _renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
                if self.lock().held.contains_key(&key) {
                    let renewed = lease::write(&self.bucket, &key, WriteMode::Replace);
                    renewed.map_or_else(|error| log::debug!("{error}"), drop);
                }
            }
            Task::Note(id) => {
                let mut note = self.bucket.write(&keys::used(&id), WriteMode::Replace);
                let noted = note.write_all(b"used\n").and_then(|()| note.finish());
                noted.map_or_else(|error| log::debug!("{error}"), drop);
                self.lock().is_noting = false;
                self.changed.notify_all();
            }
        }
        true
    }

    /// Waits for the next thing to do; nothing if there will be none.
    fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if let Some(id) = state.to_note.pop_front() {
                state.is_noting = true;
                return Some(Task::Note(id));
            }
            let Some((key, (interval, due))) =
                state.held.iter_mut().min_by_key(|(_, (_, due))| *due)
            else {
                state.is_working = false;
                return None;
            };
            if *due <= now {
                *due = now + *interval;
                return Some(Task::Renew(key.clone()));
            }
            let left = *due - now;
            state =
                self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Renewed {
    fn drop(&mut self) {
        let Attendant { bucket, renewing, .. } = &*self.attendant;
        let _renewing = renewing.lock().unwrap_or_else(PoisonError::into_inner);
        self.attendant.lock().held.remove(&self.key);
        if let Err(error) = bucket.delete(&self.key) {
            log::debug!("a claim is not given back and ends by itself: {error}");
        }
    }
}

impl fmt::Debug for Attendant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attendant").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_renewed_until_it_is_given_back() {
        let bucket = Bucket::open("memory://attendant").unwrap();
        let attendant = Attendant::new(bucket.clone());
        for _ in 0..2 {
            lease::write(&bucket, "a.claim", WriteMode::IfAbsent).unwrap();
            let written = || bucket.info("a.claim").unwrap().map(|claim| claim.modified);
            let first = written();
            let renewed = attendant.renew("a.claim".to_owned(), Duration::from_millis(3));
            while written() == first {
                thread::yield_now();
            }
            drop(renewed);
            assert_eq!(written(), None);
            // The thread ends when there is nothing to do, and a late renewal does not bring it back.
            while attendant.lock().is_working {
                thread::yield_now();
            }
            assert_eq!(written(), None);
        }
    }

    #[test]
    fn a_renewal_that_comes_late_does_not_bring_a_claim_back() {
        let bucket = Bucket::open("memory://attendant-late").unwrap();
        let attendant = Attendant::new(bucket.clone());
        let renewing = attendant.renewing.lock().unwrap();
        let renewed = attendant.renew("a.claim".to_owned(), Duration::from_millis(3));
        let due = || attendant.lock().held["a.claim"].1;
        let first = due();
        // Then the thread is about to renew it, and waits for us.
        while due() == first {
            thread::yield_now();
        }
        attendant.lock().held.clear();
        drop(renewing);
        while attendant.lock().is_working {
            thread::yield_now();
        }
        assert_eq!(bucket.info("a.claim").unwrap(), None);
        drop(renewed);
    }
}
