//! Several processes on one folder: this test binary starts itself again, so it is one of its own.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
#![allow(clippy::print_stdout, reason = "children report to their parent")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use joblib_memory::{CallId, Digest, FolderStore, Function, Memory, Store, Stored, cache};

/// What a child process is told by its environment.
const ROLE: &str = "JOBLIB_MEMORY_TEST_ROLE";
const FOLDER: &str = "JOBLIB_MEMORY_TEST_FOLDER";

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
        role => panic!("unknown role {role}"),
    }
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
    Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(ROLE, role)
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
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
