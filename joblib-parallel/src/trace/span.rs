//! When and where a task ran.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::clock::Start;

/// How long the memory of a process is taken to be as it was, in nanoseconds: asking takes
/// microseconds.
const MEMORY_HOLDS: u64 = 10_000_000;

/// When and where a task ran. Times are nanoseconds of the system's clock, which processes share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) process: u32,
    /// A number that threads have within their process, from 1.
    pub(crate) thread: u64,
    /// Since 1970.
    pub(crate) start: u64,
    pub(crate) took: u64,
    /// The memory of the process afterwards, in bytes; 0 if nobody looked.
    pub(crate) memory: u64,
}

/// What travels between processes.
#[cfg(feature = "processes")]
pub(crate) type Packed = (u32, u64, u64, u64, u64);

#[cfg(feature = "processes")]
impl Span {
    pub(crate) fn pack(&self) -> Packed {
        (self.process, self.thread, self.start, self.took, self.memory)
    }

    pub(crate) fn unpack((process, thread, start, took, memory): Packed) -> Self {
        Self { process, thread, start, took, memory }
    }
}

impl Span {
    /// The end of a worker process that died `took` nanoseconds into a task.
    pub(crate) fn of_the_dead(process: u32, took: u64, memory: u64) -> Self {
        Self { process, thread: 1, start: now().saturating_sub(took), took, memory }
    }

    pub(crate) fn end(&self) -> u64 {
        self.start.saturating_add(self.took)
    }

    /// True if `next` ran here, and not earlier.
    pub(super) fn is_before(&self, next: &Self) -> bool {
        (self.process, self.thread) == (next.process, next.thread) && self.start <= next.start
    }

    /// From the start of this to the end of `next`.
    pub(super) fn until(&self, next: &Self) -> u64 {
        next.end().saturating_sub(self.start)
    }

    pub(super) fn extend(&mut self, next: &Self) {
        self.took = self.until(next);
        self.memory = self.memory.max(next.memory);
    }

    #[cfg(test)]
    pub(super) fn example(start: u64, took: u64) -> Self {
        Self { process: 1, thread: 1, start, took, memory: 0 }
    }
}

/// Nanoseconds since 1970; 0 without a clock.
pub(super) fn now() -> u64 {
    if Start::now().is_none() {
        return 0;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64
}

/// Does `work` and says when and where, if there is a clock.
pub(crate) fn measured<R>(work: impl FnOnce() -> R) -> (R, Option<Span>) {
    let clock = Start::now();
    let start = now();
    let result = work();
    let span = clock.map(|clock| {
        let took = clock.elapsed().as_nanos() as u64;
        let memory = memory_now(start.saturating_add(took));
        Span { process: std::process::id(), thread: thread(), start, took, memory }
    });
    (result, span)
}

/// The number of this thread.
fn thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static MINE: u64 = NEXT.fetch_add(1, Relaxed));
    MINE.with(|mine| *mine)
}

/// The memory of this process, if this thread has not asked for a while.
fn memory_now(now: u64) -> u64 {
    thread_local!(static ASKED: Cell<u64> = const { Cell::new(0) });
    ASKED.with(|asked| {
        if now.saturating_sub(asked.get()) < MEMORY_HOLDS {
            return 0;
        }
        asked.set(now);
        resident()
    })
}

#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

#[cfg(not(target_os = "linux"))]
fn resident() -> u64 {
    0
}
