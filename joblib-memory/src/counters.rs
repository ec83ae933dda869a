//! How often results were found, and what that was worth.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often results were found, and what that was worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls whose result was found.
    pub hits: u64,
    /// Calls whose result was computed.
    pub misses: u64,
    /// How long the computations took.
    pub computing: Duration,
    /// How long the computations had taken whose results were found. Not known, and not counted,
    /// for large compressed results and for those that were shelved.
    pub saved: Duration,
}

/// The same while it changes.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    computing: AtomicU64,
    saved: AtomicU64,
}

impl Counters {
    pub(crate) fn count(&self, hit: bool) {
        let counter = if hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn computed(&self, time: Duration) {
        self.computing.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    pub(crate) fn saved(&self, time: Duration) {
        self.saved.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        let [hits, misses, computing, saved] =
            [&self.hits, &self.misses, &self.computing, &self.saved]
                .map(|counter| counter.load(Ordering::Relaxed));
        let [computing, saved] = [computing, saved].map(Duration::from_nanos);
        Stats { hits, misses, computing, saved }
    }
}

/// As a number; 584 years are enough.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
