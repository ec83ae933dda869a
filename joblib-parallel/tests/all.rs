//! One test binary: each file under `tests/` would otherwise be linked separately.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// Backends that do what they should, in unusual ways, and backends that do not.
#[path = "all/backends.rs"]
mod backends;
/// Tasks made by `delayed` and `delayed!`.
#[path = "all/delayed.rs"]
mod delayed;
/// Calls that need results of other calls.
#[cfg(feature = "processes")]
#[path = "all/graph.rs"]
mod graph;
/// Whatever a backend does with a batch, the call ends and says the truth.
#[path = "all/misbehaviour.rs"]
mod misbehaviour;
/// Fast and slow tasks that succeed, fail or succeed in the end, on every backend.
#[cfg(feature = "processes")]
#[path = "all/mix.rs"]
mod mix;
/// Parallel calls made by tasks.
#[cfg(feature = "threads")]
#[path = "all/nested.rs"]
mod nested;
/// Tasks in worker processes.
#[cfg(all(feature = "processes", target_os = "linux"))]
#[path = "all/processes.rs"]
mod processes;
/// Every way to run tasks gives what a plain loop gives.
#[path = "all/properties.rs"]
mod properties;
/// Results folded where the tasks run.
#[path = "all/reduce.rs"]
mod reduce;
/// Results, failures, settings.
#[cfg(feature = "threads")]
#[path = "all/run.rs"]
mod run;
/// What a call wishes of workers, and who is told how far it is.
#[cfg(feature = "threads")]
#[path = "all/settings.rs"]
mod settings;
/// Variables of whoever runs the tests.
#[path = "all/shield.rs"]
mod shield;
/// Results one by one.
#[path = "all/stream.rs"]
mod stream;
/// Pictures of what ran where and when.
#[path = "all/trace.rs"]
mod trace;
/// Retries, time limits, errors that end a call.
#[path = "all/watch.rs"]
mod watch;
/// Fails a test that hangs.
#[path = "all/watchdog.rs"]
mod watchdog;
