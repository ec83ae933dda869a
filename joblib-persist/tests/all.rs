//! One binary for all tests through the public interface: each file under `tests/` would
//! otherwise be linked separately.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// Arrays are recognised behind every type that is promised, with their own memory.
#[path = "all/array.rs"]
mod array;
