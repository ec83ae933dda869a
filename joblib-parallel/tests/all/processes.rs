use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use joblib_backends::{Failure, WorkerOptions};
use joblib_parallel::{Error, Parallel, ParallelConfig, delayed, effective_n_jobs};
use ndarray::{Array2, ArrayView1};

use crate::watchdog::must_end;

fn processes() -> Parallel {
    Parallel::new().n_jobs(2).backend("processes")
}

fn square(n: u64) -> u64 {
    n * n
}

fn die_at(n: u32, fatal: u32) -> u32 {
    if n == fatal {
        std::process::abort();
    }
    n
}

fn panic_at(n: u32, fatal: u32) -> u32 {
    assert!(n != fatal, "{n} is fatal");
    n
}

fn row_sums(matrix: &Array2<f64>, scale: f64) -> Vec<f64> {
    matrix.rows().into_iter().map(|row: ArrayView1<f64>| row.sum() * scale).collect()
}

#[test]
fn results_come_in_order_from_other_processes() {
    let squares = must_end(|| processes().run((0..5000).map(|n| delayed!(square(n)))).unwrap());
    assert!(squares.into_iter().eq((0..5000).map(square)));
    let ids = processes().run((0..8).map(|_| delayed!(std::process::id()))).unwrap();
    assert!(ids.iter().all(|id| *id != std::process::id()));
}

#[test]
fn arrays_travel_by_reference() {
    let matrix = Array2::from_shape_fn((3, 1000), |(i, j)| (i * j) as f64);
    let scales = (1..=4).map(|scale| delayed!(row_sums(&matrix, f64::from(scale))));
    let sums = processes().run(scales).unwrap();
    for (scale, sums) in (1..).zip(sums) {
        assert_eq!(sums, row_sums(&matrix, f64::from(scale)));
    }
}

#[test]
fn a_panic_over_there_is_an_error_here() {
    let error = must_end(|| processes().run((0..40).map(|n| delayed!(panic_at(n, 7)))));
    assert_eq!(error.unwrap_err().to_string(), "task 7 (`panic_at`): panicked: 7 is fatal");
}

#[test]
fn a_dead_worker_is_blamed_on_the_task_it_ran() {
    let error = must_end(|| processes().run((0..40).map(|n| delayed!(die_at(n, 7)))));
    let Error::Task(error) = error.unwrap_err() else { panic!("no task to blame") };
    assert_eq!((error.task(), error.function()), (7, Some("die_at")));
    let text = error.to_string();
    assert!(text.starts_with("task 7 (`die_at`): worker process "), "{text}");
    assert!(text.contains(" died, signal 6 (SIGABRT), after "), "{text}");
}

#[test]
fn a_dead_worker_costs_one_task() {
    let each = must_end(|| {
        processes().batch_size(8).run_each((0..64).map(|n| delayed!(die_at(n, 21)))).unwrap()
    });
    for (n, result) in (0..).zip(each) {
        match result {
            Ok(value) => assert_eq!(value, n),
            Err(error) => {
                assert_eq!((error.task(), n), (21, 21));
                assert!(matches!(error.failure(), Failure::WorkerDied { .. }));
            }
        }
    }
}

/// Fails, or sleeps so many microseconds.
fn fail_or_sleep(micros: Option<u64>) {
    std::thread::sleep(Duration::from_micros(micros.expect("this task fails")));
}

/// What a failed call leaves behind is killed after 100 ms; if it ends at that very moment, its
/// worker has already gone on to a task of another call.
#[test]
fn a_failed_call_costs_no_task_of_another() {
    fn run(tasks: impl Iterator<Item = Option<u64>> + Send) -> Result<Vec<()>, Error> {
        let tasks = tasks.map(|micros| delayed!(fail_or_sleep(micros)));
        processes().batch_size(1).run(tasks)
    }
    must_end(|| {
        let failed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !failed.load(Relaxed) {
                        run(std::iter::repeat_n(Some(5_000), 20)).unwrap();
                    }
                });
            }
            for round in 0..40 {
                run([None, Some(98_000 + 100 * round)].into_iter()).unwrap_err();
            }
            failed.store(true, Relaxed);
        });
    });
}

#[test]
fn streams_work_across_processes() {
    let sum: u64 = must_end(|| {
        processes().stream((0..300).map(|n| delayed!(square(n)))).map(Result::unwrap).sum()
    });
    assert_eq!(sum, (0..300).map(square).sum::<u64>());
    let words = ["one".to_owned(), "three".to_owned()];
    let lengths = processes()
        .stream_scope(words.iter().map(|word| delayed!(str::len(word))), |lengths| {
            lengths.map(Result::unwrap).collect::<Vec<_>>()
        })
        .unwrap();
    assert_eq!(lengths, [3, 5]);
}

#[test]
fn one_worker_is_the_caller_itself() {
    let ids = processes().n_jobs(1).run([delayed!(std::process::id())]).unwrap();
    assert_eq!(ids, [std::process::id()]);
}

#[test]
fn inside_a_worker_calls_run_in_sequence() {
    fn workers_inside(n_jobs: i32) -> usize {
        let configured = ParallelConfig::new().backend("processes");
        configured.scope(|| effective_n_jobs(n_jobs).unwrap())
    }
    assert_eq!(processes().run([delayed!(workers_inside(4))]).unwrap(), [1]);
}

#[test]
fn the_input_of_a_call_may_run_calls_itself() {
    let results = must_end(|| {
        let tasks = (0..30).map(|n| {
            let squared = processes().run([delayed!(square(n))]).unwrap()[0];
            delayed!(square(squared))
        });
        processes().batch_size(1).run(tasks).unwrap()
    });
    assert!(results.into_iter().eq((0..30).map(|n| square(square(n)))));
}

#[test]
fn closures_are_refused_before_anything_runs() {
    assert!(matches!(processes().run([delayed(|| ())]), Err(Error::NotPortable { .. })));
}

#[cfg(feature = "threads")]
#[test]
fn processes_below_threads_are_no_more_than_the_threads() {
    let tasks = [delayed(|| processes().n_jobs(8).effective_n_jobs().unwrap())];
    assert_eq!(Parallel::new().n_jobs(2).run(tasks).unwrap(), [2]);
}

#[cfg(feature = "threads")]
#[test]
fn tasks_on_threads_may_use_processes() {
    let ids = must_end(|| {
        let tasks = (0..4).map(|_| {
            delayed(|| processes().run((0..4).map(|_| delayed!(std::process::id()))).unwrap())
        });
        Parallel::new().n_jobs(2).run(tasks).unwrap().concat()
    });
    assert!(ids.iter().all(|id| *id != std::process::id()));
}

/// Leaves its mark in `folder` and waits until there are `count` of them, so that all run at once.
fn meet(folder: &Path, count: usize) -> u32 {
    let id = std::process::id();
    File::create(folder.join(id.to_string())).unwrap();
    while folder.read_dir().unwrap().count() < count {
        std::thread::sleep(Duration::from_millis(1));
    }
    id
}

fn note_start(folder: &Path) {
    File::create_new(folder.join(std::process::id().to_string())).unwrap();
}

#[test]
fn a_pool_grows_and_shrinks_and_keeps_the_workers_that_are_there() {
    let started = tempfile::tempdir().unwrap();
    let path = started.path().to_owned();
    let workers = move |count: i32| {
        let folder = tempfile::tempdir().unwrap();
        let parallel = Parallel::new().n_jobs(count).backend("processes").batch_size(1);
        let parallel = parallel.initializer(delayed!(note_start(&path)));
        let marks = folder.path().to_owned();
        let tasks = (0..count).map(|_| delayed!(meet(&marks, count as usize)));
        parallel.run(tasks).unwrap().into_iter().collect::<BTreeSet<u32>>()
    };
    let (two, four, three) = must_end(move || (workers(2), workers(4), workers(3)));
    assert_eq!((two.len(), four.len(), three.len()), (2, 4, 3));
    assert!(two.is_subset(&four) && three.is_subset(&four), "{two:?} {four:?} {three:?}");
    assert_eq!(started.path().read_dir().unwrap().count(), 4, "each was prepared once");
}

/// From `first` on it leaves its mark in `folder` and waits for that of another process, if not for ever.
fn slow_from(first: u32, n: u32, folder: &Path) -> u32 {
    let id = std::process::id();
    if n >= first {
        File::create(folder.join(id.to_string())).unwrap();
        let mut looks = 0;
        while looks < 200 && folder.read_dir().unwrap().count() < 2 {
            std::thread::sleep(Duration::from_millis(1));
            looks += 1;
        }
    }
    id
}

#[test]
fn a_batch_that_turns_out_slow_is_shared() {
    // A pool of its own: the workers of the other are busy with other tests.
    let options = WorkerOptions::new().idle_timeout(Some(Duration::from_secs(99)));
    let parallel = processes().worker_options(options);
    let folder = tempfile::tempdir().unwrap();
    let marks = folder.path().to_owned();
    let ids = must_end(move || {
        parallel.run((0..4000).map(|n| delayed!(slow_from(3900, n, &marks)))).unwrap()
    });
    let slow: BTreeSet<&u32> = ids[3900..].iter().collect();
    assert_eq!(slow.len(), 2, "one worker did them all");
}
