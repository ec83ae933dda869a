//! The only place of the crate that prints: what `verbose` and `JOBLIB_DEBUG` ask for.

#![allow(clippy::print_stderr, reason = "the lines that were asked for")]

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::CallId;
use crate::clock::Stopwatch;
use crate::layout::Layout;
use crate::lookup::View;

/// Columns of the lines that set calls apart, as in joblib.
const WIDTH: usize = 80;

/// Before a computation.
pub(crate) fn calling(view: &View, id: &CallId, arguments: &[(String, String)]) {
    if view.options.verbose > 10 {
        let location = view.inner.location.as_deref().unwrap_or(Path::new("the store"));
        let (name, hash) = (name(id), id.arguments);
        eprintln!("Computing func {name}, argument hash {hash} in location {}", location.display());
    }
    if view.options.verbose >= 1 {
        let arguments: Vec<String> =
            arguments.iter().map(|(name, value)| format!("{name}={value}")).collect();
        eprintln!(
            "{}\n[Memory] Calling {}...\n{}({})",
            "_".repeat(WIDTH),
            id.function,
            name(id),
            arguments.join(", ")
        );
    }
}

/// After a computation.
pub(crate) fn called(view: &View, id: &CallId, duration: Duration) {
    if view.options.verbose >= 1 {
        eprintln!("{}", duration_line(&name(id), duration));
    }
}

/// Before a result is stored.
pub(crate) fn storing(view: &View, id: &CallId) {
    if view.options.verbose > 10 {
        eprintln!("Persisting in {}", place(view, id));
    }
}

/// When a result was found, after having been asked for.
pub(crate) fn found(view: &View, id: &CallId, asked: Stopwatch) {
    if view.options.verbose >= 2 {
        let elapsed = time(view.inner.started.elapsed());
        if view.options.verbose >= 10 {
            let place = place(view, id);
            eprintln!("[Memory]{elapsed:<16}: Loading {} from {place}", name(id));
        } else {
            eprintln!("[Memory]{elapsed:<16}: Loading {}...", name(id));
        }
    }
    if view.options.verbose > 4 {
        eprintln!("{}", duration_line(&format!("{} cache loaded", name(id)), asked.elapsed()));
    }
}

/// A call that the run before did not make.
pub(crate) fn not_in_last_run(call: &str, difference: &str) {
    eprintln!("[Memory] not in the last run: {call}: {difference}");
}

/// Calls that only the run before made, some of them by name.
pub(crate) fn did_not_come_again(named: &[String], all: usize) {
    for call in named {
        eprintln!("[Memory] only in the last run: {call}");
    }
    if all > named.len() {
        eprintln!("[Memory] only in the last run: {} more", all - named.len());
    }
}

/// The file of a result, or what stands for it in another store.
fn place(view: &View, id: &CallId) -> String {
    match &view.inner.location {
        Some(location) => Layout::new(location).entry(id).display().to_string(),
        None => id.to_string(),
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn name(id: &CallId) -> String {
    id.function.components().last().copied().unwrap_or_default().to_owned()
}

fn duration_line(name: &str, duration: Duration) -> String {
    format!("{:_>WIDTH$}", format!("{name} - {}", time(duration)))
}

/// Seconds and minutes, as joblib writes them.
fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    format!("{seconds:.1}s, {:.1}min", seconds / 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_after_a_computation() {
        let line = duration_line("fit", Duration::from_secs(90));
        assert_eq!(line.len(), WIDTH);
        assert!(line.starts_with('_') && line.ends_with("_fit - 90.0s, 1.5min"), "{line}");
    }
}
