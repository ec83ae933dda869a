//! Real services, if the environment says where they are: `cargo xtask servers` starts them and
//! sets it. Without it these tests pass and say that they did nothing.
//!
//! This test binary starts itself again, so it is one of its own.

#![cfg(feature = "cloud")]
#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
#![allow(clippy::print_stdout, reason = "children report to their parent")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use joblib_memory::{CloudStore, Memory, Store, cache};
use joblib_persist::cloud::Bucket;
use joblib_persist::{DumpOptions, dump, load};

/// A bucket for tests, such as `s3://bucket`. Everything happens below a folder of its own.
const SERVICE: &str = "JOBLIB_TEST_SERVICE";

/// What a child process is told by its environment.
const ROLE: &str = "JOBLIB_TEST_ROLE";
const PLACE: &str = "JOBLIB_TEST_PLACE";

/// A folder in the bucket that no other test uses.
fn place() -> Option<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let service = std::env::var(SERVICE).ok()?;
    Some(format!("{service}/{}-{}-{number}", now.as_nanos(), std::process::id()))
}

/// The store that conformance asks for; in memory where there is no service.
fn store() -> (CloudStore, ()) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let url = place().unwrap_or_else(|| format!("memory://cloud-{number}"));
    (CloudStore::open(&url).unwrap(), ())
}

joblib_memory::store_conformance!(conformance, store());

static MEMORY: OnceLock<Memory> = OnceLock::new();

fn memory() -> &'static Memory {
    MEMORY.get_or_init(|| Memory::open(&std::env::var(PLACE).unwrap()).unwrap())
}

#[cache(memory())]
fn numbers(from: u32, count: u32) -> Vec<u32> {
    println!("computing");
    (from..from + count).collect()
}

/// Not a test: what a child process does instead of testing.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let place = std::env::var(PLACE).unwrap();
    match role.as_str() {
        "call" => {
            for from in 0..10 {
                assert_eq!(numbers(from, 100).len(), 100);
            }
        }
        // Claims, says so, and never ends.
        "hold" => {
            let memory = patient(&place);
            memory
                .cache("held", |x: &u8| {
                    println!("computing");
                    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
                    *x
                })
                .call(&1);
        }
        "gone" => {
            log::set_logger(&Printer).unwrap();
            log::set_max_level(log::LevelFilter::Warn);
            for from in 0..20 {
                assert_eq!(numbers(from, 3), [from, from + 1, from + 2]);
            }
        }
        // Writes large entries without an end, to be killed.
        "write" => {
            println!("writing");
            for from in 0.. {
                numbers(from, 3_000_000);
                dump(&vec![from; 3_000_000], format!("{place}/dumped/{from}.jbl")).unwrap();
                println!("written");
            }
        }
        role => panic!("unknown role {role}"),
    }
}

/// Prints warnings.
struct Printer;

impl log::Log for Printer {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        println!("{}: {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

/// A service that answers one question and is gone: every call returns, one warning says why.
#[test]
fn a_service_that_goes_away_costs_one_warning() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let service = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let output = command("gone", "s3://bucket/cache")
        .env("AWS_ENDPOINT", format!("http://{address}"))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    service.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let warnings: Vec<&str> = lines.lines().filter(|line| line.starts_with("WARN")).collect();
    let [warning] = warnings[..] else { panic!("{warnings:?}") };
    assert!(
        warning.contains("`s3://bucket/cache") && warning.contains("AWS_ENDPOINT"),
        "{warning}"
    );
}

fn start(role: &str, place: &str) -> Child {
    command(role, place).stdout(Stdio::piped()).spawn().unwrap()
}

fn command(role: &str, place: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture"]).env(ROLE, role).env(PLACE, place);
    command.stdin(Stdio::null());
    command
}

fn computations(child: Child) -> usize {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().filter(|line| *line == "computing").count()
}

#[test]
fn values_come_back_small_and_in_parts() {
    let Some(place) = place() else { return };
    for len in [10, 5_000_000] {
        let value: Vec<f64> = (0..len).map(f64::from).collect();
        for name in ["a.jbl", "a.jbl.z"] {
            let url = format!("{place}/{len}/{name}");
            let options = DumpOptions::new();
            options.dump(&value, &url).unwrap();
            assert!(load::<Vec<f64>>(&url).unwrap() == value, "{url}");
            options.dump(&value[1..], &url).unwrap();
            assert!(load::<Vec<f64>>(&url).unwrap() == value[1..], "{url} replaced");
        }
    }
    assert_eq!(Bucket::open(&place).unwrap().list("").unwrap().len(), 4);
}

#[test]
fn a_value_that_fails_leaves_the_old_object() {
    struct Fails;
    impl serde::Serialize for Fails {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error, SerializeTuple};
            let mut tuple = serializer.serialize_tuple(2)?;
            tuple.serialize_element(&"x".repeat(20 << 20))?;
            Err(S::Error::custom("enough"))
        }
    }
    let Some(place) = place() else { return };
    let url = format!("{place}/a.jbl");
    dump(&1, &url).unwrap();
    assert!(dump(&Fails, &url).is_err());
    assert_eq!(load::<i32>(&url).unwrap(), 1);
}

/// A memory whose claims stand three seconds without their holder.
fn patient(place: &str) -> Memory {
    let store = CloudStore::open(place).unwrap().lease(std::time::Duration::from_secs(3));
    Memory::with_store(store).build()
}

#[test]
fn one_process_computes_and_the_others_wait() {
    let Some(place) = place() else { return };
    let children: Vec<Child> = (0..3).map(|_| start("call", &place)).collect();
    let computed: usize = children.into_iter().map(computations).sum();
    assert_eq!(computed, 10);
    let left = Bucket::open(&place).unwrap().list("").unwrap();
    assert_eq!(left.len(), 10, "claims are given back: {left:?}");
}

#[test]
fn a_claim_ends_with_its_holder() {
    let Some(place) = place() else { return };
    let mut holder =
        command("hold", &place).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(holder.stdout.as_mut().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line == "computing"));
    let store = CloudStore::open(&place).unwrap();
    let claims = || Bucket::open(&place).unwrap().list("").unwrap();
    let [claim] = &claims()[..] else { panic!("{:?}", claims()) };
    // It is renewed as long as its holder lives.
    while claims()[0].modified == claim.modified {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(patient(&place).cache("held", |x: &u8| x + 1).call(&1), 2);
    assert_eq!((claims().len(), store.list(None).unwrap().len()), (1, 1), "the claim is gone");
}

#[test]
fn processes_share_a_bucket() {
    let Some(place) = place() else { return };
    let children: Vec<Child> = (0..3).map(|_| start("call", &place)).collect();
    children.into_iter().map(computations).for_each(drop);
    assert_eq!(computations(start("call", &place)), 0);
    assert_eq!(CloudStore::open(&place).unwrap().list(None).unwrap().len(), 10);
}

/// Kills writers at many moments; whatever is there afterwards is whole.
#[test]
fn a_killed_writer_leaves_whole_entries_only() {
    let Some(place) = place() else { return };
    for round in 0..12 {
        let mut children = [start("write", &place), start("write", &place)];
        let lines = BufReader::new(children[0].stdout.as_mut().unwrap()).lines();
        assert!(lines.map(Result::unwrap).any(|line| line == "writing"));
        std::thread::sleep(std::time::Duration::from_millis(37 * round));
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let memory = Memory::open(&place).unwrap();
    let verified = memory.verify().unwrap();
    assert!(verified.damaged.is_empty(), "{verified:?}");
    for object in Bucket::open(&place).unwrap().list("dumped").unwrap() {
        let value: Vec<u32> = load(format!("{place}/{}", object.key)).unwrap();
        assert!(value.len() == 3_000_000 && value[0] == value[2_999_999]);
    }
}
