//! The only place of the crate that prints: what `verbose` asks for.

#![allow(clippy::print_stderr, reason = "the lines that `verbose` asks for")]

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

use crate::CallId;
use crate::memory::Inner;

/// Columns of the lines that set calls apart, as in joblib.
const WIDTH: usize = 80;

/// Before a computation.
pub(crate) fn calling(inner: &Inner, id: &CallId, arguments: &[(String, String)]) {
    if inner.options.verbose >= 1 {
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
pub(crate) fn called(inner: &Inner, id: &CallId, duration: Duration) {
    if inner.options.verbose >= 1 {
        eprintln!("{}", duration_line(&name(id), duration));
    }
}

/// When a result was found.
pub(crate) fn found(inner: &Inner, id: &CallId) {
    if inner.options.verbose >= 2 {
        let elapsed = time(inner.started.elapsed());
        eprintln!("[Memory]{elapsed:<16}: Loading {}...", name(id));
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
