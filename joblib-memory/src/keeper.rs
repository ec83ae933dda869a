//! Keeps a store within its limits while results come in, beside the calls and not in them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::limits::{Evicted, Limits};
use crate::store::Store;
use crate::{CallId, Result, clock, evictions, report};

/// After this time the store is looked at again: others put results there, too, and all of them
/// grow older.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// One in so many calls waits for the first look of its process. Processes that end before a thread
/// has finished would otherwise never get to delete anything.
const PATIENT_CALLS: u128 = 64;

/// Deletes what the limits do not allow, on a thread that lives while there is something to do.
#[derive(Debug)]
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn Store>,
    /// Where the store lies, if that is a folder.
    location: Option<PathBuf>,
    limits: Limits,
    /// Whether somebody is looking.
    looking: AtomicBool,
    looked: Mutex<Option<Stopwatch>>,
    /// What the store holds, as far as is known.
    bytes: AtomicU64,
    items: AtomicU64,
}

impl Keeper {
    pub(crate) fn new(store: Arc<dyn Store>, location: Option<PathBuf>, limits: Limits) -> Self {
        let (looking, looked) = (AtomicBool::new(false), Mutex::new(None));
        let (bytes, items) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { store, location, limits, looking, looked, bytes, items });
        Self { shared, thread: Mutex::new(None) }
    }

    /// Counts a new entry, and sees to it that there is not too much.
    pub(crate) fn stored(&self, id: &CallId, bytes: u64) {
        let shared = &self.shared;
        let held = Evicted {
            bytes: shared.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes,
            items: shared.items.fetch_add(1, Ordering::Relaxed) + 1,
        };
        let looked = *shared.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let old = looked.is_none_or(|looked| looked.elapsed() >= LOOK_AGAIN);
        if !(old || shared.limits.are_exceeded_by(held))
            || shared.looking.swap(true, Ordering::Acquire)
        {
            return;
        }
        let patient = looked.is_none() && id.arguments.as_u128().is_multiple_of(PATIENT_CALLS);
        if patient || self.start().is_err() {
            self.shared.look();
        }
    }

    fn start(&self) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let name = "joblib-memory keeper".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || shared.look())?;
        // The thread before it has finished: only one of them looks.
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }
}

impl Drop for Keeper {
    /// Waits for the thread, so that a process that ends with its memory leaves the store in order.
    fn drop(&mut self) {
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Its panic was reported by the panic hook; there is nobody else to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Counts what is there, and deletes what is too much.
    fn look(&self) {
        let before = self.held();
        match self.reduce() {
            Ok((_, left)) => {
                // What came in meanwhile may or may not have been listed: it counts.
                let now = self.held();
                self.bytes.store(left.bytes + (now.bytes - before.bytes), Ordering::Relaxed);
                self.items.store(left.items + (now.items - before.items), Ordering::Relaxed);
            }
            Err(error) => {
                log::warn!("the cache is not kept within its limits: {}", report::chain(&error));
            }
        }
        let now = Some(Stopwatch::start());
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.looking.store(false, Ordering::Release);
    }

    fn reduce(&self) -> Result<(Evicted, Evicted)> {
        let goal = self.limits.with_room();
        reduce(&*self.store, self.location.as_deref(), &self.limits, goal)
    }

    fn held(&self) -> Evicted {
        let [bytes, items] = [&self.bytes, &self.items].map(|n| n.load(Ordering::Relaxed));
        Evicted { items, bytes }
    }
}

/// If the store holds more than `limits` allow, deletes what is beyond `goal`. What went, and what
/// is left.
pub(crate) fn reduce(
    store: &dyn Store,
    location: Option<&Path>,
    limits: &Limits,
    goal: Limits,
) -> Result<(Evicted, Evicted)> {
    let entries = store.list(None)?;
    let mut left = Evicted::of(&entries);
    let goal = if limits.are_exceeded_by(left) { goal } else { *limits };
    let (mut gone, mut outcome) = (Evicted::default(), Ok(()));
    let surplus = goal.surplus(entries, clock::now());
    if let (Some(location), false) = (location, surplus.is_empty()) {
        evictions::note(location, &surplus);
    }
    for entry in surplus {
        match store.delete(&entry.id) {
            Ok(deleted) => {
                left = Evicted { items: left.items - 1, bytes: left.bytes - entry.bytes };
                // Otherwise somebody else was faster.
                if deleted {
                    gone = gone.and(&entry);
                }
            }
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome.map(|()| (gone, left))
}
