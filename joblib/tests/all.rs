//! The crates together, as a program that depends on `joblib` alone uses them.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// The command `joblib cache`.
#[cfg(feature = "cli")]
#[path = "all/cache_command.rs"]
mod cache_command;
/// The command `joblib convert`.
#[cfg(feature = "cli")]
#[path = "all/convert_command.rs"]
mod convert_command;
/// What a user reads when something is wrong.
#[path = "all/errors.rs"]
mod errors;
/// The command `joblib inspect`.
#[cfg(feature = "cli")]
#[path = "all/inspect_command.rs"]
mod inspect_command;
/// Loops over cached functions, and models in files, on every backend.
#[path = "all/together.rs"]
mod together;
