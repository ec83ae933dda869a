//! `cargo xtask engines`: real engines and launchers on the loopback, the suite of every backend on
//! them, and the example with the same table as on threads.
//!
//! Everything runs in a network and process namespace of its own where the system allows it, so that
//! ports cannot clash, nothing listens outside, and no process outlives the run. Elsewhere the servers
//! are ended one by one.

mod kinds;
mod launchers;
mod server;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

pub(crate) use kinds::Engine;
use kinds::{KINDS, Kind};
use server::Server;

use crate::{Result, python, workspace};

/// The words with which we call ourselves again, inside of the namespaces.
const INSIDE: &str = "--inside";
/// How long the tests may take on one engine.
const SUITE_LIMIT: Duration = Duration::from_secs(1200);
/// What `unshare` has to grant: networks and processes of our own, which end with the first of them.
const NAMESPACES: &[&str] = &["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

pub(crate) fn run(args: &[String]) -> Result {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let [INSIDE, rows, engines, graphs, launched, example] = words[..] {
        let rows = self::rows(&rows.split(',').collect::<Vec<_>>())?;
        return run_inside(&rows, [engines, graphs], launched, example);
    }
    let rows = rows(&words)?;
    // Outside, where there is a network: what has to be compiled or installed.
    let tests = "test --quiet -p joblib-backends --all-features --no-run --test";
    let engines = executable(&format!("{tests} engines"))?;
    let launched = executable(&format!("{tests} launched"))?;
    let graphs = "test --quiet -p joblib-parallel --features distributed --no-run --test engines";
    let graphs = executable(graphs)?;
    let example = executable(
        "build --quiet --release -p joblib --features distributed --example grid_search",
    )?;
    let mut ready = Vec::new();
    for row in rows {
        if let Some(what) = row.missing() {
            println!("{}: skipped, {what}", row.name());
            continue;
        }
        if let Row::Engine(kind) = row {
            python::environment(kind.requirements)?;
        }
        ready.push(row.name());
    }
    if ready.is_empty() {
        return Ok(());
    }
    let mut command = in_namespaces();
    command
        .args(["engines", INSIDE, &ready.join(",")])
        .args([&engines, &graphs, &launched, &example]);
    let status = command.stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err("an engine failed; what it said is above".into()) }
}

/// Starts the engine of that name, which ends when this is dropped.
#[cfg(feature = "bench")]
pub(crate) fn start(name: &str, python: &Path) -> Result<Engine> {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    (kind.ok_or_else(|| format!("there is no engine `{name}`"))?.start)(python)
}

/// What the suite can be run on.
#[derive(Clone, Copy)]
enum Row {
    Engine(&'static Kind),
    Launcher(&'static launchers::Kind),
}

impl Row {
    fn all() -> impl Iterator<Item = Self> {
        let launchers = launchers::KINDS.iter().map(Self::Launcher);
        KINDS.iter().map(Self::Engine).chain(launchers)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Engine(kind) => kind.name,
            Self::Launcher(kind) => kind.name,
        }
    }

    /// Whether it is part of every test run.
    fn is_small(self) -> bool {
        matches!(self, Self::Engine(kind) if kind.small)
    }

    /// What this machine lacks, for one line.
    fn missing(self) -> Option<String> {
        match self {
            Self::Engine(kind) => kind.missing(),
            Self::Launcher(kind) => kind.missing(),
        }
    }
}

/// Those that are named; without names those of every test run.
fn rows(words: &[&str]) -> Result<Vec<Row>> {
    match words {
        [] => Ok(Row::all().filter(|row| row.is_small()).collect()),
        ["--all"] => Ok(Row::all().collect()),
        names => names.iter().map(|name| row(name)).collect(),
    }
}

fn row(name: &str) -> Result<Row> {
    let known = || Row::all().map(Row::name).collect::<Vec<_>>().join(", ");
    let found = Row::all().find(|row| row.name() == name);
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

fn run_inside(rows: &[Row], engines: [&str; 2], launched: &str, example: &str) -> Result {
    let table = table(example, "threads")?;
    for row in rows {
        println!("== {}", row.name());
        match row {
            Row::Engine(kind) => run_engine(kind, engines, example, &table)?,
            Row::Launcher(kind) => kind.run(launched, example, &table)?,
        }
        println!("{}: the suite of backends, and the example with the same table", row.name());
    }
    Ok(())
}

fn run_engine(kind: &Kind, [tests, graphs]: [&str; 2], example: &str, table: &str) -> Result {
    let python = python::environment(kind.requirements)?;
    let engine = (kind.start)(&python)?;
    suite(tests, &engine, &python, &[])?;
    suite(graphs, &engine, &python, &["--include-ignored"])?;
    if table_on(example, &engine.address, &python)? != table {
        let name = kind.name;
        return Err(format!("{name}: the example's table differs from that on threads").into());
    }
    // The last of them ends the engine.
    suite(tests, &engine, &python, &["--ignored", "losses::"])
}

/// Runs tests for engines.
fn suite(tests: &str, engine: &Engine, python: &Path, which: &[&str]) -> Result {
    let mut command = Command::new(tests);
    // One after the other: each counts on all workers of the engine.
    command.arg("--test-threads=1").args(which);
    command.env("JOBLIB_TEST_ENGINE", &engine.address).env("JOBLIB_PYTHON", python);
    if let Some(scheduler) = engine.scheduler() {
        command.env("JOBLIB_TEST_SCHEDULER", scheduler.to_string());
    }
    let mut suite = Server::start("suite", command)?;
    let ended = suite.ends_within(SUITE_LIMIT)?;
    let text = suite.said();
    if ended.is_some_and(|status| status.success()) && text.contains("test result: ok") {
        return Ok(());
    }
    println!("{text}");
    let what = if ended.is_some() { "failed" } else { "took too long" };
    Err(format!("the suite {what} on {}", engine.address).into())
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
        let error = rows(&["desk"]).err().unwrap().to_string();
        assert!(
            error.starts_with("`desk` is neither --all nor one of dask, ipyparallel"),
            "{error}"
        );
        assert!(error.ends_with("slurm, ssh"), "{error}");
        assert!(rows(&[]).unwrap().into_iter().all(Row::is_small));
        assert_eq!(rows(&["--all"]).unwrap().len(), KINDS.len() + launchers::KINDS.len());
    }
}
