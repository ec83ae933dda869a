//! One test binary: each file under `tests/` would otherwise be linked separately.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]

#[path = "all/addresses.rs"]
mod addresses; // Stores by URL.
#[path = "all/algorithms.rs"]
mod algorithms; // Keys of several algorithms.
#[path = "all/attribute.rs"]
mod attribute; // What `#[cache]` makes of a function, and what callers may ask of it.
#[path = "all/by_name.rs"]
mod by_name; // Functions cached by name, and their versions.
#[path = "all/checkpoint.rs"]
mod checkpoint; // Loops that go on where they were interrupted.
#[path = "all/conformance.rs"]
mod conformance; // Every store does what a store must do.
#[path = "all/explain.rs"]
mod explain; // Why a result was not found.
#[path = "all/faults.rs"]
mod faults; // No fault of the store reaches the caller of a cached function.
#[path = "all/flights.rs"]
mod flights; // Threads that want the same result at once.
#[path = "all/hash.rs"]
mod hash; // A digest depends on what a value holds, and not on how it came.
#[path = "all/known_digests.rs"]
mod known_digests; // Digests are the same in every release.
#[path = "all/limits.rs"]
mod limits; // What is in a store, and how it is kept small.
#[path = "all/methods.rs"]
mod methods; // `#[cache]` on `impl` blocks, and options of single functions.
#[path = "all/options.rs"]
mod options; // How results are stored and read.
#[path = "all/shelved.rs"]
mod shelved; // References to results, wherever these are.
