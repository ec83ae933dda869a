use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use joblib_persist::{DumpOptions, ErrorKind, dump, load, verify};
use ndarray::Array2;

/// Names the file that a child process writes to, and how.
const TARGET: &str = "JOBLIB_TEST_TARGET";
const COMPRESSION: &str = "JOBLIB_TEST_COMPRESSION";

fn new_value() -> Array2<f64> {
    Array2::from_shape_fn((1000, 500), |(i, j)| (i * j) as f64)
}

/// Not a test of its own: what the child processes of the others do.
#[test]
fn child_dumps() {
    let (Some(target), Ok(compression)) = (env::var_os(TARGET), env::var(COMPRESSION)) else {
        return;
    };
    let options = match &compression[..] {
        "none" => DumpOptions::new(),
        other => DumpOptions::new().compress(other),
    };
    let value = new_value();
    if env::var_os("JOBLIB_TEST_FOREVER").is_some() {
        loop {
            options.dump(&value, &target).unwrap();
        }
    }
    let error = options.dump(&value, &target).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
}

fn child(setup: &str, target: &Path, compression: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{setup} exec \"$0\" --exact faults::child_dumps")])
        .arg(env::current_exe().unwrap())
        .env(TARGET, target)
        .env(COMPRESSION, compression)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn without_room_the_old_file_stays_and_no_other() {
    for compression in ["none", "gzip"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value.jbl");
        dump("old", &path).unwrap();
        // At most 100 blocks of 512 bytes in a file; more is an error, not a signal.
        let mut child = child("trap '' XFSZ; ulimit -f 100;", &path, compression);
        assert!(child.status().unwrap().success(), "{compression}: it did not fail as it should");
        assert_eq!(load::<String>(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["value.jbl"]);
    }
}

#[test]
fn killed_by_the_system_the_old_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("value.jbl");
    dump("old", &path).unwrap();
    let status = child("ulimit -f 100;", &path, "none").status().unwrap();
    // Where room is reserved, that fails first; the compressed one is killed while it writes.
    assert!(child("ulimit -c 0; ulimit -f 100;", &path, "gzip").status().unwrap().code().is_none());
    assert_eq!(load::<String>(&path).unwrap(), "old", "{status}");
    dump("new", &path).unwrap();
    assert_eq!(load::<String>(&path).unwrap(), "new");
}

/// Names the folder on a small disk that a child process fills.
const DISK: &str = "JOBLIB_TEST_DISK";

/// Not a test of its own: what happens on the small disk of the next one.
#[test]
fn child_fills_a_disk() {
    let Some(folder) = env::var_os(DISK) else { return };
    let path = Path::new(&folder).join("value.jbl");
    dump("old", &path).unwrap();
    for compression in ["none", "gzip:1"] {
        let options = DumpOptions::new();
        let options = if compression == "none" { options } else { options.compress(compression) };
        let error = options.dump(&new_value(), &path).unwrap_err();
        let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
        let told: Vec<String> = chain.map(ToString::to_string).collect();
        assert!(told.join(": ").contains("No space left"), "{compression}: {told:?}");
        assert_eq!(load::<String>(&path).unwrap(), "old", "{compression}");
        assert_eq!(names(Path::new(&folder)), ["value.jbl"], "{compression}");
    }
    // The room is free again.
    dump(&vec![7u8; 100_000], &path).unwrap();
    assert_eq!(load::<Vec<u8>>(&path).unwrap().len(), 100_000);
}

/// The disk is one in memory, which only this process's child sees.
#[test]
fn on_a_full_disk_the_old_file_stays_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=256k tmpfs \"$1\" || exit 77; \
                  exec \"$0\" --exact faults::child_fills_a_disk";
    for namespaces in ["-m", "-rm"] {
        let output = Command::new("unshare")
            .args([namespaces, "sh", "-c", script])
            .arg(env::current_exe().unwrap())
            .arg(folder.path())
            .env(DISK, folder.path())
            .output();
        match output.as_ref().map(|output| (output.status.code(), output)) {
            Ok((Some(0), _)) => return,
            // How a test program fails; anything else is a system that forbids mounts.
            Ok((Some(101), output)) => panic!("{}", String::from_utf8_lossy(&output.stdout)),
            _ => {}
        }
    }
    #[allow(clippy::print_stderr, reason = "that a test did nothing should be seen")]
    {
        eprintln!("skipped: this system allows no disk of one's own");
    }
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn killed_at_any_moment_there_is_the_old_file_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("value.jbl");
    for round in 0..8u64 {
        dump(&new_value(), &path).unwrap();
        let compression = if round % 2 == 0 { "none" } else { "gzip:1" };
        let child = child("", &path, compression).env("JOBLIB_TEST_FOREVER", "1").spawn().unwrap();
        // Until it writes, and then a moment that is another each time.
        let begun = Instant::now();
        while names(folder.path()).len() < 2 && begun.elapsed() < Duration::from_secs(20) {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(round * 700));
        kill(child);
        verify(&path).unwrap();
        assert!(load::<Array2<f64>>(&path).unwrap() == new_value(), "round {round}");
        for name in names(folder.path()) {
            if name != "value.jbl" {
                assert!(name.starts_with(".value.jbl.") && name.ends_with(".tmp"), "{name}");
                fs::remove_file(folder.path().join(name)).unwrap();
            }
        }
    }
}
