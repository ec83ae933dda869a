//! What can go wrong when a backend is chosen, started or stopped.

/// Why a backend could not be had or stopped. What happens to single tasks is a
/// [`Failure`](crate::Failure).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `n_jobs` was zero.
    #[error("`n_jobs = 0` has no meaning (1 runs in sequence, -1 uses all cores)")]
    ZeroJobs,
}

/// The result of asking for or stopping a backend.
pub type Result<T, E = Error> = std::result::Result<T, E>;
