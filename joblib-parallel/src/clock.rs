//! Time, where there is a clock: `Instant::now` panics on `wasm32-unknown-unknown`.

use std::time::Duration;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use std::time::Instant;

/// A moment to measure from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start(#[cfg(not(all(target_family = "wasm", target_os = "unknown")))] Instant);

impl Start {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    pub(crate) fn now() -> Self {
        Self()
    }

    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    pub(crate) fn elapsed(self) -> Duration {
        // Automatic batches then keep their size of one.
        Duration::MAX
    }
}
