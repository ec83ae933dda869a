//! Workers that a command starts. `env` stands for all such commands, since it is everywhere; `cargo
//! xtask engines` runs the same tests on real ones, which are then in the variable
//! `JOBLIB_TEST_LAUNCHER`.

#![cfg(all(feature = "processes", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// A batch of calls of one function in worker processes.
#[path = "all/calls.rs"]
mod calls;
/// The properties that every backend must have.
#[path = "launched/conformance.rs"]
mod conformance;
/// Processes that end when they should not, or stay when they should end.
#[path = "launched/ends.rs"]
mod ends;
/// What workers are like, and what comes from them.
#[path = "launched/inside.rs"]
mod inside;
/// Several machines.
#[path = "launched/nodes.rs"]
mod nodes;
/// Arrays and shared values that many tasks use.
#[path = "launched/once.rs"]
mod once;
/// Commands that start no worker.
#[path = "launched/starts.rs"]
mod starts;

use std::num::NonZeroUsize;

use joblib_backends::{Backend, Failure, Frame, Launched, Launcher, Payload, worker_cores};

/// A pool of so many workers, started by the command to test.
fn launched(workers: usize) -> Launched {
    Launched::new(NonZeroUsize::new(workers).unwrap(), &launcher()).unwrap()
}

fn launcher() -> Launcher {
    std::env::var("JOBLIB_TEST_LAUNCHER").map_or(Launcher::new(["env"]), |it| it.parse().unwrap())
}

/// Calls `act` once for each text, in one batch.
fn acts(backend: &dyn Backend, texts: &[&str]) -> Vec<Result<String, Failure>> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    calls::call::<String, String>(backend, act, texts)
}

/// What the text asks for, or the text itself.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "that tasks can print is tested")]
fn act(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let text: String = input.read()?;
    let answer = match text.as_str() {
        "worker" => std::process::id().to_string(),
        "relay" => std::os::unix::process::parent_id().to_string(),
        "cores" => worker_cores().unwrap().to_string(),
        "variable" => std::env::var("JOBLIB_WORKER").unwrap_or("none".to_owned()),
        "end the relay" => {
            kill(&std::os::unix::process::parent_id().to_string());
            loop {
                std::thread::park();
            }
        }
        "allocate" => vec![1_u8; 1 << 30].len().to_string(),
        "stay" => {
            println!("{} {}", std::process::id(), std::os::unix::process::parent_id());
            loop {
                std::thread::park();
            }
        }
        "print" => {
            println!("to the output");
            eprintln!("to the errors");
            text
        }
        "shout" => {
            (0..10_000).for_each(|_| println!("{}", "x".repeat(99)));
            text
        }
        _ => text,
    };
    out.write(&answer)
}

fn kill(pid: &str) {
    let status = std::process::Command::new("kill").args(["-9", pid]).status().unwrap();
    assert!(status.success());
}
