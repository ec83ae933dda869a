use std::process::Command;

use joblib_backends::{Failure, Frame, Payload};

use crate::support::{call, one_worker, pid};

/// Ends the worker in the way the argument names; returns other arguments.
pub(crate) fn die(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let how: String = input.read()?;
    match how.as_str() {
        "exit" => std::process::exit(0),
        "exit 7" => std::process::exit(7),
        "abort" => std::process::abort(),
        "kill" => kill(&std::process::id().to_string()),
        "overflow" => assert!(deep(0) > 0),
        _ => {}
    }
    out.write(&how)
}

pub(crate) fn kill(pid: &str) {
    let status = Command::new("kill").args(["-9", pid]).status().unwrap();
    assert!(status.success());
}

#[expect(unconditional_recursion, reason = "it overflows the stack on purpose")]
fn deep(n: u64) -> u64 {
    std::hint::black_box(&[n; 64]);
    1 + deep(n + 1)
}

#[track_caller]
fn blames(how: &str, expected: &str) {
    let pool = one_worker();
    let before = pid(&pool);
    let answers = call(&pool, die, &["a", how, "b"]);
    assert_eq!(answers[0], Ok("a".into()), "a result that was ready is kept");
    let Err(Failure::WorkerDied { worker, status, .. }) = &answers[1] else {
        panic!("{answers:?}");
    };
    assert_eq!((worker.to_string(), status.as_str()), (before.clone(), expected));
    assert_eq!(answers[2], Err(Failure::NotRun));
    assert_ne!(pid(&pool), before, "another worker takes the place");
}

#[test]
fn exit_is_a_death() {
    blames("exit", "exit code 0");
    blames("exit 7", "exit code 7");
}

#[test]
fn abort_is_a_death() {
    blames("abort", "signal 6 (SIGABRT)");
}

#[test]
fn a_kill_is_a_death() {
    blames("kill", "signal 9 (SIGKILL)");
}

#[test]
fn a_stack_overflow_is_a_death() {
    blames("overflow", "signal 11 (SIGSEGV)");
}

#[test]
fn a_worker_that_dies_between_calls_is_replaced() {
    let pool = one_worker();
    for _ in 0..5 {
        kill(&pid(&pool));
        assert_eq!(call(&pool, die, &["a"]), [Ok("a".into())]);
    }
}

#[test]
fn a_worker_that_dies_while_it_rests_is_gone_at_once() {
    let pool = one_worker();
    let worker = pid(&pool);
    kill(&worker);
    let process = format!("/proc/{worker}");
    let gone = (0..6000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        !std::path::Path::new(&process).exists()
    });
    assert!(gone, "it stays as a zombie");
}

#[test]
fn many_deaths_in_a_row_do_not_end_the_pool() {
    let pool = one_worker();
    for _ in 0..10 {
        let answers = call(&pool, die, &["exit"]);
        assert!(matches!(answers[0], Err(Failure::WorkerDied { .. })), "{answers:?}");
    }
    assert_eq!(call(&pool, die, &["a"]), [Ok("a".into())]);
}

#[test]
fn results_that_did_not_fit_the_journal_are_kept() {
    let pool = one_worker();
    let large = "x".repeat(300_000);
    let answers = call(&pool, die, &[&large, "small", &large, "kill", "b"]);
    let results: Vec<_> = answers.iter().map(|a| a.as_ref().map(String::len).ok()).collect();
    assert_eq!(results, [Some(300_000), Some(5), Some(300_000), None, None]);
    assert!(matches!(answers[3], Err(Failure::WorkerDied { .. })), "{:?}", answers[3]);
}
