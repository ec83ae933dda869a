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
/// The example that opens models of scikit-learn, run on the files beside it.
#[cfg(all(feature = "gzip", feature = "threads"))]
#[path = "../examples/serve_sklearn/main.rs"]
#[allow(dead_code, reason = "the example's own `main` is not called")]
mod serve_sklearn;

#[cfg(all(feature = "gzip", feature = "threads"))]
#[test]
fn models_of_scikit_learn_say_what_they_said_in_python() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/sklearn");
    serve_sklearn::serve(folder.as_ref()).unwrap();
}

/// Loops over cached functions, and models in files, on every backend.
#[path = "all/together.rs"]
mod together;
