//! Measures all sides of a scenario, in turns.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::sample::Sample;
use super::scenario::{Area, By, Scenario, Side};
use crate::{Result, python, workspace};

/// The samples of each side of `scenario`, in the order in which they were taken.
pub(super) fn measure(area: &Area, scenario: &Scenario) -> Result<Vec<Vec<Sample>>> {
    let folder = workspace::target().join("bench");
    fs::create_dir_all(&folder)?;
    let ask = |by, operation| ask(area, by, operation, &folder, scenario.size);
    ask(By::Python, "make-data")?;
    for side in &scenario.sides {
        if let Some(prepare) = side.prepare {
            ask(side.by, prepare)?;
        }
    }
    let mut samples = vec![Vec::new(); scenario.sides.len()];
    for round in 0..scenario.rounds {
        for offset in 0..scenario.sides.len() {
            // Another side begins each round.
            let at = (round + offset) % scenario.sides.len();
            let Side { by, operation, .. } = scenario.sides[at];
            samples[at].push(ask(by, operation)?);
        }
    }
    fs::remove_dir_all(&folder)?;
    Ok(samples)
}

/// Lets a new process do `operation` and tell how it went.
fn ask(area: &Area, by: By, operation: &str, folder: &Path, size: u64) -> Result<Sample> {
    let mut command = match by {
        By::Us | By::Rust => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["bench", "--measure", area.name]);
            command
        }
        By::Python => {
            let mut command = Command::new(python::environment(area.requirements)?);
            command.arg(python::script(area.script));
            command
        }
    };
    command.arg(operation).arg(folder).arg(size.to_string());
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{by:?} could not do `{operation}`: {text}").into());
    }
    // What was printed before is the operation's own.
    Sample::parse(text.lines().last().unwrap_or_default())
}
