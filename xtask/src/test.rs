//! `cargo xtask test`: what a newcomer runs to see that everything works.

use crate::command::{Line, Step, run_steps};
use crate::{Result, python};

pub(crate) fn run(_: &[String]) -> Result {
    // Said before the long part rather than after it.
    python::interpreter()?;
    run_steps(&steps())
}

/// The steps, which `ci` runs as well.
pub(crate) fn steps() -> Vec<Step> {
    vec![
        Step::new("tests, doc tests and examples", vec![Line::new("cargo test --workspace")]),
        Step::new("files exchanged with Python and tools", vec![Line::new("cargo xtask compat")]),
    ]
}
