//! What many tasks use, for workers that share no memory with us: large arrays and shared values go
//! there once, ahead of the batches, which carry only their ids.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use joblib_persist::array::Block;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use crate::codec::explain;
use crate::processes::{Carrier, far, remote};
use crate::{Batch, Failure, Frame, Shared};

/// What has more bytes than this goes ahead of its batch.
const MAX_NBYTES: usize = 1 << 20;
/// Of so many arrays that tasks borrow, those used last stay there while the call runs.
const KEPT: usize = 16;

/// The way to an engine or to a worker.
pub(crate) trait Outlet: Send + Sync {
    /// Sends `len` bytes, which `write` writes, to be kept under an id.
    fn put(
        &self,
        id: u64,
        len: usize,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()>;

    /// Nothing refers to that id any more. Does not wait.
    fn forget(&self, id: u64);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes elsewhere, which are dropped there when nothing here refers to them.
pub(crate) struct Blob {
    pub(crate) id: u64,
    outlet: Weak<dyn Outlet>,
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({})", self.id)
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        if let Some(outlet) = self.outlet.upgrade() {
            outlet.forget(self.id);
        }
    }
}

/// Sends blobs one way.
pub(crate) struct Scatter {
    outlet: Arc<dyn Outlet>,
    /// Begins anywhere, because workers serve several programs and tell their arrays by these ids.
    next: AtomicU64,
}

impl fmt::Debug for Scatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scatter").finish_non_exhaustive()
    }
}

impl Scatter {
    pub(crate) fn new(outlet: Arc<dyn Outlet>) -> Self {
        Self { outlet, next: AtomicU64::new(RandomState::new().hash_one(0_u8)) }
    }

    /// Sends `len` bytes, which `write` writes.
    fn put(
        &self,
        len: usize,
        mut write: impl FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Arc<Blob>> {
        let blob = self.blob();
        self.outlet.put(blob.id, len, &mut write)?;
        Ok(blob)
    }

    /// Bytes that are still to come there, with an id of their own.
    pub(crate) fn blob(&self) -> Arc<Blob> {
        // 0 is no id.
        let id = (self.next.fetch_add(1, Relaxed) % far::IDS).max(1);
        Arc::new(Blob { id, outlet: Arc::downgrade(&self.outlet) })
    }
}

/// What one call has there.
#[derive(Debug, Default)]
pub(crate) struct Call(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    blobs: Vec<(Key, Weak<Blob>)>,
    /// Those that would be sent again soon.
    kept: VecDeque<Arc<Blob>>,
}

/// How an array is known again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    /// Tasks have a reference to it, so that it does not change while the call runs.
    Address(usize, usize),
    Digest(u128),
}

impl Key {
    fn of(block: &Block<'_>, borrowed: bool) -> Self {
        if let Some(memory) = block.memory().filter(|_| borrowed) {
            return Self::Address(memory.as_ptr() as usize, memory.len());
        }
        let mut hasher = Xxh3::new();
        let hashed = block.try_for_each_chunk(|bytes| {
            hasher.update(bytes);
            Ok::<_, std::convert::Infallible>(())
        });
        let Ok(()) = hashed;
        Self::Digest(hasher.digest128())
    }
}

impl Call {
    fn find(&self, key: Key) -> Option<Arc<Blob>> {
        let known = lock(&self.0);
        known.blobs.iter().find(|(old, _)| *old == key).and_then(|(_, blob)| blob.upgrade())
    }

    /// Notes that a task uses `blob`, which is kept for the next ones if they have a reference to it.
    fn note(&self, key: Key, blob: &Arc<Blob>) {
        let mut known = lock(&self.0);
        known.blobs.retain(|(old, blob)| *old != key && blob.strong_count() > 0);
        known.blobs.push((key, Arc::downgrade(blob)));
        let mut oldest = None;
        if matches!(key, Key::Address(..)) {
            known.kept.retain(|kept| !Arc::ptr_eq(kept, blob));
            known.kept.push_back(Arc::clone(blob));
            oldest = if known.kept.len() > KEPT { known.kept.pop_front() } else { None };
        }
        drop(known);
        drop(oldest);
    }
}

/// What one batch refers to, while its arguments are written.
#[derive(Debug)]
pub(crate) struct Parcel {
    scatter: Arc<Scatter>,
    call: Arc<Call>,
    used: Mutex<Vec<Arc<Blob>>>,
    /// A shared value is being written: what it contains is part of it.
    is_sharing: AtomicBool,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Parcel>>> = const { RefCell::new(None) };
}

impl Parcel {
    pub(crate) fn new(scatter: &Arc<Scatter>, call: &Arc<Call>) -> Self {
        let (scatter, call) = (Arc::clone(scatter), Arc::clone(call));
        Self { scatter, call, used: Mutex::default(), is_sharing: AtomicBool::new(false) }
    }

    /// Appends a record for each task of `batch`; `note` sees the arguments of each, and may refuse them.
    pub(crate) fn push_records(
        self: &Arc<Self>,
        out: &mut Vec<u8>,
        batch: &dyn Batch,
        mut note: impl FnMut(u32, &Frame) -> Result<(), Failure>,
    ) {
        let carrier = Some(Carrier::Far(Arc::clone(self)));
        let mut frame = Frame { carrier, ..Frame::default() };
        for task in 0..batch.len() {
            frame.clear();
            let encoded = self.fill(|| batch.encode(task, &mut frame));
            let encoded = encoded.and_then(|()| note(task, &frame));
            remote::push_record(out, task, encoded.map(|()| frame.as_bytes()));
        }
    }

    /// Does `action`, in which arguments are written for this batch.
    fn fill<R>(self: &Arc<Self>, action: impl FnOnce() -> R) -> R {
        struct Reset;
        impl Drop for Reset {
            fn drop(&mut self) {
                CURRENT.take();
            }
        }
        let _reset = Reset;
        CURRENT.set(Some(Arc::clone(self)));
        action()
    }

    /// The one that this thread fills.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// What the batch refers to, with the ids.
    pub(crate) fn into_used(self: &Arc<Self>) -> (Vec<u64>, Vec<Arc<Blob>>) {
        let used = std::mem::take(&mut *lock(&self.used));
        (used.iter().map(|blob| blob.id).collect(), used)
    }

    fn refer_to(&self, blob: Arc<Blob>) -> u64 {
        let id = blob.id;
        let mut used = lock(&self.used);
        if !used.iter().any(|used| used.id == id) {
            used.push(blob);
        }
        id
    }

    /// The number that stands for an array, which goes ahead unless it is there; `None` if it
    /// travels with its value. `borrowed`: the task has a reference to it.
    pub(crate) fn carry(&self, block: &Block<'_>, borrowed: bool) -> Option<u64> {
        if block.byte_len() <= MAX_NBYTES {
            return None;
        }
        let key = Key::of(block, borrowed);
        let blob = match self.call.find(key) {
            Some(blob) => blob,
            // A pipe that is broken fails the batch as well, which then says why.
            None => self
                .scatter
                .put(block.byte_len(), |pipe| block.try_for_each_chunk(|part| pipe.write_all(part)))
                .ok()?,
        };
        self.call.note(key, &blob);
        Some(far::number(self.refer_to(blob), borrowed))
    }

    /// The id of a shared value, which goes ahead unless it is there; `None` if it is too small.
    pub(crate) fn share<T: Serialize>(&self, shared: &Shared<T>) -> Result<Option<u64>, String> {
        if self.is_sharing.load(Relaxed) {
            return Ok(None);
        }
        if let Some(known) = shared.0.blobs.find(&self.scatter) {
            return Ok(known.map(|blob| self.refer_to(blob)));
        }
        self.is_sharing.store(true, Relaxed);
        let mut bytes = Vec::new();
        let dumped = joblib_persist::dump_to(&**shared, &mut bytes);
        self.is_sharing.store(false, Relaxed);
        dumped.map_err(|error| explain(&error))?;
        let blob = if bytes.len() > MAX_NBYTES {
            let put = self.scatter.put(bytes.len(), |pipe| pipe.write_all(&bytes));
            Some(put.map_err(|error| format!("it could not be sent: {error}"))?)
        } else {
            None
        };
        shared.0.blobs.note(&self.scatter, blob.clone());
        Ok(blob.map(|blob| self.refer_to(blob)))
    }
}

/// A shared value on each engine and worker that tasks took it to; `None` where it is too small for that.
#[derive(Default)]
pub(crate) struct Blobs(Mutex<Vec<There>>);

type There = (Weak<Scatter>, Option<Arc<Blob>>);

impl Blobs {
    fn find(&self, scatter: &Arc<Scatter>) -> Option<Option<Arc<Blob>>> {
        let all = lock(&self.0);
        let is_there = |engine: &Weak<Scatter>| std::ptr::eq(engine.as_ptr(), Arc::as_ptr(scatter));
        all.iter().find(|(engine, _)| is_there(engine)).map(|(_, blob)| blob.clone())
    }

    fn note(&self, scatter: &Arc<Scatter>, blob: Option<Arc<Blob>>) {
        let mut all = lock(&self.0);
        all.retain(|(engine, _)| engine.strong_count() > 0);
        all.push((Arc::downgrade(scatter), blob));
    }
}
