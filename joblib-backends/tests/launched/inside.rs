use std::num::{NonZeroU32, NonZeroUsize};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use joblib_backends::{Backend, Failure, Frame, Launched, Payload, Shared, Target, WorkerOptions};

use crate::calls::call;
use crate::{acts, launched, launcher};

fn one(options: WorkerOptions) -> Launched {
    Launched::with_options(NonZeroUsize::MIN, &launcher(), &options).unwrap()
}

fn ok(text: &str) -> Result<String, Failure> {
    Ok(text.to_owned())
}

#[test]
fn tasks_find_no_trace_of_the_invitation() {
    assert_eq!(acts(&launched(1), &["variable", "cores"]), [ok("none"), ok("1")]);
}

#[test]
fn workers_have_the_threads_and_the_memory_they_were_given() {
    let options = WorkerOptions::new()
        .inner_max_num_threads(NonZeroUsize::new(3))
        .memory_limit(Some(200 << 20));
    let pool = one(options);
    let answers = acts(&pool, &["cores", "allocate", "b"]);
    assert_eq!((&answers[0], &answers[2]), (&ok("3"), &Err(Failure::NotRun)));
    let Err(Failure::WorkerDied { status, .. }) = &answers[1] else { panic!("{answers:?}") };
    assert_eq!(status, "signal 6 (SIGABRT)");
}

#[test]
fn workers_are_replaced_after_so_many_tasks() {
    let pool = one(WorkerOptions::new().max_tasks_per_worker(NonZeroU32::new(2)));
    assert_eq!(pool.capabilities().max_batch_len, NonZeroU32::new(2));
    let workers: Vec<_> = (0..4).map(|_| acts(&pool, &["worker"]).remove(0).unwrap()).collect();
    assert!(workers[0] == workers[1] && workers[1] != workers[2] && workers[2] == workers[3]);
}

/// What the initializer of this process was given.
static GIVEN: AtomicU32 = AtomicU32::new(0);

fn initialized_with(given: u32) -> Launched {
    fn set_up(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        GIVEN.store(input.read()?, Relaxed);
        assert_ne!(GIVEN.load(Relaxed), 13, "no luck");
        out.write(&())
    }
    let mut arguments = Frame::default();
    arguments.write(&given).unwrap();
    let target = Target { call: set_up, fingerprint: 0, name: "inside::set_up" };
    one(WorkerOptions::new().initializer(target, arguments))
}

fn given(_: u64, _: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    out.write(&GIVEN.load(Relaxed))
}

#[test]
fn workers_are_initialized_and_one_that_fails_is_told() {
    assert_eq!(call::<u8, u32>(&initialized_with(5), given, vec![1, 2]), [Ok(5), Ok(5)]);
    let answers = call::<u8, u32>(&initialized_with(13), given, vec![1]);
    let Err(Failure::Refused { message }) = &answers[0] else { panic!("{answers:?}") };
    assert!(message.contains("no luck"), "{message}");
}

#[test]
fn large_values_and_shared_ones_arrive() {
    fn sum(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        let shared = input.read::<Shared<Vec<u64>>>()?;
        out.write(&vec![shared.iter().sum::<u64>(); shared.len()])
    }
    let shared = Shared::new((0..1_000_000).collect::<Vec<u64>>());
    let answers = call::<_, Vec<u64>>(&launched(1), sum, vec![shared.clone(), shared]);
    assert!(answers.iter().all(|it| *it == Ok(vec![499_999_500_000; 1_000_000])));
}

/// Not a test: prints, as a program of its own, what tasks printed elsewhere, and ends at once.
#[test]
#[ignore = "started by `what_tasks_print_appears_here`"]
fn prints() {
    let pool = launched(1);
    let answers = acts(&pool, &["print", "print", "shout"]);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    // What came too late is not waited for.
    std::process::exit(0);
}

#[test]
fn what_tasks_print_appears_here() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["inside::prints", "--exact", "--ignored", "--nocapture"]).output();
    let output = output.unwrap();
    let lines = |stream: &[u8], text: &str| {
        let stream = String::from_utf8_lossy(stream);
        // The test program has begun a line of its own.
        stream.lines().filter(|line| line.ends_with(text)).count()
    };
    assert_eq!(lines(&output.stdout, "to the output"), 2);
    assert_eq!(lines(&output.stdout, &"x".repeat(99)), 10_000);
    assert_eq!(lines(&output.stderr, "to the errors"), 2);
}
