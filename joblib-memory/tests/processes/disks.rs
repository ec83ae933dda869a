//! Disks that are full or read-only. They are file systems in memory that only a child process sees,
//! in a name space of its own: permissions would say nothing to root, who runs many of these tests.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io};

use joblib_memory::Memory;

use super::{FOLDER, ROLE};

/// Printed once the file system is there.
const MOUNTED: &str = "mounted";

/// What the child does in the file system, of one megabyte.
fn in_small_file_system(role: &str) -> Option<Output> {
    let folder = tempfile::tempdir().unwrap();
    let mount =
        format!("mount -t tmpfs -o size=1m none \"${FOLDER}\" && echo {MOUNTED} && exec \"$@\"");
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &mount, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(ROLE, role)
        .env(FOLDER, folder.path())
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains(MOUNTED) => Some(output),
        other => {
            println!("skipped: no file system can be mounted here: {other:?}");
            None
        }
    }
}

#[test]
fn a_read_only_disk_is_read() {
    let Some(output) = in_small_file_system("read-only") else { return };
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_full_disk_costs_only_the_cache() {
    let Some(output) = in_small_file_system("full") else { return };
    assert!(output.status.success(), "{output:?}");
}

/// Counts what is logged.
struct Warnings(AtomicUsize);

static WARNINGS: Warnings = Warnings(AtomicUsize::new(0));

impl log::Log for Warnings {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        println!("{}", record.args());
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn flush(&self) {}
}

fn warnings() -> usize {
    WARNINGS.0.load(Ordering::Relaxed)
}

fn listen() {
    log::set_logger(&WARNINGS).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
}

pub(super) fn read_only(folder: &Path) {
    listen();
    Memory::new(folder).cache("f", |x: &u8| x + 1).call(&1);
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(folder).status();
    assert!(remounted.unwrap().success());
    let refused = fs::write(folder.join("probe"), "").unwrap_err().kind();
    assert_eq!(refused, ErrorKind::ReadOnlyFilesystem);

    let memory = Memory::new(folder);
    let f = memory.cache("f", |x: &u8| x + 1);
    assert_eq!((f.call(&1), f.call(&2), f.call(&2)), (2, 3, 3));
    assert_eq!((memory.stats().hits, memory.stats().misses), (1, 2));
    assert!(f.is_cached(&1) && !f.is_cached(&2));
    assert_eq!(f.shelve(&3).get().unwrap(), 4);
    assert_eq!((memory.entries().unwrap().len(), memory.verify().unwrap().whole), (1, 1));
    assert!(memory.clear().is_err());
    let state = memory.checkpoint("loop", 0_u64, 10, |state, step| *state += step);
    assert_eq!(state, 45);
    assert_eq!(warnings(), 1, "every call would say the same");
    // A folder that was never made.
    let none = Memory::new(folder.join("other"));
    assert_eq!(none.cache("f", |x: &u8| x + 1).call(&1), 2);
}

pub(super) fn full(folder: &Path) {
    listen();
    let memory = Memory::new(folder);
    let f = memory.cache("f", |x: &u8| vec![*x; 200_000]);
    for _ in 0..3 {
        for x in 0..20 {
            assert_eq!(f.call(&x), vec![x; 200_000]);
        }
    }
    let stored = memory.entries().unwrap().len();
    assert!((3..6).contains(&stored), "{stored} results in a megabyte");
    assert_eq!(memory.stats().hits, 2 * stored as u64);
    assert!(memory.verify().unwrap().damaged.is_empty(), "whole or not there");
    assert_eq!(warnings(), 1, "every call would say the same");
    let full = fs::write(folder.join("probe"), vec![0; 1 << 20]).map_err(|error| error.kind());
    assert_eq!(full, Err(io::ErrorKind::StorageFull));
    fs::remove_file(folder.join("probe")).unwrap();
    // There is room again.
    memory.clear().unwrap();
    f.call(&100);
    assert!(f.is_cached(&100));
}
