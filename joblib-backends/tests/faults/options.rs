use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use joblib_backends::{
    Backend, CallFn, Failure, Frame, Payload, Processes, Target, WorkerOptions, worker_cores,
};

use crate::support::{call, pid};

fn one(options: WorkerOptions) -> Processes {
    Processes::with_options(NonZeroUsize::MIN, &options).unwrap()
}

fn target(call: CallFn) -> Target {
    Target { call, fingerprint: 0, name: "options::set_up" }
}

/// What the last initializer of this process was given.
static GIVEN: AtomicU32 = AtomicU32::new(0);

fn set_up(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let given: u32 = input.read()?;
    assert_ne!(given, 13, "no luck");
    assert_eq!(GIVEN.swap(given, Relaxed), 0, "it is called once");
    if given == 14 {
        std::process::exit(14);
    }
    out.write(&())
}

fn ask(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let question: String = input.read()?;
    let answer = match question.as_str() {
        "given" => GIVEN.load(Relaxed).to_string(),
        "cores" => worker_cores().unwrap().to_string(),
        "allocate" => vec![1u8; 1 << 30].len().to_string(),
        "grow" => grow(),
        variable => std::env::var(variable).unwrap_or_default(),
    };
    out.write(&answer)
}

/// Takes memory bit by bit until there is no more.
fn grow() -> String {
    let mut pieces = Vec::new();
    loop {
        pieces.push(std::hint::black_box(vec![1u8; 1 << 20]));
    }
}

fn initialized_with(given: u32) -> Processes {
    let mut arguments = Frame::default();
    arguments.write(&given).unwrap();
    one(WorkerOptions::new().initializer(target(set_up), arguments))
}

#[test]
fn each_worker_is_initialized_before_its_first_task() {
    let pool = initialized_with(5);
    let first = pid(&pool);
    assert_eq!(call(&pool, ask, &["given", "given"]), [Ok("5".into()), Ok("5".into())]);
    assert_eq!(pid(&pool), first);
    assert!(matches!(
        call(&pool, crate::deaths::die, &["exit"])[0],
        Err(Failure::WorkerDied { .. })
    ));
    assert_eq!(call(&pool, ask, &["given"]), [Ok("5".into())]);
}

#[track_caller]
fn refuses(pool: &Processes, why: &str) {
    for _ in 0..2 {
        let answers = call(pool, ask, &["given"]);
        let Err(Failure::Refused { message }) = &answers[0] else { panic!("{answers:?}") };
        assert_eq!(
            message,
            &format!("the initializer `options::set_up` of a worker failed: {why}")
        );
    }
}

#[test]
fn an_initializer_that_fails_ends_the_pool() {
    refuses(
        &initialized_with(13),
        "it panicked: assertion `left != right` failed: no luck\n  left: 13\n right: 13",
    );
    refuses(&initialized_with(14), "the worker ended with exit code 14");
}

#[test]
fn a_worker_is_replaced_after_so_many_tasks() {
    let pool = one(WorkerOptions::new().max_tasks_per_worker(NonZeroU32::new(3)));
    assert_eq!(pool.capabilities().max_batch_len, NonZeroU32::new(3));
    let pids: Vec<_> = (0..7).map(|_| pid(&pool)).collect();
    assert!(pids[0] == pids[1] && pids[1] == pids[2]);
    assert!(pids[3] == pids[4] && pids[4] == pids[5]);
    assert!(pids[2] != pids[3] && pids[5] != pids[6]);
    // Two tasks and then two more would be four.
    let pool = one(WorkerOptions::new().max_tasks_per_worker(NonZeroU32::new(3)));
    let first = pid(&pool);
    assert_eq!(call(&pool, ask, &["given"; 3]).len(), 3);
    assert_ne!(pid(&pool), first);
}

#[test]
fn a_worker_beyond_its_memory_limit_dies_alone() {
    let limit = 200 << 20;
    let pool = one(WorkerOptions::new().memory_limit(Some(limit)));
    for how in ["allocate", "grow"] {
        let answers = call(&pool, ask, &["given", how, "given"]);
        let Err(Failure::WorkerDied { status, peak_memory, .. }) = &answers[1] else {
            panic!("{answers:?}");
        };
        assert_eq!(status, "signal 6 (SIGABRT)");
        // Pages of files count, too, so that it may be more than the limit.
        let least = if how == "grow" { limit / 2 } else { 1 };
        assert!(*peak_memory >= least, "{how}: {peak_memory}");
        assert_eq!((&answers[0], &answers[2]), (&Ok("0".into()), &Err(Failure::NotRun)));
    }
}

#[test]
fn an_idle_worker_leaves_and_another_takes_its_place() {
    let pool = one(WorkerOptions::new().idle_timeout(Some(Duration::ZERO)));
    let first = pid(&pool);
    while std::path::Path::new("/proc").join(&first).exists() {
        std::thread::yield_now();
    }
    assert_ne!(pid(&pool), first);
}

#[test]
fn a_worker_has_the_threads_it_was_given() {
    let variables = ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "cores"];
    let pool = one(WorkerOptions::new().inner_max_num_threads(NonZeroUsize::new(3)));
    assert_eq!(call(&pool, ask, &variables), vec![Ok("3".to_owned()); 4]);
    assert_eq!(call(&one(WorkerOptions::new()), ask, &["cores"]), [Ok("1".into())]);
    assert_eq!(worker_cores(), None);
}

#[test]
fn libraries_start_as_many_threads_as_the_pool_of_the_call_allows() {
    const VARIABLE: &str = "BLIS_NUM_THREADS";
    let cores = joblib_backends::cpu_count().get();
    // Shared with no other test.
    let options = WorkerOptions::new().idle_timeout(Some(Duration::from_secs(7003)));
    for workers in [1, cores, 1, 2 * cores] {
        let pool = Processes::shared_with(NonZeroUsize::new(workers).unwrap(), &options).unwrap();
        let share = (cores / workers).max(1).to_string();
        let expected = std::env::var(VARIABLE).unwrap_or(share);
        for _ in 0..3 {
            assert_eq!(call(&*pool, ask, &[VARIABLE]), [Ok(expected.clone())], "{workers}");
        }
    }
}
