//! `cargo xtask engines`: real engines on the loopback, the suite of every backend on them, and the
//! example with the same table as on threads.
//!
//! Everything runs in a network and process namespace of its own where the system allows it, so that
//! ports cannot clash, nothing listens outside, and no process outlives the run. Elsewhere the servers
//! are ended one by one.

mod kinds;
mod server;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kinds::{Engine, KINDS, Kind};

use crate::{Result, python, workspace};

/// The words with which we call ourselves again, inside of the namespaces.
const INSIDE: &str = "--inside";
/// What `unshare` has to grant: networks and processes of our own, which end with the first of them.
const NAMESPACES: &[&str] = &["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

pub(crate) fn run(args: &[String]) -> Result {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let [INSIDE, kinds, tests, example] = words[..] {
        return run_inside(&self::kinds(&kinds.split(',').collect::<Vec<_>>())?, tests, example);
    }
    let kinds = kinds(&words)?;
    // Outside, where there is a network: what has to be compiled or installed.
    let tests =
        executable("test --quiet -p joblib-backends --all-features --test engines --no-run")?;
    let example = executable(
        "build --quiet --release -p joblib --features distributed --example grid_search",
    )?;
    let mut ready = Vec::new();
    for kind in kinds {
        match kind.missing() {
            Some(what) => println!("{}: skipped, {what}", kind.name),
            None => {
                python::environment(kind.requirements)?;
                ready.push(kind.name);
            }
        }
    }
    if ready.is_empty() {
        return Ok(());
    }
    let mut command = in_namespaces();
    command.args(["engines", INSIDE, &ready.join(",")]).args([&tests, &example]);
    let status = command.stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err("an engine failed; what it said is above".into()) }
}

/// The engines that are named; without names those of every test run.
fn kinds(words: &[&str]) -> Result<Vec<&'static Kind>> {
    match words {
        [] => Ok(KINDS.iter().filter(|kind| kind.small).collect()),
        ["--all"] => Ok(KINDS.iter().collect()),
        names => names.iter().map(|name| kind(name)).collect(),
    }
}

fn kind(name: &str) -> Result<&'static Kind> {
    let known = || KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
    let found = KINDS.iter().find(|kind| kind.name == name);
    found.ok_or_else(|| format!("`{name}` is neither --all nor one of {}", known()).into())
}

/// Compiles something and returns where it is.
fn executable(arguments: &str) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments.split(' ')).args(["--message-format", "json"]);
    let output = command.current_dir(workspace::root()).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let name = |line: &str| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        Some(PathBuf::from(rest.split_once('"')?.0))
    };
    match text.lines().rev().find_map(name) {
        Some(path) if output.status.success() => Ok(path),
        _ => Err(format!("failed; to repeat it: cargo {arguments}").into()),
    }
}

/// This program, in namespaces of its own if they can be had.
fn in_namespaces() -> Command {
    let program = env::current_exe().unwrap_or_else(|_| "xtask".into());
    let granted = Command::new("unshare").args(NAMESPACES).arg("true").output();
    if !granted.is_ok_and(|output| output.status.success()) {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command
        .args(NAMESPACES)
        .args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh"])
        .arg(program);
    command
}

fn run_inside(kinds: &[&Kind], tests: &str, example: &str) -> Result {
    let table = table(example, "threads")?;
    for kind in kinds {
        println!("== {}", kind.name);
        let python = python::environment(kind.requirements)?;
        let engine = (kind.start)(&python)?;
        suite(tests, &engine, &python)?;
        let theirs = table_on(example, &engine.address, &python)?;
        if theirs != table {
            return Err(
                format!("{}: the example's table differs from that on threads", kind.name).into()
            );
        }
        println!("{}: the suite of backends, and the example with the same table", kind.name);
    }
    Ok(())
}

/// Runs the tests of `joblib-backends` for engines.
fn suite(tests: &str, engine: &Engine, python: &Path) -> Result {
    let mut command = Command::new(tests);
    // One after the other: each counts on all workers of the engine.
    command.arg("--test-threads=1").env("JOBLIB_TEST_ENGINE", &engine.address);
    let output = command.env("JOBLIB_PYTHON", python).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && text.contains("test result: ok") {
        return Ok(());
    }
    println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    Err(format!("the suite failed on {}", engine.address).into())
}

fn table(example: &str, backend: &str) -> Result<String> {
    table_of(Command::new(example), backend)
}

fn table_on(example: &str, backend: &str, python: &Path) -> Result<String> {
    let mut command = Command::new(example);
    command.env("JOBLIB_PYTHON", python);
    table_of(command, backend)
}

/// What the example prints, computed anew.
fn table_of(mut command: Command, backend: &str) -> Result<String> {
    command.args(["--backend", backend, "--n-jobs", "2", "--fresh"]).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.current_dir(workspace::root()).output()?;
    if status.success() {
        return Ok(String::from_utf8(stdout)?);
    }
    eprint!("{}", String::from_utf8_lossy(&stderr));
    Err(format!("the example failed on `{backend}`").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_engine_is_answered_with_the_known_ones() {
        let error = kinds(&["desk"]).err().unwrap().to_string();
        assert!(
            error.starts_with("`desk` is neither --all nor one of dask, ipyparallel"),
            "{error}"
        );
        assert!(kinds(&[]).unwrap().iter().all(|kind| kind.small));
        assert_eq!(kinds(&["--all"]).unwrap().len(), KINDS.len());
    }
}
