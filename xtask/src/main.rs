//! Everything a contributor runs besides `cargo build` and `cargo test`: `cargo xtask help`.
//!
//! Only the standard library, so that the first run compiles in seconds; what needs the crates
//! themselves (`compat`, `bench`) lives behind the feature of its name, which the task switches on.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to a person")]

mod bench;
mod ci;
mod command;
mod compat;
mod engines;
mod fuzz;
mod miri;
mod python;
mod servers;
mod test;
mod tidy;
mod workspace;

use std::env;
use std::process::ExitCode;

/// What goes wrong here is told to a person, and nothing else is done with it.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Name, what it does, how.
type Task = (&'static str, &'static str, fn(&[String]) -> Result);

const TASKS: &[Task] = &[
    ("test", "all tests, examples and doc tests, and the comparison with Python", test::run),
    ("ci", "everything the CI checks, in its order (--skip-tests: without `test`)", ci::run),
    ("tidy", "rules that clippy cannot express: lengths, forgotten tests, links", tidy::run),
    (
        "compat",
        "our files read by other programs and theirs by us (--full: every version of joblib)",
        compat::run,
    ),
    ("servers", "tests of remote stores against server programs on the loopback", servers::run),
    (
        "bench",
        "ratios to Python joblib, numpy and plain I/O (--quick: small, nothing kept)",
        bench::run,
    ),
    (
        "engines",
        "the suite of backends on Dask and ipyparallel (--all: Ray, Spark, Slurm and ssh too)",
        engines::run,
    ),
    (
        "miri",
        "the tests of borrowed tasks, interpreted step by step, where a nightly has Miri",
        miri::run,
    ),
    ("fuzz", "each parser fed by libFuzzer ([TARGET…] [--seconds 600] [--merge])", fuzz::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let (name, rest) = args.split_first().map_or(("help", &[][..]), |(n, r)| (n.as_str(), r));

    let Some((_, _, task)) = TASKS.iter().find(|(task, _, _)| *task == name) else {
        for (name, about, _) in TASKS {
            println!("cargo xtask {name:<8} {about}");
        }
        return if name == "help" { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    match task(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error}");
            ExitCode::FAILURE
        }
    }
}
