//! Measures all sides of a scenario, in turns.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::peers;
use super::sample::Sample;
use super::scenario::{Area, By, Scenario, Side};
use crate::{Result, python, workspace};

/// No further round begins when the ones before took this long: what takes so long varies little.
const LONG: Duration = Duration::from_secs(20);

/// The folder in which the scenarios of an area are measured, one after the other.
pub(super) struct Workshop<'a> {
    area: &'a Area,
    folder: PathBuf,
    /// What processes are told besides.
    pub(super) environment: Vec<(&'static str, String)>,
    /// For how much data it was set up.
    size: Option<u64>,
    /// The files of the set-up, which stay.
    data: BTreeSet<PathBuf>,
    /// What was done since the others were removed.
    done: BTreeSet<&'static str>,
}

impl<'a> Workshop<'a> {
    pub(super) fn open(area: &'a Area) -> Result<Self> {
        let folder = workspace::target().join("bench");
        remove(&folder)?;
        Ok(Self {
            area,
            folder,
            environment: Vec::new(),
            size: None,
            data: BTreeSet::new(),
            done: BTreeSet::new(),
        })
    }

    /// The samples of each side of `scenario`, in the order in which they were taken.
    pub(super) fn measure(&mut self, scenario: &Scenario) -> Result<Vec<Vec<Sample>>> {
        self.set_up(scenario)?;
        for side in &scenario.sides {
            if let Some(prepare) = side.prepare.filter(|prepare| !self.done.contains(prepare)) {
                self.ask(side.by, prepare, scenario.size)?;
            }
        }
        let mut samples = vec![Vec::new(); scenario.sides.len()];
        let start = Instant::now();
        for round in 0..scenario.rounds {
            if round > 0 && start.elapsed() > LONG {
                break;
            }
            for offset in 0..scenario.sides.len() {
                // Another side begins each round.
                let at = (round + offset) % scenario.sides.len();
                let Side { by, operation, .. } = scenario.sides[at];
                samples[at].push(self.ask(by, operation, scenario.size)?);
            }
        }
        Ok(samples)
    }

    /// Makes the data for a scenario, unless the one before had the same, and removes what it left
    /// behind, unless this one begins with that.
    pub(super) fn set_up(&mut self, scenario: &Scenario) -> Result {
        if self.size != Some(scenario.size) {
            remove(&self.folder)?;
            fs::create_dir_all(&self.folder)?;
            self.done.clear();
            self.ask(By::Python, "make-data", scenario.size)?;
            self.size = Some(scenario.size);
            self.data = files(&self.folder)?;
        }
        let goes_on = scenario.sides.iter().filter_map(|side| side.prepare);
        if !goes_on.into_iter().any(|prepare| self.done.contains(prepare)) {
            self.done.clear();
            files(&self.folder)?.difference(&self.data).try_for_each(|path| remove(path))?;
        }
        Ok(())
    }

    /// Lets a new process do `operation` and tell how it went.
    fn ask(&mut self, by: By, operation: &'static str, size: u64) -> Result<Sample> {
        let output = self.command(by, operation, size)?.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("{by:?} could not do `{operation}`: {text}").into());
        }
        self.done.insert(operation);
        // What was printed before is the operation's own.
        Sample::parse(text.lines().last().unwrap_or_default())
    }

    /// A process that does `operation`, to be started.
    pub(super) fn command(&self, by: By, operation: &str, size: u64) -> Result<Command> {
        let mut command = match by {
            By::Us | By::Rust => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["bench", "--measure", self.area.name]);
                command
            }
            By::Peers => Command::new(peers::program()?),
            By::Python => {
                let mut command = Command::new(python::environment(self.area.requirements)?);
                command.arg(python::script(self.area.script));
                command
            }
        };
        command.arg(operation).arg(&self.folder).arg(size.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        Ok(command)
    }
}

impl Drop for Workshop<'_> {
    fn drop(&mut self) {
        // What is left only takes room.
        let _ = remove(&self.folder);
    }
}

fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}

/// Removes a file or a folder with all that is in it, if it is there.
fn remove(path: &Path) -> Result {
    match path {
        path if path.is_dir() => fs::remove_dir_all(path)?,
        path if path.exists() => fs::remove_file(path)?,
        _ => {}
    }
    Ok(())
}
