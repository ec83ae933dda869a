//! The bar that `progress` draws.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressState, ProgressStyle};

use crate::hook::Hook;

const KNOWN: &str = "{percent:>3}% {bar:32} {human_pos}/{human_len} [{elapsed}<{eta}, {rate}]";
const UNKNOWN: &str = "{spinner} {human_pos} tasks [{elapsed}, {rate}]";

/// Draws a bar on the standard error; `None` if that is no terminal.
pub(crate) fn hook() -> Option<Hook> {
    let is_terminal = std::io::stderr().is_terminal();
    is_terminal.then(|| on(ProgressDrawTarget::stderr()))
}

fn on(target: ProgressDrawTarget) -> Hook {
    let bar = ProgressBar::with_draw_target(None, target)
        .with_style(style(UNKNOWN))
        .with_finish(ProgressFinish::Abandon);
    Hook::new(move |update| {
        if let Some(total) = update.total.filter(|total| bar.length() != Some(*total as u64)) {
            bar.set_length(total as u64);
            bar.set_style(style(KNOWN));
        }
        // Several threads tell of it, and not always in order.
        if update.done as u64 > bar.position() {
            bar.set_position(update.done as u64);
        }
        if update.finished {
            bar.abandon();
        }
    })
}

fn style(template: &str) -> ProgressStyle {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // A line that cannot be drawn is not worth an error.
        let _ = write!(out, "{:.1}/s", state.per_sec());
    })
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    use super::*;
    use crate::hook::ProgressUpdate;

    #[test]
    fn the_bar_shows_how_far_it_is() {
        let term = InMemoryTerm::new(3, 80);
        let hook = on(ProgressDrawTarget::term_like(Box::new(term.clone())));
        let mut update = ProgressUpdate {
            done: 0,
            dispatched: 8,
            total: None,
            elapsed: std::time::Duration::ZERO,
            finished: false,
        };
        hook.call(&update);
        update.total = Some(16);
        update.done = 16;
        update.finished = true;
        hook.call(&update);
        let line = term.contents();
        assert!(line.starts_with("100% ████████████████████████████████ 16/16 ["), "{line}");
        assert!(line.ends_with("/s]"), "{line}");
    }

    #[test]
    fn templates_are_understood() {
        for template in [KNOWN, UNKNOWN] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
