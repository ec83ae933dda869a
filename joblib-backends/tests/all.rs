//! One test binary: each file under `tests/` would otherwise be linked separately.

#![cfg(target_os = "linux")]

/// A batch of calls of one function in worker processes.
#[path = "all/calls.rs"]
mod calls;
/// Every backend against the properties that all must have.
#[path = "all/conformance.rs"]
mod conformance;
/// Values that travel to each worker once.
#[path = "all/shared.rs"]
mod shared;
