//! Workers that die, and the processes around them. Its own binary, because it kills processes
//! and is started again by itself.

#![cfg(all(feature = "processes", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// A batch of calls of one function in worker processes.
#[path = "all/calls.rs"]
mod calls;
/// How a worker may end in the middle of a task.
#[path = "faults/deaths.rs"]
mod deaths;
/// Little room, much to print, and death at any moment.
#[path = "faults/hardship.rs"]
mod hardship;
/// What a task finds in its process.
#[path = "faults/inside.rs"]
mod inside;
/// What was wanted of workers.
#[path = "faults/options.rs"]
mod options;
/// What becomes of workers when their parent ends.
#[path = "faults/orphans.rs"]
mod orphans;
/// Calls with texts.
#[path = "faults/support.rs"]
mod support;
