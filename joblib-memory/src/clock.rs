//! Time, where there is any: without an operating system `std`'s clocks panic.

use std::time::{Duration, SystemTime};

const HAS_CLOCK: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));

/// The time of day.
pub(crate) fn now() -> Option<SystemTime> {
    HAS_CLOCK.then(SystemTime::now)
}

/// Measures durations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Option<std::time::Instant>);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(HAS_CLOCK.then(std::time::Instant::now))
    }

    /// Time since the start; zero where there is no clock.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.map_or(Duration::ZERO, |start| start.elapsed())
    }
}
