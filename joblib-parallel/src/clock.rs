//! Time, where there is a clock: `Instant::now` panics on `wasm32-unknown-unknown`.

use std::time::{Duration, Instant};

/// A moment to measure from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start(Instant);

impl Start {
    /// Now; `None` if the platform has no clock.
    pub(crate) fn now() -> Option<Self> {
        let has_clock = !cfg!(all(target_family = "wasm", target_os = "unknown"));
        has_clock.then(|| Self(Instant::now()))
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The moment when a call has taken too long. Without a clock it never comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    start: Option<Start>,
    pub(crate) limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { start: Start::now(), limit }
    }

    pub(crate) fn left(self) -> Duration {
        self.limit.saturating_sub(self.start.map_or(Duration::ZERO, Start::elapsed))
    }

    pub(crate) fn has_passed(self) -> bool {
        self.left().is_zero()
    }
}
