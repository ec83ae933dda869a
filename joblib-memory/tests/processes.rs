//! Several processes on one folder: this test binary starts itself again, so it is one of its own.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
#![allow(clippy::print_stdout, reason = "children report to their parent")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use joblib_memory::{CallId, Digest, FolderStore, Function, Memory, Store, Stored, cache};

#[cfg(target_os = "linux")]
#[path = "processes/disks.rs"]
mod disks; // Disks that are full or read-only, for root too.

/// What a child process is told by its environment.
const ROLE: &str = "JOBLIB_MEMORY_TEST_ROLE";
const FOLDER: &str = "JOBLIB_MEMORY_TEST_FOLDER";
const CALLS: &str = "JOBLIB_MEMORY_TEST_CALLS";

static MEMORY: OnceLock<Memory> = OnceLock::new();

/// The memory of a child process.
fn memory() -> &'static Memory {
    MEMORY.get_or_init(|| {
        let folder = std::env::var_os(FOLDER).unwrap();
        Memory::builder(folder).verbose(2).build()
    })
}

#[cache(memory())]
fn slow(x: u32, name: &str) -> String {
    println!("computing");
    format!("{name} {x}")
}

/// Begins, says so, and never ends.
#[cache(memory())]
fn endless(x: u8) -> u8 {
    println!("computing");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    x
}

/// Not a test: what a child process does instead of testing.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "call" => println!("result: {}", slow(7, "seven")),
        // Found and computed by a memory in a `static`, which is never dropped.
        "count" => {
            for x in [1, 2, 1] {
                slow(x, "counted");
            }
            Memory::new(std::env::var_os(FOLDER).unwrap()).cache("g", |x: &u8| *x).call(&1);
        }
        #[cfg(target_os = "linux")]
        "read-only" => disks::read_only(Path::new(&std::env::var_os(FOLDER).unwrap())),
        #[cfg(target_os = "linux")]
        "full" => disks::full(Path::new(&std::env::var_os(FOLDER).unwrap())),
        "endless" => {
            endless(1);
            println!("done");
        }
        "compute" => {
            let folder = std::env::var_os(FOLDER).unwrap();
            let f = Memory::new(folder);
            let f = f.cache("f", |x: &u8| {
                println!("computing");
                *x
            });
            println!("ready");
            // Starts when the parent says so, like all the others.
            std::io::stdin().read_exact(&mut [0]).unwrap();
            for x in 0..50 {
                assert_eq!(f.call(&x), x);
            }
        }
        "write" => {
            let store = FolderStore::new(std::env::var_os(FOLDER).unwrap());
            println!("ready");
            std::io::stdin().read_exact(&mut [0]).unwrap();
            for number in 0..100 {
                let bytes = [std::process::id() as u8; 10_000];
                if store.put_if_absent(&id(number), &mut |w| w.write_all(&bytes)).unwrap() {
                    println!("won");
                }
                let Some(Stored::File { mut file, .. }) = store.get(&id(number)).unwrap() else {
                    panic!("entry {number} is gone");
                };
                let mut found = Vec::new();
                file.read_to_end(&mut found).unwrap();
                assert_eq!(found, [found[0]; 10_000]);
            }
        }
        "storm" => {
            let memory = Memory::new(std::env::var_os(FOLDER).unwrap());
            let f = memory.cache("storm", |x: &u32| big(*x));
            println!("ready");
            for round in std::process::id().. {
                let x = round % 7;
                assert_eq!(f.call(&x), big(x));
                if round % 3 == 0
                    && let Some(entry) = f.entries().unwrap().first()
                {
                    memory.forget(&entry.id).unwrap();
                }
            }
        }
        "record" => {
            let memory = Memory::new(std::env::var_os(FOLDER).unwrap());
            let f = memory.cache("model::fit", |&(n, scale): &(u32, f64)| scale * f64::from(n));
            let calls = std::env::var(CALLS).unwrap();
            for n in calls.split_whitespace() {
                f.call(&(n.parse().unwrap(), 0.5));
            }
        }
        "train" => {
            let memory = Memory::new(std::env::var_os(FOLDER).unwrap());
            let stop: u64 = std::env::var(CALLS).unwrap().parse().unwrap();
            let checkpoint = memory.checkpointed("train", 1_u64, 100).every(Duration::ZERO);
            let state = checkpoint.run(|state, step| {
                println!("step {step}");
                if step == stop {
                    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
                }
                *state = trained(*state, step);
            });
            println!("state {state}");
        }
        role => panic!("unknown role {role}"),
    }
}

fn trained(state: u64, step: u64) -> u64 {
    (state ^ step).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)
}

/// Some pages, so that writing them takes a while.
fn big(x: u32) -> Vec<u64> {
    vec![u64::from(x); 20_000]
}

fn id(number: u128) -> CallId {
    CallId {
        function: Function::new("a::f"),
        code: Digest::from_u128(1),
        arguments: Digest::from_u128(number),
    }
}

fn start(role: &str, folder: &Path) -> Child {
    command(role, folder).spawn().unwrap()
}

fn command(role: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["child", "--exact", "--nocapture"])
        .env(ROLE, role)
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Standard output and standard error of a child that succeeds.
fn run(role: &str, folder: &Path) -> (String, String) {
    let output = start(role, folder).wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr))
}

fn wait_for(line: &str, child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|found| found.unwrap() == line), "the child ended without `{line}`");
}

#[test]
fn a_second_run_finds_what_the_first_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = run("call", folder.path());
    assert!(first.contains("computing") && first.contains("result: seven 7"), "{first}");
    let (second, _) = run("call", folder.path());
    assert!(!second.contains("computing") && second.contains("result: seven 7"), "{second}");
}

/// The lines that a run with these calls prints.
fn recorded(calls: &str, folder: &Path) -> String {
    let output = command("record", folder).env("JOBLIB_DEBUG", "1").env(CALLS, calls).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_run_that_is_debugged_says_how_it_differs_from_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(recorded("1 2 3 2", folder.path()), "", "there is nothing to compare with");
    assert_eq!(recorded("3 2 1 1", folder.path()), "", "order and repetitions do not count");
    let new = "[Memory] not in the last run: model::fit(argument=(7, 0.5)): the nearest call differs \
               in\n  argument[0]: 7, was ";
    let found = recorded("1 7 2 7", folder.path());
    let (line, rest) = found.strip_prefix(new).expect(&found).split_once('\n').unwrap();
    assert!(["1", "2", "3"].contains(&line), "{found}");
    assert_eq!(rest, "[Memory] only in the last run: model::fit(argument=(3, 0.5))\n");
    // A result that is found is no call of the last run for that.
    let found = recorded("1 2 3 7", folder.path());
    assert!(found.starts_with("[Memory] not in the last run: model::fit(argument=(3, 0.5)): "));
    // Without the variable nothing is recorded.
    let quiet = command("record", folder.path()).env(CALLS, "9").output().unwrap();
    assert!(quiet.status.success() && quiet.stderr.is_empty(), "{quiet:?}");
    assert_eq!(recorded("1 2 3 7", folder.path()), "");
}

#[test]
fn a_loop_whose_process_was_killed_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    for stop in [3, 40] {
        let mut child =
            command("train", folder.path()).env(CALLS, stop.to_string()).spawn().unwrap();
        wait_for(&format!("step {stop}"), &mut child);
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
    }
    let last = command("train", folder.path()).env(CALLS, "1000").output().unwrap();
    let text = String::from_utf8(last.stdout).unwrap();
    let steps: Vec<&str> = text.lines().filter(|line| line.starts_with("step ")).collect();
    assert_eq!((steps.first(), steps.len()), (Some(&"step 40"), 60), "{text}");
    let state = (0..100).fold(1, trained);
    assert!(text.contains(&format!("state {state}\n")), "{text}");
}

#[test]
fn verbose_says_what_is_computed_and_what_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (_, first) = run("call", folder.path());
    assert!(
        first.contains("[Memory] Calling processes::slow...\nslow(x=7, name=\"seven\")\n"),
        "{first}"
    );
    assert!(first.lines().any(|line| line.len() == 80 && line.ends_with("_slow - 0.0s, 0.0min")));
    let (_, second) = run("call", folder.path());
    let found = second.lines().find(|line| line.starts_with("[Memory]")).unwrap();
    assert!(found.ends_with(": Loading slow..."), "{found}");
}

#[test]
fn who_is_killed_while_computing_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = start("endless", folder.path());
    wait_for("computing", &mut first);
    let mut second = start("endless", folder.path());
    first.kill().unwrap();
    first.wait().unwrap();
    // Ends the computation of the second as soon as there is one.
    drop(second.stdin.take());
    wait_for("done", &mut second);
    assert!(second.wait().unwrap().success());
}

#[test]
fn processes_compute_each_result_once() {
    let folder = tempfile::tempdir().unwrap();
    let lines = run_together("compute", 4, folder.path());
    assert_eq!(lines.iter().filter(|line| *line == "computing").count(), 50);
}

#[test]
fn processes_that_write_at_once_lose_and_tear_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lines = run_together("write", 4, folder.path());
    assert_eq!(lines.iter().filter(|line| *line == "won").count(), 100);
    assert_eq!(FolderStore::new(folder.path()).list(None).unwrap().len(), 100);
}

/// Starts children that wait for each other, and returns all they print after that.
fn run_together(role: &str, count: usize, folder: &Path) -> Vec<String> {
    let mut children: Vec<Child> = (0..count).map(|_| start(role, folder)).collect();
    for child in &mut children {
        // Byte by byte, so that nothing of what follows is taken.
        let output = child.stdout.as_mut().unwrap();
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(b"ready\n") {
            output.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
    }
    for child in &mut children {
        child.stdin.as_mut().unwrap().write_all(b"!").unwrap();
    }
    let mut lines = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        lines.extend(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned));
    }
    lines
}

/// Three writers at a time, 500 of them killed at moments of nobody's choice.
#[cfg(target_os = "linux")]
#[test]
fn killed_writers_leave_whole_entries_and_nothing_else() {
    const KILLS: u32 = 500;
    let folder = tempfile::tempdir().unwrap();
    let mut writers: Vec<Child> = (0..3).map(|_| start("storm", folder.path())).collect();
    for kill in 0..KILLS {
        let writer = &mut writers[kill as usize % 3];
        wait_for("ready", writer);
        // Spread over the time a few calls take.
        std::thread::sleep(std::time::Duration::from_micros(u64::from(kill * 7919 % 3000)));
        writer.kill().unwrap();
        let died_of_the_signal = writer.wait().unwrap().code().is_none();
        assert!(died_of_the_signal, "a writer failed by itself");
        *writer = start("storm", folder.path());
    }
    for mut writer in writers {
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    let memory = Memory::new(folder.path());
    let verified = memory.verify().unwrap();
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    let code = memory.entries().unwrap().first().map(|entry| entry.id.code.to_string());
    if let Some(code) = code {
        for file in std::fs::read_dir(folder.path().join("joblib/storm").join(code)).unwrap() {
            let name = file.unwrap().file_name();
            assert!(name.to_str().unwrap().ends_with(".jbl"), "{name:?} was left");
        }
    }
    // No claim has survived its holder: nobody waits here.
    let f = memory.cache("storm", |x: &u32| big(*x));
    for x in 0..7 {
        assert_eq!(f.call(&x), big(x));
        assert_eq!(f.recompute(&x), big(x));
    }
}

/// On other systems what is counted in the last second is lost.
#[cfg(target_os = "linux")]
#[test]
fn hits_and_misses_of_all_processes_are_added_up() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let children: Vec<Child> = (0..3).map(|_| start("count", folder.path())).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
    }
    let stat = Memory::new(folder.path()).stat().unwrap();
    let [g, f] = &stat.functions[..] else { panic!("{stat:?}") };
    assert!(f.function.path().ends_with("slow"));
    assert_eq!(f.calls.hits + f.calls.misses, 18);
    assert_eq!(f.calls.misses, 2, "each is computed by one process");
    assert_eq!((g.calls.misses, g.calls.hits), (1, 5));
    assert_eq!((stat.calls.misses, stat.calls.hits), (3, 21));
    assert!(stat.calls.saved > Duration::ZERO);
}
