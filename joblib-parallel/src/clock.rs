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
