//! A worker inherits the standard output of its parent. So when the other end of that pipe sees the
//! end of the file, no worker is left.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use joblib_backends::{Backend, Failure, Frame, Payload};

use crate::support::{call, one_worker, pid};

const ROLE: &str = "JOBLIB_FAULTS_ROLE";

/// Starts this test binary again, running `parent` alone.
fn start(role: &str) -> Child {
    // Whoever runs the tests in the background may have them ignore interrupts.
    Command::new("env")
        .arg("--default-signal=INT")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::parent", "--nocapture"])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        // Of its own, to be interrupted as a whole.
        .process_group(0)
        .spawn()
        .unwrap()
}

/// What the process does that the tests below start; nothing in the ordinary run.
#[test]
fn parent() {
    match std::env::var(ROLE).as_deref() {
        Ok("idle") => {
            let pool = one_worker();
            call(&pool, speak, &["here"]).remove(0).unwrap();
            // Neither shut down nor dropped.
            std::mem::forget(pool);
        }
        Ok("loud") => {
            let pool = one_worker();
            call(&pool, shout, &["x"; 10]).into_iter().for_each(|answer| drop(answer.unwrap()));
            pool.shutdown(Duration::from_secs(60)).unwrap();
        }
        Ok("busy") => {
            call(&one_worker(), speak, &["here", "stay"]);
        }
        _ => {}
    }
}

/// Prints the argument; stays for ever if told so.
#[expect(clippy::print_stdout, reason = "that tasks can print is what is tested")]
fn speak(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let text: String = input.read()?;
    println!("{text}");
    if text == "stay" {
        loop {
            std::thread::park();
        }
    }
    out.write(&text)
}

/// Prints a megabyte.
#[expect(clippy::print_stdout, reason = "that tasks can print is what is tested")]
fn shout(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let text: String = input.read()?;
    for _ in 0..10_000 {
        println!("{}", text.repeat(99));
    }
    out.write(&text)
}

#[test]
fn ten_megabytes_of_prints_appear_whole() {
    let output = start("loud").wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = output.stdout.split(|byte| *byte == b'\n');
    assert_eq!(lines.filter(|line| **line == [b'x'; 99]).count(), 100_000);
}

fn interrupt(target: &str) {
    let status = Command::new("kill").args(["-INT", "--", target]).status().unwrap();
    assert!(status.success());
}

#[test]
fn an_interrupt_from_the_terminal_leaves_no_worker() {
    let mut parent = start("busy");
    let mut output = BufReader::new(parent.stdout.take().unwrap());
    await_line(&mut output, "stay");
    interrupt(&format!("-{}", parent.id()));
    assert!(!parent.wait().unwrap().success());
    output.read_to_end(&mut vec![]).unwrap();
}

#[test]
fn an_interrupt_is_for_the_parent_to_handle() {
    let pool = one_worker();
    let worker = pid(&pool);
    interrupt(&worker);
    assert_eq!(pid(&pool), worker);
}

/// Reads lines until `wanted` comes.
fn await_line(from: &mut impl BufRead, wanted: &str) {
    let mut lines = from.lines();
    assert!(lines.any(|line| line.unwrap() == wanted), "`{wanted}` was not printed");
}

#[test]
fn idle_workers_leave_when_their_parent_returns() {
    let output = start("idle").wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("here\n"));
}

#[test]
fn busy_workers_die_when_their_parent_is_killed() {
    let mut parent = start("busy");
    let mut output = BufReader::new(parent.stdout.take().unwrap());
    await_line(&mut output, "stay");
    parent.kill().unwrap();
    parent.wait().unwrap();
    output.read_to_end(&mut vec![]).unwrap();
}

#[test]
fn no_worker_is_left_after_a_shutdown() {
    let pool = one_worker();
    let worker = Path::new("/proc").join(pid(&pool));
    assert!(worker.exists());
    pool.shutdown(Duration::from_secs(10)).unwrap();
    assert!(!worker.exists());
}
