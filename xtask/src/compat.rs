//! `cargo xtask compat`: our files read by other programs, and theirs by us.

#[cfg(feature = "compat")]
mod matrix;
#[cfg(feature = "compat")]
mod native;
#[cfg(feature = "compat")]
mod python;
#[cfg(feature = "compat")]
mod streams;
#[cfg(feature = "compat")]
mod tools;

use crate::Result;

#[cfg(not(feature = "compat"))]
pub(crate) fn run(_: &[String]) -> Result {
    let again = "cargo run --quiet --package xtask --features compat -- compat";
    crate::command::Line::new(again).run()
}

#[cfg(feature = "compat")]
pub(crate) fn run(_: &[String]) -> Result {
    streams::run()?;
    native::run()
}
