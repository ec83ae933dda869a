//! Command lines that can be run, timed, and shown to a person who wants to repeat them.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::{Result, workspace};

/// A command line in the root of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    variables: Vec<(&'static str, &'static str)>,
    words: Vec<String>,
}

impl Line {
    /// `words` separated by spaces, none of which contains one.
    pub(crate) fn new(words: &str) -> Self {
        let words = words.split_whitespace().map(str::to_owned).collect();
        Self { variables: Vec::new(), words }
    }

    pub(crate) fn with_variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program(&self.words[0]));
        command.args(&self.words[1..]).current_dir(workspace::root());
        command.envs(self.variables.iter().copied()).stdin(Stdio::null());
        command
    }

    /// Runs it, its output going where ours goes.
    pub(crate) fn run(&self) -> Result {
        let status = self.command().status().map_err(|error| format!("`{self}`: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("failed; to repeat it: {self}").into()) }
    }

    /// Runs it and returns what it printed.
    pub(crate) fn output(&self) -> Result<Output> {
        let output = self.command().output().map_err(|error| format!("`{self}`: {error}"))?;
        if output.status.success() {
            return Ok(output);
        }
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        Err(format!("failed; to repeat it: {self}").into())
    }

    /// Whether it can be run and ends well; its output is dropped.
    pub(crate) fn succeeds(&self) -> bool {
        self.command().output().is_ok_and(|output| output.status.success())
    }
}

impl fmt::Display for Line {
    /// As a shell would take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.variables {
            write!(f, "{name}={value:?} ")?;
        }
        f.write_str(&self.words.join(" "))
    }
}

/// The toolchain that runs us, not whichever `cargo` comes first on the path.
fn program(name: &str) -> OsString {
    let ours = if name == "cargo" { env::var_os("CARGO") } else { None };
    ours.unwrap_or_else(|| name.into())
}

/// A named part of a long task.
pub(crate) struct Step {
    pub(crate) about: String,
    pub(crate) work: Work,
}

/// What a step does.
pub(crate) enum Work {
    /// Runs these, one after the other.
    Lines(Vec<Line>),
    /// Runs this twice and compares what it prints.
    SameTwice(Line),
    /// Nothing, because something is missing here.
    Skip(String),
}

impl Step {
    pub(crate) fn new(about: &str, lines: Vec<Line>) -> Self {
        Self { about: about.to_owned(), work: Work::Lines(lines) }
    }

    fn run(&self) -> Result {
        match &self.work {
            Work::Lines(lines) => lines.iter().try_for_each(|line| {
                println!("   $ {line}");
                line.run()
            }),
            Work::SameTwice(line) => {
                println!("   $ {line}   (twice)");
                if line.output()?.stdout == line.output()?.stdout {
                    return Ok(());
                }
                Err(format!("printed something else the second time: {line}").into())
            }
            Work::Skip(reason) => {
                println!("   skipped: {reason}");
                Ok(())
            }
        }
    }
}

/// Runs the steps in order up to the first that fails, and prints how long each took.
pub(crate) fn run_steps(steps: &[Step]) -> Result {
    let mut times = Vec::new();
    for step in steps {
        println!("== {}", step.about);
        let start = Instant::now();
        let result = step.run();
        times.push(start.elapsed());
        if let Err(error) = result {
            summarise(steps, &times);
            return Err(format!("{}: {error}", step.about).into());
        }
    }
    summarise(steps, &times);
    Ok(())
}

fn summarise(steps: &[Step], times: &[Duration]) {
    println!("\n{:>8}  step", "seconds");
    for (step, time) in steps.iter().zip(times) {
        let skipped = if matches!(step.work, Work::Skip(_)) { "  (skipped)" } else { "" };
        println!("{:>8.1}  {}{skipped}", time.as_secs_f64(), step.about);
    }
    println!("{:>8.1}  {} of {} steps", sum(times), times.len(), steps.len());
}

fn sum(times: &[Duration]) -> f64 {
    times.iter().sum::<Duration>().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_as_a_shell_takes_it() {
        let line = Line::new("cargo doc --no-deps").with_variable("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(line.to_string(), "RUSTDOCFLAGS=\"-D warnings\" cargo doc --no-deps");
    }

    #[test]
    fn steps_stop_at_the_first_that_fails_and_say_how_to_repeat_it() {
        let steps = [
            Step::new("good", vec![Line::new("true")]),
            Step::new("bad", vec![Line::new("true"), Line::new("false")]),
            Step::new("never reached", vec![Line::new("no-such-program")]),
        ];
        let error = run_steps(&steps).unwrap_err().to_string();
        assert_eq!(error, "bad: failed; to repeat it: false");
    }

    #[test]
    fn a_line_that_prints_something_else_is_noticed() {
        let step = |line| Step { about: "twice".to_owned(), work: Work::SameTwice(line) };
        assert!(run_steps(&[step(Line::new("echo same"))]).is_ok());
        assert!(run_steps(&[step(Line::new("date +%N"))]).is_err());
    }
}
