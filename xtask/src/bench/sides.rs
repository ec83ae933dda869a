//! Measures all sides of a scenario, in turns.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::scenarios::{By, Scenario, Side};
use crate::{Result, python, workspace};

/// The times of each side of `scenario`, in the order in which they were taken.
pub(super) fn measure(scenario: &Scenario) -> Result<Vec<Vec<Duration>>> {
    let folder = workspace::target().join("bench");
    fs::create_dir_all(&folder)?;
    ask(By::Python, "make-data", &folder, scenario.size)?;
    for side in scenario.sides {
        if let Some(prepare) = side.prepare {
            ask(side.by, prepare, &folder, scenario.size)?;
        }
    }
    let mut samples = vec![Vec::new(); scenario.sides.len()];
    for round in 0..scenario.rounds {
        for offset in 0..scenario.sides.len() {
            // Another side begins each round.
            let at = (round + offset) % scenario.sides.len();
            let Side { by, operation, .. } = scenario.sides[at];
            samples[at].push(ask(by, operation, &folder, scenario.size)?);
        }
    }
    fs::remove_dir_all(&folder)?;
    Ok(samples)
}

/// Lets a new process do `operation` and tell how long it took.
fn ask(by: By, operation: &str, folder: &Path, size: u64) -> Result<Duration> {
    let mut command = match by {
        By::Us => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["bench", "--measure"]);
            command
        }
        By::Python => {
            let mut command = Command::new(python::interpreter()?);
            command.arg(python::script("bench.py"));
            command
        }
    };
    command.arg(operation).arg(folder).arg(size.to_string());
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().parse() {
        Ok(seconds) if output.status.success() => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("{by:?} could not do `{operation}`: {text}").into()),
    }
}
