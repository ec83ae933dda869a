//! One test binary: each file under `tests/` would otherwise be linked separately.

/// Every backend against the properties that all must have.
#[path = "all/conformance.rs"]
mod conformance;
