//! How many tasks travel together.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use joblib_backends::Capabilities;

use crate::clock::Start;

/// Handing over a batch costs below a microsecond on threads: 200 µs make that less than one per
/// cent, and no worker waits longer than that for the others at the end.
const ON_THREADS: Duration = Duration::from_micros(200);

/// Between processes it costs about ten microseconds, and the time is counted from the submission,
/// with another batch in front.
const ON_PROCESSES: Duration = Duration::from_millis(2);

/// Bounds what a batch of tasks that take no time may hold in memory.
const LARGEST: usize = 1 << 14;

/// That batches have another size from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resized {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// How long a batch of the old size took.
    pub(crate) because: Duration,
}

/// The number of tasks for the next batch: fixed, or found by measuring.
#[derive(Debug)]
pub(crate) struct Batching {
    size: AtomicUsize,
    /// How long a batch should take; `None` if its size is fixed.
    target: Option<Duration>,
}

impl Batching {
    pub(crate) fn new(fixed: Option<NonZeroUsize>, capabilities: Capabilities) -> Self {
        let here = if capabilities.shared_memory { ON_THREADS } else { ON_PROCESSES };
        let target = capabilities.batch_time.unwrap_or(here);
        Self {
            size: AtomicUsize::new(fixed.map_or(1, |size| size.get().min(u32::MAX as usize))),
            target: fixed.is_none().then_some(target),
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// Learns from a batch of `size`, of which `tasks` ran and took `elapsed`; says what the size is now,
    /// if it changed.
    pub(crate) fn observe(&self, size: usize, tasks: usize, elapsed: Duration) -> Option<usize> {
        let target = self.target.filter(|_| tasks > 0)?;
        let better = adapt(tasks, elapsed, target);
        // Only batches of the current size count, and only the first of them changes it: those
        // already under way know nothing new.
        let changed =
            self.size.compare_exchange(size, better, Ordering::Relaxed, Ordering::Relaxed);
        (better != size && changed.is_ok()).then_some(better)
    }

    /// How long workers may be idle before a batch that runs elsewhere should hand back its rest;
    /// `None` if its size is fixed.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.target
    }

    /// The clock of a batch that begins now; `None` if nothing is to be learnt from it.
    pub(crate) fn start(&self) -> Option<Start> {
        self.target.and_then(|_| Start::now())
    }

    /// How long a batch may take before it hands back its rest although nobody is known to be idle;
    /// `None` if its size is fixed.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.target.map(|target| 4 * target)
    }

    /// True if a batch that has already taken `elapsed` should hand back its rest, sooner if workers
    /// are `idle`.
    pub(crate) fn is_slow(&self, elapsed: Duration, idle: bool) -> bool {
        let patience = if idle { self.target } else { self.limit() };
        patience.is_some_and(|patience| elapsed > patience)
    }
}

/// The size that follows `size`: at most the double, and so that a batch takes about `target`.
/// Between half and four times the target nothing changes.
fn adapt(size: usize, elapsed: Duration, target: Duration) -> usize {
    if elapsed >= target / 2 && elapsed <= 4 * target {
        return size;
    }
    let ratio = target.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
    let ideal = (size as f64 * ratio) as usize;
    ideal.clamp(1, (2 * size).min(LARGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_micros(200);

    #[test]
    fn tiny_tasks_double_up_to_the_target() {
        let mut size = 1;
        let mut sizes = vec![];
        for _ in 0..12 {
            sizes.push(size);
            size = adapt(size, Duration::from_micros(size as u64), TARGET);
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 128, 128, 128, 128, 128]);
    }

    #[test]
    fn slow_batches_shrink_at_once_and_never_vanish() {
        assert_eq!(adapt(100, Duration::from_micros(2_000), TARGET), 10);
        assert_eq!(adapt(100, Duration::from_secs(9), TARGET), 1);
        assert_eq!(adapt(1, Duration::MAX, TARGET), 1);
    }

    #[test]
    fn no_size_exceeds_the_limit() {
        assert_eq!(adapt(LARGEST, Duration::ZERO, TARGET), LARGEST);
    }

    #[test]
    fn only_a_batch_of_the_current_size_counts() {
        let batching = Batching::new(None, Capabilities::of_threads());
        assert_eq!(batching.observe(1, 1, Duration::ZERO), Some(2));
        assert_eq!(batching.observe(2, 2, Duration::ZERO), Some(4));
        assert_eq!(batching.observe(1, 1, Duration::ZERO), None);
        assert_eq!(batching.observe(4, 4, ON_THREADS), None);
        assert_eq!(batching.size(), 4);
    }

    #[test]
    fn a_batch_that_ended_early_makes_the_next_ones_small() {
        let batching = Batching::new(None, Capabilities::of_threads());
        assert_eq!(batching.observe(1, 1, Duration::ZERO), Some(2));
        assert_eq!(batching.observe(2, 2, Duration::ZERO), Some(4));
        assert_eq!(batching.observe(4, 1, 50 * ON_THREADS), Some(1));
    }

    #[test]
    fn a_batch_that_ran_nothing_teaches_nothing() {
        let batching = Batching::new(None, Capabilities::of_threads());
        batching.observe(1, 0, Duration::ZERO);
        assert_eq!(batching.size(), 1);
    }

    #[test]
    fn a_backend_says_how_long_batches_should_take() {
        let mut far = Capabilities::default();
        far.batch_time = Some(Duration::from_millis(400));
        let batching = Batching::new(None, far);
        assert_eq!(batching.observe(1, 1, Duration::from_millis(20)), Some(2));
        assert_eq!(batching.observe(2, 2, Duration::from_millis(200)), None);
        let near = Batching::new(None, Capabilities::default());
        assert_eq!(near.observe(1, 1, Duration::from_millis(20)), None);
    }

    #[test]
    fn a_fixed_size_stays() {
        let batching = Batching::new(NonZeroUsize::new(7), Capabilities::of_threads());
        batching.observe(7, 7, Duration::ZERO);
        assert_eq!(batching.size(), 7);
        assert!(!batching.is_slow(Duration::MAX, true));
    }
}
