//! Workers that die, and the processes around them. Its own binary, because it kills processes
//! and is started again by itself.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// How a worker may end in the middle of a task.
#[path = "faults/deaths.rs"]
mod deaths;
/// What a task finds in its process.
#[path = "faults/inside.rs"]
mod inside;
/// What becomes of workers when their parent ends.
#[path = "faults/orphans.rs"]
mod orphans;
/// A batch of calls of one function.
#[path = "faults/support.rs"]
mod support;
