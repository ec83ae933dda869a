//! `cargo xtask compat`: our files read by other programs, and theirs by us.

#[cfg(feature = "compat")]
mod matrix;
#[cfg(feature = "compat")]
mod native;
#[cfg(feature = "compat")]
mod numpy;
#[cfg(feature = "compat")]
mod python;
#[cfg(feature = "compat")]
mod python_read;
#[cfg(feature = "compat")]
mod python_write;
#[cfg(feature = "compat")]
mod sklearn;
#[cfg(feature = "compat")]
mod streams;
#[cfg(feature = "compat")]
mod tools;
#[cfg(feature = "compat")]
mod versions;

use crate::Result;

#[cfg(not(feature = "compat"))]
pub(crate) fn run(args: &[String]) -> Result {
    let again = "cargo run --quiet --package xtask --features compat -- compat";
    crate::command::Line::new(&format!("{again} {}", args.join(" "))).run()
}

#[cfg(feature = "compat")]
pub(crate) fn run(args: &[String]) -> Result {
    let full = match args {
        [] => false,
        [arg] if arg == "--full" => true,
        _ => {
            return Err(format!("unknown arguments `{}`: `--full` is known", args.join(" ")).into());
        }
    };
    streams::run()?;
    native::run()?;
    python_read::run()?;
    let pythons = if full { versions::Python::all()? } else { vec![versions::Python::current()?] };
    python_write::run(&pythons, full)?;
    python_write::read_theirs(&pythons, full)?;
    numpy::run()?;
    sklearn::run(full)
}
