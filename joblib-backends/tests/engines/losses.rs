use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use joblib_backends::{Backend, Distributed, Failure, Frame, Payload};

use crate::calls::{call, call_with, new_call, submit};
use crate::{address, engine};

/// Kills a process or, with a minus before it, a group.
fn kill(process: &str) {
    assert!(Command::new("kill").args(["-KILL", "--", process]).status().unwrap().success());
}

/// The children of this process that run Python.
fn side_processes() -> Vec<u32> {
    let own = format!("PPid:\t{}\n", std::process::id());
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number: &u32| {
            let read = |file| fs::read_to_string(format!("/proc/{number}/{file}"));
            let is_child = read("status").is_ok_and(|status| status.contains(&own));
            is_child && read("cmdline").is_ok_and(|line| line.contains("The side process"))
        })
        .collect()
}

/// Says that it has begun, by a file with its process id, and goes on for as long as the file is there:
/// not every engine stops what runs.
fn begin_and_wait(_: u64, input: &mut Payload<'_>, _: &mut Frame) -> Result<(), Failure> {
    let file: PathBuf = input.read()?;
    // A file is there at once with its content.
    let new = file.with_extension("new");
    fs::write(&new, std::process::id().to_string()).unwrap();
    fs::rename(new, &file).unwrap();
    while file.exists() {
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn wait_for(file: &Path) {
    while !file.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What becomes of a task that runs while `lose` does something.
fn lost(engine: &Distributed, lose: impl FnOnce()) -> Result<(), Failure> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("begun");
    let answers =
        submit(engine, new_call(), begin_and_wait, vec![file.clone()], |file, out| out.write(file));
    wait_for(&file);
    lose();
    let answer = answers.recv().unwrap().remove(0);
    // Engines of ipyparallel do not look whether somebody is left who wants an answer.
    if engine.capabilities().kill && !address(1).starts_with("ipyparallel") {
        assert_ends(&file);
    }
    answer
}

#[test]
fn a_call_that_is_given_up_leaves_no_task_behind() {
    let engine = engine(1);
    if !engine.capabilities().kill {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("begun");
    let call = new_call();
    let answers =
        submit(&engine, call, begin_and_wait, vec![file.clone()], |file, out| out.write(file));
    wait_for(&file);
    engine.abort(call);
    assert_eq!(answers.recv().unwrap(), [Err::<(), _>(Failure::Lost)]);
    assert_ends(&file);
}

fn echo(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    out.write(&input.read::<u64>()?)
}

/// Says that it has begun, and ends after so many milliseconds.
fn begin_and_nap(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let (file, nap): (PathBuf, u64) = input.read()?;
    fs::write(file, "").unwrap();
    std::thread::sleep(Duration::from_millis(nap));
    out.write(&nap)
}

#[test]
fn a_call_that_is_given_up_costs_no_other_call() {
    let (engine, folder) = (engine(2), tempfile::tempdir().unwrap());
    let nap = |name: String, nap: u64| {
        let (call, file) = (new_call(), folder.path().join(name));
        let arguments = vec![(file.clone(), nap)];
        let encode = |nap: &(PathBuf, u64), out: &mut Frame| out.write(nap);
        (call, file, submit::<_, u64>(&engine, call, begin_and_nap, arguments, encode))
    };
    // What is given up ends about when it is told to, and another call has its worker then.
    for round in 0..12 {
        let (given_up, begun, _answers) = nap(format!("{round}"), round);
        let others: Vec<_> = (0..4).map(|n| nap(format!("{round}-{n}"), 20)).collect();
        wait_for(&begun);
        engine.abort(given_up);
        for (_, _, answers) in others {
            assert_eq!(answers.recv().unwrap(), [Ok(20)], "round {round}");
        }
    }
}

#[test]
#[ignore = "kills what other tests may be using; run by the next test and by `cargo xtask engines`"]
fn a_side_process_that_is_killed_ends_what_is_under_way() {
    let engine = engine(1);
    let [side] = side_processes()[..] else { panic!("{:?}", side_processes()) };
    let ended = "the side process of the engine has ended";
    let answer = lost(&engine, || kill(&side.to_string()));
    assert_eq!(answer, Err(Failure::Engine { message: ended.into() }));
    let answers = call::<_, u64>(&engine, echo, vec![1_u64]);
    assert_eq!(answers, [Err(Failure::Refused { message: ended.into() })]);
    // Another connection has nothing to do with it.
    assert_eq!(call::<_, u64>(&crate::engine(1), echo, vec![1_u64]), [Ok(1)]);
}

#[test]
fn a_side_process_may_be_killed() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = "losses::a_side_process_that_is_killed_ends_what_is_under_way";
    let output = command.args([test, "--exact", "--ignored"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Not a test: a program that waits for a task without an end.
#[test]
#[ignore = "started by `a_program_that_is_killed_leaves_no_task_behind`"]
fn program() {
    let Some(file) = std::env::var_os("JOBLIB_TEST_FILE") else { return };
    call::<PathBuf, ()>(&engine(1), begin_and_wait, vec![file.into()]);
}

#[test]
fn a_program_that_is_killed_leaves_no_task_behind() {
    if !engine(1).capabilities().kill {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("begun");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["losses::program", "--exact", "--ignored"]).env("JOBLIB_TEST_FILE", &file);
    let mut program = command.spawn().unwrap();
    wait_for(&file);
    program.kill().unwrap();
    program.wait().unwrap();
    assert_ends(&file);
}

/// Sees that the worker ends that wrote its process id into the file.
fn assert_ends(file: &Path) {
    let worker = fs::read_to_string(file).unwrap();
    // What has ended may still be listed.
    let runs = || {
        let status = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
        status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    };
    for _ in 0..6000 {
        if !runs() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("worker {worker} is still there");
}

/// Whether the engine begins a batch again whose worker died.
fn retries() -> bool {
    let address = address(1);
    ["dask", "ipyparallel", "ray", "spark", "tls"].iter().any(|name| address.starts_with(name))
}

/// The first time, kills the worker of the engine that this worker belongs to.
fn kill_once(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let numbers = input.read_borrowed::<Vec<u8>>()?.len();
    let file: PathBuf = input.read()?;
    if fs::File::create_new(file).is_ok() {
        kill(&std::os::unix::process::parent_id().to_string());
        std::thread::sleep(Duration::from_secs(3600));
    }
    out.write(&numbers)
}

#[test]
#[ignore = "an engine may not replace its worker; run by `cargo xtask engines`"]
fn a_worker_of_the_engine_that_is_killed_costs_nothing() {
    if !retries() {
        return;
    }
    type Arguments = (Arc<Vec<u8>>, PathBuf);
    let engine = engine(2);
    let folder = tempfile::tempdir().unwrap();
    // What lay with that worker is there again, too.
    let numbers = Arc::new(vec![1_u8; 20_000_000]);
    let arguments = (0..4).map(|_| (Arc::clone(&numbers), folder.path().join("killed")));
    let answers = call_with::<Arguments, usize>(
        &engine,
        kill_once,
        arguments.collect(),
        |(numbers, file), out| {
            out.write_borrowed(&**numbers)?;
            out.write(file)
        },
    );
    assert_eq!(answers, [Ok(20_000_000), Ok(20_000_000), Ok(20_000_000), Ok(20_000_000)]);
}

/// Kills the worker of the engine that this worker belongs to, if told to, or takes its time.
fn kill_if(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let kills: bool = input.read()?;
    if kills {
        kill(&std::os::unix::process::parent_id().to_string());
        std::thread::sleep(Duration::from_secs(3600));
    }
    std::thread::sleep(Duration::from_millis(500)); // some have not ended when the engine gives up
    out.write(&kills)
}

#[test]
#[ignore = "an engine may not replace its worker; run by `cargo xtask engines`"]
fn a_batch_that_kills_each_worker_costs_no_other_batch() {
    // Others take batches that were merely near for the cause, or do not replace their workers.
    if !address(1).starts_with("spark") {
        return;
    }
    let (engine, call) = (engine(2), new_call());
    let batch = |kills| {
        submit::<_, bool>(&engine, call, kill_if, vec![kills], |kills, out| out.write(kills))
    };
    // They wait for each other, and go to the engine together.
    let batches: Vec<_> = (0..12).map(|n| batch(n == 6)).collect();
    for (n, batch) in batches.into_iter().enumerate() {
        let answer = batch.recv().unwrap().remove(0);
        let is_right = if n == 6 {
            matches!(answer, Err(Failure::Engine { .. }))
        } else {
            answer == Ok(false)
        };
        assert!(is_right, "{n}: {answer:?}");
    }
}

#[test]
#[ignore = "ends the engine; run by `cargo xtask engines` as the last"]
fn z_a_scheduler_that_is_killed_is_told() {
    let Ok(scheduler) = std::env::var("JOBLIB_TEST_SCHEDULER") else { return };
    let engine = engine(1);
    let answer = lost(&engine, || kill(&format!("-{scheduler}")));
    assert!(
        matches!(&answer, Err(Failure::Engine { message }) if !message.is_empty()),
        "{answer:?}"
    );
    // Until the loss is noticed for good, each call fails by itself.
    let answers = call::<_, u64>(&engine, echo, vec![1_u64]);
    let is_told =
        |answer: &_| matches!(answer, Err(Failure::Engine { .. } | Failure::Refused { .. }));
    assert!(answers.iter().all(is_told), "{answers:?}");
    engine.shutdown(Duration::ZERO).unwrap();
    let separator = if address(1).contains('?') { '&' } else { '?' };
    let error = Distributed::connect(&format!("{}{separator}timeout=2", address(1))).unwrap_err();
    assert!(std::error::Error::source(&error).is_some(), "{error}");
}

#[test]
fn another_version_than_the_cluster_has_is_refused() {
    if !address(1).starts_with("dask") {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    // Runs before the side process's script, as if an old version were installed.
    let old = "import importlib.metadata as data\nreal = data.version\n\
               data.version = lambda name: '1.0' if name == 'distributed' else real(name)\n";
    fs::write(folder.path().join("sitecustomize.py"), old).unwrap();
    let python = std::env::var("JOBLIB_PYTHON").unwrap();
    let script = folder.path().join("python");
    let path = folder.path().display();
    fs::write(&script, format!("#!/bin/sh\nPYTHONPATH={path} exec {python} \"$@\"\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let place = format!("{}?python={}", address(1), script.display());
    let error = Distributed::connect(&place).unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("has distributed 1.0 on Python 3"), "{why}");
    assert!(
        why.contains("(scheduler) has distributed 20") && why.contains("JOBLIB_PYTHON"),
        "{why}"
    );
}
