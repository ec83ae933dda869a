//! Pools that outlive a call: one per kind and key, shared by the whole process.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Error, Result};

/// More workers than this are a mistake, which would take the whole machine before the system refuses
/// one: a thread each, and for processes some descriptors.
const MOST_WORKERS: usize = 4096;

/// Refuses a number of workers that nobody can mean.
pub(crate) fn check_workers(backend: &'static str, workers: NonZeroUsize) -> Result<()> {
    let (workers, most) = (workers.get(), MOST_WORKERS);
    if workers > most { Err(Error::TooManyWorkers { backend, workers, most }) } else { Ok(()) }
}

/// A set of workers that can be shared until somebody shuts it down.
pub(crate) trait Pool {
    /// False after a shutdown: whoever asks next gets a new pool.
    fn is_open(&self) -> bool;
}

/// The pools of one kind, few enough to be searched one by one.
pub(crate) struct Pools<K, P>(Mutex<Vec<(K, Arc<P>)>>);

impl<K: PartialEq, P: Pool> Pools<K, P> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The pool for `key`, made by `start` if there is none that is open.
    pub(crate) fn get(&self, key: K, start: impl FnOnce(&K) -> Result<P>) -> Result<Arc<P>> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pool)) = pools.iter().find(|(k, pool)| *k == key && pool.is_open()) {
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(start(&key)?);
        let closed: Vec<_> = pools.extract_if(.., |(_, pool)| !pool.is_open()).collect();
        pools.push((key, Arc::clone(&pool)));
        drop(pools);
        // Outside the lock: the last owner of a closed pool waits for its workers.
        drop(closed);
        Ok(pool)
    }
}
