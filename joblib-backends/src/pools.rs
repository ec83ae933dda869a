//! Pools that outlive a call: one per kind and number of workers, shared by the whole process.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;

/// A set of workers that can be shared until somebody shuts it down.
pub(crate) trait Pool {
    /// False after a shutdown: whoever asks next gets a new pool.
    fn is_open(&self) -> bool;
}

/// The pools of one kind, by their number of workers.
pub(crate) struct Pools<P>(Mutex<BTreeMap<NonZeroUsize, Arc<P>>>);

impl<P: Pool> Pools<P> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The pool of `workers`, made by `start` if there is none that is open.
    pub(crate) fn get(
        &self,
        workers: NonZeroUsize,
        start: impl FnOnce(NonZeroUsize) -> Result<P>,
    ) -> Result<Arc<P>> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&workers).filter(|pool| pool.is_open()) {
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(start(workers)?);
        let closed = pools.insert(workers, Arc::clone(&pool));
        drop(pools);
        // Outside the lock: the last owner of a closed pool waits for its workers.
        drop(closed);
        Ok(pool)
    }
}
