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
    let full = args.iter().any(|arg| arg == "--full");
    let named: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != "--full").collect();
    if let Some(unknown) = named.iter().find(|name| !PARTS.iter().any(|(part, _)| part == *name)) {
        let known: Vec<&str> = PARTS.iter().map(|(part, _)| *part).collect();
        let known = known.join(", ");
        return Err(format!("`{unknown}` is neither --full nor one of {known}").into());
    }
    let wanted = |name| named.is_empty() || named.contains(&name);
    PARTS.iter().filter(|(name, _)| wanted(*name)).try_for_each(|(_, part)| part(full))
}

/// A comparison: of a few things, or of all if the argument says so.
#[cfg(feature = "compat")]
type Part = fn(bool) -> Result;

/// What is compared, by the name on the command line.
#[cfg(feature = "compat")]
const PARTS: [(&str, Part); 5] = [
    ("streams", |_| streams::run()),
    ("native", |_| native::run()),
    ("python", python_files),
    ("numpy", |_| numpy::run()),
    ("sklearn", sklearn::run),
];

#[cfg(feature = "compat")]
fn python_files(full: bool) -> Result {
    python_read::run()?;
    let pythons = if full { versions::Python::all()? } else { vec![versions::Python::current()?] };
    python_write::run(&pythons, full)?;
    python_write::read_theirs(&pythons, full)
}
