//! How many workers were asked for, with joblib's meaning of negative numbers.

use std::num::NonZeroUsize;

use crate::{Error, Result};

/// How many workers were asked for: a positive number of them, or counted from all cores
/// (-1 all, -2 all but one, …).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NJobs(i32);

impl From<i32> for NJobs {
    fn from(n: i32) -> Self {
        Self(n)
    }
}

impl NJobs {
    /// The number of workers on a machine with `cpus` cores: `n` itself when positive, else
    /// `max(cpus + 1 + n, 1)` (joblib 1.5, `_parallel_backends.py`, `effective_n_jobs`).
    ///
    /// # Errors
    ///
    /// [`Error::ZeroJobs`] for zero.
    pub fn resolve(self, cpus: NonZeroUsize) -> Result<NonZeroUsize> {
        let n = match self.0 {
            0 => return Err(Error::ZeroJobs),
            n if n > 0 => n as usize,
            n => (cpus.get() + 1).saturating_sub(n.unsigned_abs() as usize),
        };
        Ok(NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN))
    }
}
