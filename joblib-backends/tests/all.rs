//! One test binary: each file under `tests/` would otherwise be linked separately.

/// Large arrays in arguments and results.
#[cfg(all(feature = "processes", target_os = "linux"))]
#[path = "all/arrays.rs"]
mod arrays;
/// A batch of calls of one function in worker processes.
#[cfg(all(feature = "processes", target_os = "linux"))]
#[path = "all/calls.rs"]
mod calls;
/// Every backend against the properties that all must have.
#[path = "all/conformance.rs"]
mod conformance;
/// Values that travel to each worker once.
#[cfg(all(feature = "processes", target_os = "linux"))]
#[path = "all/shared.rs"]
mod shared;
