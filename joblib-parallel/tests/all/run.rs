use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use joblib_backends::Failure;
use joblib_parallel::{Error, Parallel, ParallelConfig, delayed, effective_n_jobs};

use crate::watchdog::must_end;

/// In sequence and on threads.
fn loops() -> [Parallel; 3] {
    [
        Parallel::new(),
        Parallel::new().n_jobs(2).backend("threads"),
        Parallel::new().n_jobs(4).backend("threads").batch_size(3),
    ]
}

#[test]
fn results_keep_the_order_of_the_tasks() {
    for parallel in loops() {
        let results = parallel.run((0..1000).map(|i| delayed(move || i * i))).unwrap();
        assert!(results.into_iter().eq((0..1000).map(|i| i * i)), "{parallel:?}");
    }
}

#[test]
fn no_tasks_no_results() {
    for parallel in loops() {
        let none: [joblib_parallel::Delayed<fn() -> u8>; 0] = [];
        assert!(parallel.run(none).unwrap().is_empty());
    }
}

#[test]
fn tasks_run_on_other_threads_and_may_change_what_they_borrow() {
    let sum = AtomicUsize::new(0);
    let mut slots = [0; 100];
    let here = std::thread::current().id();
    let threads = Parallel::new()
        .n_jobs(2)
        .run(slots.iter_mut().enumerate().map(|(i, slot)| {
            let sum = &sum;
            delayed(move || {
                *slot = i;
                sum.fetch_add(i, Relaxed);
                std::thread::current().id()
            })
        }))
        .unwrap();
    assert!(threads.iter().all(|thread| *thread != here));
    assert_eq!(sum.into_inner(), 4950);
    assert!(slots.into_iter().eq(0..100));
}

#[test]
fn one_worker_interleaves_making_and_running_on_the_callers_thread() {
    let log = std::sync::Mutex::new(Vec::new());
    let here = std::thread::current().id();
    let tasks = (0..3).map(|i| {
        log.lock().unwrap().push(('P', i));
        let log = &log;
        delayed(move || {
            assert_eq!(std::thread::current().id(), here);
            log.lock().unwrap().push(('C', i));
        })
    });
    Parallel::new().run(tasks).unwrap();
    let expected = [('P', 0), ('C', 0), ('P', 1), ('C', 1), ('P', 2), ('C', 2)];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn the_input_is_read_no_further_ahead_than_asked() {
    let done = AtomicUsize::new(0);
    let made = AtomicUsize::new(0);
    let tasks = (0..200).map(|_| {
        let ahead = made.fetch_add(1, Relaxed) - done.load(Relaxed).min(made.load(Relaxed));
        assert!(ahead <= 3 + 2, "{ahead} tasks ahead");
        delayed(|| {
            done.fetch_add(1, Relaxed);
        })
    });
    Parallel::new().n_jobs(2).batch_size(1).pre_dispatch(3).run(tasks).unwrap();
    assert_eq!(done.into_inner(), 200);
}

#[test]
fn everything_at_once_if_asked() {
    let tasks = (0..500).map(|i| delayed(move || i));
    let results = Parallel::new().n_jobs(2).batch_size(1).pre_dispatch("all").run(tasks).unwrap();
    assert_eq!(results.len(), 500);
}

#[test]
fn a_panic_is_an_error_with_message_and_index() {
    for parallel in loops() {
        let tasks = (0..20).map(|i| {
            delayed(move || {
                assert!(i != 13, "unlucky {i}");
            })
        });
        let Err(Error::Task(error)) = parallel.run(tasks) else { panic!("no error") };
        assert_eq!(error.task(), 13);
        assert_eq!(error.to_string(), "task 13: panicked: unlucky 13");
        // The loop can be used again.
        assert_eq!(parallel.run([delayed(|| 1)]).unwrap(), [1]);
    }
}

#[test]
fn a_function_is_named_in_the_error() {
    fn fail(n: u8) -> u8 {
        panic!("{n} is too much")
    }
    let error = Parallel::new().n_jobs(2).run([delayed!(fail(3))]).unwrap_err();
    let name = if cfg!(feature = "processes") { " (`fail`)" } else { "" };
    assert_eq!(error.to_string(), format!("task 0{name}: panicked: 3 is too much"));
}

#[test]
fn nothing_begins_after_a_failure() {
    let begun = AtomicUsize::new(0);
    let tasks = (0..10_000).map(|i| {
        let begun = &begun;
        delayed(move || {
            begun.fetch_add(1, Relaxed);
            assert!(i != 0);
        })
    });
    assert!(Parallel::new().run(tasks).is_err());
    assert_eq!(begun.into_inner(), 1);
}

#[test]
fn each_task_has_its_own_result() {
    for parallel in loops() {
        let tasks = (0..50).map(|i| {
            delayed(move || {
                assert!(i % 7 != 3, "no {i}");
                i
            })
        });
        for (i, result) in parallel.run_each(tasks).unwrap().into_iter().enumerate() {
            match result {
                Ok(value) => assert_eq!(value, i),
                Err(error) => {
                    assert_eq!((error.task(), i % 7), (i, 3));
                    let message = format!("no {i}");
                    assert_eq!(error.failure(), &Failure::Panic { message });
                }
            }
        }
    }
}

#[test]
fn a_panic_of_the_input_passes_through_after_the_tasks_have_ended() {
    for parallel in loops() {
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let tasks = (0..100).map(|i| {
            assert!(i < 40, "no more input");
            delayed(|| {
                begun.fetch_add(1, Relaxed);
                std::thread::yield_now();
                ended.fetch_add(1, Relaxed);
            })
        });
        let payload = catch_unwind(AssertUnwindSafe(|| parallel.run(tasks))).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"no more input"));
        assert_eq!(begun.into_inner(), ended.into_inner());
    }
}

#[test]
fn wrong_settings_are_errors_and_no_task_runs() {
    let message = |parallel: Parallel| {
        parallel.run([delayed(|| unreachable!("a task has run"))]).unwrap_err().to_string()
    };
    assert_eq!(
        message(Parallel::new().n_jobs(0)),
        "`n_jobs = 0` has no meaning (1 runs in sequence, -1 uses all cores)"
    );
    assert_eq!(
        message(Parallel::new().batch_size(0)),
        "`batch_size = 0` has no meaning (leave it out to have it found by measuring)"
    );
    assert_eq!(
        message(Parallel::new().pre_dispatch("n_jobs - 1")),
        "`pre_dispatch = \"n_jobs - 1\"` gives 0 with 1 workers: at least 1 is needed"
    );
    assert_eq!(
        message(Parallel::new().timeout(Duration::ZERO)),
        "`timeout = 0` has no meaning: no task can end in it (leave it out for no limit)"
    );
    assert_eq!(
        message(Parallel::new().retries(1)),
        "`retries`: these tasks run once; write `delayed(|| …).repeatable()` for a closure that can \
         be cloned, or `delayed!(function(arguments))`"
    );
    #[cfg(feature = "threads")]
    assert_eq!(
        message(Parallel::new().n_jobs(i32::MAX).backend("threads")),
        "2147483647 workers of the `threads` backend are more than the 4096 it starts at most"
    );
    let unknown = message(Parallel::new().n_jobs(2).backend("lokky"));
    assert!(unknown.starts_with("no backend named `lokky` (known: "), "{unknown}");
}

#[test]
fn more_workers_than_cores_are_allowed() {
    assert_eq!(effective_n_jobs(33).unwrap(), 33);
}

#[test]
fn a_region_configures_the_calls_inside_it_key_by_key() {
    let n_jobs = || Parallel::new().effective_n_jobs().unwrap();
    let outer = ParallelConfig::new().backend("threads").n_jobs(3);
    outer.scope(|| {
        assert_eq!(n_jobs(), 3);
        ParallelConfig::new().n_jobs(5).scope(|| assert_eq!(n_jobs(), 5));
        ParallelConfig::new().verbose(0).scope(|| assert_eq!(n_jobs(), 3));
        ParallelConfig::new().backend("sequential").scope(|| assert_eq!(n_jobs(), 1));
        assert_eq!(Parallel::new().n_jobs(2).effective_n_jobs().unwrap(), 2);
        let elsewhere = std::thread::spawn(move || Parallel::new().effective_n_jobs().unwrap());
        assert_eq!(elsewhere.join().unwrap(), 1);
        let _ = catch_unwind(|| ParallelConfig::new().n_jobs(7).scope(|| panic!("left early")));
        assert_eq!(n_jobs(), 3);
    });
    assert_eq!(n_jobs(), 1);
}

#[test]
fn destructors_that_panic_do_no_harm() {
    struct Throws;
    impl Drop for Throws {
        fn drop(&mut self) {
            panic!("from a destructor");
        }
    }
    must_end(|| {
        let tasks = (0..64).map(|i| {
            let throws = (i > 0).then(|| Throws);
            delayed(move || {
                if i == 0 {
                    std::panic::panic_any(Throws);
                }
                drop(throws);
            })
        });
        let parallel = Parallel::new().n_jobs(2).batch_size(64);
        let Err(Error::Task(error)) = parallel.run(tasks) else { panic!("no error") };
        assert_eq!(error.task(), 0);
    });
}
