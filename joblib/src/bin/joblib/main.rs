//! The command `joblib`: one module per subcommand.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

mod cache;
mod convert;
mod inspect;
mod progress;
mod python_tree;
mod table;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Look into what joblib keeps on disk, and convert it.
///
/// The exit code is 0, 1 after a failure, 2 after a mistake in the arguments.
#[derive(Debug, Parser)]
#[command(name = "joblib", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look after a folder of cached results.
    #[command(subcommand, arg_required_else_help = true)]
    Cache(cache::Command),
    /// Show what is in a file of ours or of Python's joblib or pickle, without running any of it.
    Inspect(inspect::Arguments),
    /// Write what is in a file to another one: in another format, or with another compressor.
    Convert(convert::Arguments),
}

/// What a subcommand returns: whether all is well, which is the exit code.
type Outcome = Result<bool, Box<dyn Error>>;

fn main() -> ExitCode {
    // `cache verify` says 1 for damage that it found, so failures of `cache` have a number beyond.
    let (outcome, failure) = match Arguments::parse().command {
        Command::Cache(command) => (cache::run(command), 2),
        Command::Inspect(arguments) => (inspect::run(&arguments), 1),
        Command::Convert(arguments) => (convert::run(&arguments), 1),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("joblib: {}", chain(&*error));
            ExitCode::from(failure)
        }
    }
}

/// Prints a line or more. Who reads only the first ones, as `head` does, has not made a mistake.
fn print(text: std::fmt::Arguments<'_>) -> std::io::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.replace('\n', " ")
}
