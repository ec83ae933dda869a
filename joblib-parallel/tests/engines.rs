//! Graphs on engines that speak Python. A thread pool of Python stands for all of them, since it needs
//! no package; `cargo xtask engines` runs the same tests on real ones, whose address is then in the
//! variable `JOBLIB_TEST_ENGINE`.

#![cfg(all(feature = "distributed", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
#![allow(clippy::ptr_arg, reason = "what a node lends is what its call returned")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use joblib_backends::{NJobs, backend_by_name};
use joblib_parallel::{Error, Node, Parallel, delayed};

fn address() -> String {
    let ours = "python:concurrent.futures:ThreadPoolExecutor?max_workers=2".to_owned();
    std::env::var("JOBLIB_TEST_ENGINE").unwrap_or(ours)
}

fn parallel() -> Parallel {
    Parallel::new().backend(address()).n_jobs(2)
}

fn keeps_results() -> bool {
    backend_by_name(&address(), NJobs::from(2)).unwrap().capabilities().keeps_results
}

fn make(n: usize) -> Vec<u8> {
    vec![1; n]
}

fn grow(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(2);
    bytes
}

fn sum(bytes: &Vec<u8>) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

fn total(sums: &[u64], parts: Vec<Vec<u8>>) -> u64 {
    sums.iter().sum::<u64>() + parts.iter().map(sum).sum::<u64>()
}

/// Some calls of each kind, with small and large results, some of them asked for and used besides.
fn several() -> (Node<u64>, Vec<Node<Vec<u8>>>) {
    let given = Node::value(vec![3; 2_000_000]);
    let mut parts: Vec<_> = (0..6).map(|n| delayed!(make(n * 500_000)).node()).collect();
    parts = parts.into_iter().map(|part| delayed!(grow(part)).node()).collect();
    parts.push(given);
    let sums: Vec<_> = parts.iter().map(|part| delayed!(sum(part)).node()).collect();
    (delayed!(total(&sums, parts.clone())).node(), parts)
}

#[test]
fn graphs_are_what_they_are_here() {
    let (total, parts) = several();
    let here = Parallel::new().n_jobs(1).compute((&total, &parts)).unwrap();
    for batch_size in [1, 3] {
        let there = parallel().batch_size(batch_size).compute((&total, &parts)).unwrap();
        assert!(there == here, "{} instead of {}", there.0, here.0);
    }
    assert_eq!(parallel().compute(&total).unwrap(), here.0);
}

#[test]
fn a_failure_names_its_call_and_what_needs_it_is_not_made() {
    fn fail(bytes: &Vec<u8>) -> u64 {
        panic!("{} are too many", bytes.len())
    }
    fn after(n: &u64, file: PathBuf) -> u64 {
        fs::write(file, "").unwrap();
        *n
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made");
    let failing = delayed!(fail(&delayed!(make(4)).node())).node();
    let error = parallel().compute(&delayed!(after(&failing, file.clone())).node()).unwrap_err();
    assert_eq!(error.to_string(), "task 1 (`fail`): panicked: 4 are too many");
    assert!(!file.exists());
    // Nor does the failure hurt what comes then.
    assert_eq!(parallel().compute(&delayed!(sum(&delayed!(make(4)).node())).node()).unwrap(), 4);
}

/// Of the processes between us and the engine, what they have read from and written to their pipes, and
/// the most memory they had: what comes through their sockets is not counted, but takes memory.
fn between() -> [u64; 2] {
    let own = format!("PPid:\t{}\n", std::process::id());
    let all = fs::read_dir("/proc").unwrap().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut sums = [0; 2];
    for number in numbers {
        let read = |file| fs::read_to_string(format!("/proc/{number}/{file}")).unwrap_or_default();
        let status = read("status");
        if !status.contains(&own) || !read("cmdline").contains("The side process") {
            continue;
        }
        let sum = |text: &str, names: &[&str]| -> u64 {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let words = lines.filter(|(name, _)| names.contains(name));
            words
                .map(|(_, rest)| rest.split_whitespace().next().unwrap().parse::<u64>().unwrap())
                .sum()
        };
        sums[0] += sum(&read("io"), &["rchar", "wchar"]);
        sums[1] += 1024 * sum(&status, &["VmHWM"]);
    }
    sums
}

/// By how much both grow.
fn passes(action: impl FnOnce()) -> [u64; 2] {
    let before = between();
    action();
    let after = between();
    [after[0] - before[0], after[1] - before[1]]
}

#[test]
fn what_nobody_asked_for_stays_on_the_engine() {
    const LEN: u64 = 50_000_000;
    if !keeps_results() {
        return;
    }
    let begin = delayed!(make(LEN as usize)).node();
    let left = (0..3).fold(begin.clone(), |bytes, _| delayed!(grow(bytes)).node());
    let sums = vec![delayed!(sum(&left)).node(), delayed!(sum(&begin)).node()];
    let [pipes, memory] = passes(|| {
        assert_eq!(parallel().compute(&sums).unwrap(), [LEN + 6, LEN]);
    });
    assert!(pipes < LEN / 100 && memory < LEN / 2, "{pipes} bytes came by, {memory} of memory");
    // What is asked for comes once.
    let [pipes, memory] = passes(|| {
        assert_eq!(parallel().compute((&left, &sums)).unwrap().0.len() as u64, LEN + 3);
    });
    // Encrypted, it is read from a socket as from a pipe, which counts.
    let times = if address().starts_with("tls") { 2 } else { 1 };
    assert!((LEN..LEN / 100 * 101 * times).contains(&pipes), "{pipes} bytes came by");
    assert!(memory > LEN / 2, "{memory} bytes of memory tell nothing");
    nothing_is_left();
}

/// Sees that the scheduler of Dask forgets all results; it is told that nobody needs them a little
/// later than we say so.
fn nothing_is_left() {
    const SCRIPT: &str = "
import sys, time
from distributed import Client
client = Client(sys.argv[1], set_as_default=False)
def ours(dask_scheduler):
    return [str(task) for key, task in dask_scheduler.tasks.items() if str(key).startswith('on_worker')]
for _ in range(600):
    left = client.run_on_scheduler(ours)
    if not left:
        break
    time.sleep(0.1)
else:
    sys.exit(f'left: {left}')
";
    let address = address();
    let Some(place) = address.strip_prefix("dask://") else { return };
    let place = format!("tcp://{}", place.split('?').next().unwrap());
    let python = std::env::var("JOBLIB_PYTHON").unwrap();
    let output = Command::new(python).args(["-c", SCRIPT, &place]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn kill(process: u32) {
    Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
}

/// The first time, kills the worker of the engine, which then has what it kept no more.
fn sum_or_kill(bytes: &Vec<u8>, other: &Vec<u8>, file: PathBuf) -> u64 {
    if fs::File::create_new(file).is_ok() {
        kill(std::os::unix::process::parent_id());
        std::thread::sleep(Duration::from_secs(3600));
    }
    sum(bytes) + sum(other)
}

#[test]
#[ignore = "an engine may not replace its worker; run by `cargo xtask engines`"]
fn a_worker_that_is_killed_costs_nothing() {
    let address = address();
    if !["dask", "ray", "tls"].iter().any(|name| address.starts_with(name)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("killed");
    // Large arguments lie on workers, too, and what was made from them is needed once more.
    let given = Node::value(vec![1; 3_000_000]);
    let chain = (0..3).fold(given, |bytes, _| delayed!(grow(bytes)).node());
    let begin = delayed!(make(1000)).node();
    let last = delayed!(sum_or_kill(&chain, &begin, file.clone())).node();
    let answer = parallel().compute(&last);
    assert!(file.exists());
    assert_eq!(answer.map_err(|error: Error| error.to_string()), Ok(3_000_006 + 1000));
    nothing_is_left();
}
