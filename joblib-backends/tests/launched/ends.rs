use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use joblib_backends::{Backend, Failure};

use crate::{acts, launched};

fn place(pid: &str) -> PathBuf {
    PathBuf::from("/proc").join(pid)
}

/// The worker and its relay, which are children of children of ours.
fn processes(pool: &dyn Backend) -> Vec<PathBuf> {
    let pids = acts(pool, &["worker", "relay"]);
    pids.into_iter().map(|pid| place(&pid.unwrap())).collect()
}

#[test]
fn a_relay_that_is_lost_costs_one_task_and_is_replaced() {
    let pool = launched(1);
    let before = processes(&pool);
    for _ in 0..3 {
        let answers = acts(&pool, &["end the relay", "b", "c"]);
        let Err(Failure::WorkerDied { status, .. }) = &answers[0] else { panic!("{answers:?}") };
        assert!(status.starts_with("the loss of its launcher: "), "{status}");
        assert_eq!(answers[1..], [Err(Failure::NotRun), Err(Failure::NotRun)]);
    }
    assert_eq!(acts(&pool, &["a"]), [Ok("a".to_owned())]);
    await_end(&before);
}

#[test]
fn nothing_is_left_after_a_shutdown() {
    let pool = launched(1);
    let processes = processes(&pool);
    assert!(processes.iter().all(|process| process.exists()));
    pool.shutdown(Duration::from_secs(60)).unwrap();
    await_end(&processes);
}

#[test]
fn an_idle_worker_leaves_and_another_takes_its_place() {
    let options = joblib_backends::WorkerOptions::new().idle_timeout(Some(Duration::ZERO));
    let one = std::num::NonZeroUsize::MIN;
    let pool = joblib_backends::Launched::with_options(one, &crate::launcher(), &options).unwrap();
    await_end(&processes(&pool));
    assert_eq!(acts(&pool, &["a"]), [Ok("a".to_owned())]);
}

/// Not a test: a program that waits for a task that stays for ever.
#[test]
#[ignore = "started by `nothing_is_left_of_a_program_that_is_killed`"]
fn busy() {
    acts(&launched(1), &["stay"]);
}

#[test]
fn nothing_is_left_of_a_program_that_is_killed() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["ends::busy", "--exact", "--ignored", "--nocapture"]);
    let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(program.stdout.take().unwrap());
    let pids = output
        .lines()
        .map(Result::unwrap)
        .find(|line| !line.is_empty() && line.split(' ').all(|word| word.parse::<u32>().is_ok()));
    let pids = pids.unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    await_end(&pids.split(' ').map(place).collect::<Vec<_>>());
}

/// Waits until these processes have ended; in vain, if the test fails.
fn await_end(processes: &[PathBuf]) {
    let runs = |process: &PathBuf| {
        let status = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
        // What has ended stays listed as `Z` until whoever adopted it looks.
        status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
    };
    while processes.iter().any(runs) {
        thread::sleep(Duration::from_millis(2));
    }
}
