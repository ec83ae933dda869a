//! The dispatcher under thousands of orders of its threads: no batch outlives the call that it borrows
//! from, every task is answered once, nobody sleeps for ever.
//!
//! A wrong order shows as a failed assertion, a deadlock, or the end of the process at a reference to a
//! frame that is gone; but for the last, it is printed with a text that `shuttle::replay` takes.

#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

/// Threads and a queue.
#[path = "schedules/crew.rs"]
mod crew;
/// What tasks hold, and who notices when they hold it too long.
#[path = "schedules/loan.rs"]
mod loan;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use joblib_backends::Failure;
use joblib_schedules::{Error, Parallel, Retries, delayed, fold};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use crew::{Crew, Does};
use loan::Loan;

/// So many orders at random, and as many in which a thread loses its turn at three moments.
const ORDERS: usize = 1500;

/// Runs `test` in many orders of its threads.
fn in_many_orders(test: impl Fn() + Copy + Send + Sync + 'static) {
    in_orders(ORDERS, test);
}

fn in_orders(orders: usize, test: impl Fn() + Copy + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    Runner::new(RandomScheduler::new(orders), config.clone()).run(test);
    Runner::new(PctScheduler::new(3, orders), config).run(test);
}

/// Calls `body` with two workers that do so, and waits for their threads afterwards.
fn with_crew(does: Does, body: impl FnOnce(Parallel)) {
    let crew = Crew::new(does);
    body(Parallel::new().n_jobs(2).batch_size(1).backend(Arc::clone(&crew)));
    crew.end();
}

#[test]
fn what_tasks_borrow_is_theirs_until_the_last_is_gone() {
    in_many_orders(|| {
        with_crew(Does::Run, |parallel| {
            let loan = Loan::new();
            let squares = parallel.run((0..4).map(|n| loan.task(move || n * n)));
            loan.ends();
            assert_eq!(squares.unwrap(), [0, 1, 4, 9]);
        });
    });
}

#[test]
fn batches_that_a_backend_drops_are_gone_too_and_their_tasks_are_lost() {
    in_many_orders(|| {
        with_crew(Does::Drop, |parallel| {
            let loan = Loan::new();
            let each = parallel.run_each((0..3).map(|n| loan.task(move || n))).unwrap();
            loan.ends();
            assert_eq!(each.len(), 3);
            assert!(each.iter().all(|one| one.as_ref().unwrap_err().failure() == &Failure::Lost));
        });
    });
}

#[test]
fn a_failure_ends_the_call_whatever_else_is_under_way() {
    in_many_orders(|| {
        with_crew(Does::Run, |parallel| {
            let loan = Loan::new();
            let fails = |n| if n == 1 { resume_unwind(Box::new("one")) } else { n };
            let result = parallel.run((0..5).map(|n| loan.task(move || fails(n))));
            loan.ends();
            let Err(Error::Task(error)) = result else { panic!("{result:?}") };
            assert_eq!(error.task(), 1);
        });
    });
}

#[test]
fn tasks_that_come_back_are_run_again_though_the_input_is_at_its_end() {
    in_many_orders(|| {
        with_crew(Does::Run, |parallel| {
            let loan = Loan::new();
            let attempts = Arc::new(AtomicUsize::new(0));
            let once = move || {
                if attempts.fetch_add(1, Relaxed) == 0 {
                    resume_unwind(Box::new("the first time"));
                }
            };
            let parallel = parallel.retries(Retries::new(1).panics());
            let results = parallel.run((0..3).map(|_| loan.task(once.clone()).repeatable()));
            loan.ends();
            assert_eq!(results.unwrap().len(), 3);
        });
    });
}

#[test]
fn a_reduction_whose_groups_end_early_folds_every_task_once_and_in_order() {
    // Its tasks take their time.
    in_orders(ORDERS / 10, || {
        let crew = Crew::new(Does::Run);
        let parallel = Parallel::new().n_jobs(2).backend(Arc::clone(&crew));
        let loan = Loan::new();
        // Groups grow until one of them takes too long.
        let slow = |n: u32| {
            std::thread::sleep(Duration::from_millis(u64::from(n % 4 == 1)));
            n.to_string()
        };
        let tasks = (0..9).map(|n| loan.task(move || slow(n)));
        let fold =
            fold(String::new, |all: String, one: String| all + &one, |a: String, b: String| a + &b);
        let result = parallel.reduce(tasks, fold);
        loan.ends();
        assert_eq!(result.unwrap(), "012345678");
        crew.end();
    });
}

#[test]
fn calls_inside_of_tasks_end() {
    in_many_orders(|| {
        with_crew(Does::Run, |parallel| {
            let loan = Loan::new();
            let inner = |m: u32| {
                let tasks = (0..2).map(move |n| delayed(move || 10 * m + n));
                Parallel::new().n_jobs(2).batch_size(1).run(tasks).unwrap()
            };
            let results = parallel.run((0..2).map(|m| loan.task(move || inner(m))));
            loan.ends();
            assert_eq!(results.unwrap(), [[0, 1], [10, 11]]);
        });
    });
}

#[test]
fn a_stream_gives_every_result_once_and_in_order() {
    in_many_orders(|| {
        with_crew(Does::Run, |parallel| {
            let results = parallel.stream((0..4).map(|n| delayed(move || n)));
            assert!(results.map(Result::unwrap).eq(0..4));
        });
    });
}

#[test]
fn a_stream_that_lends_waits_for_what_it_has_lent() {
    in_many_orders(|| {
        with_crew(Does::Run, |parallel| {
            let loan = Loan::new();
            let tasks = (0..4).map(|n| loan.task(move || n));
            let first = parallel.stream_scope(tasks, |results| results.next());
            loan.ends();
            assert_eq!(first.unwrap().unwrap().unwrap(), 0);
        });
    });
}

#[test]
fn a_stream_that_is_dropped_early_runs_no_task_twice_and_keeps_none() {
    in_many_orders(|| {
        let (ran, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let read = Arc::new(AtomicUsize::new(0));
        with_crew(Does::Run, |parallel| {
            let tasks = (0..4).map({
                let (ran, gone, read) = (Arc::clone(&ran), Arc::clone(&gone), Arc::clone(&read));
                move |n| {
                    read.fetch_add(1, Relaxed);
                    let (ran, gone) = (Arc::clone(&ran), loan::Counted(Arc::clone(&gone)));
                    delayed(move || {
                        let _gone = gone;
                        ran.fetch_add(1, Relaxed);
                        n
                    })
                }
            });
            assert_eq!(parallel.stream(tasks).next().unwrap().unwrap(), 0);
        });
        assert_eq!(gone.load(Relaxed), read.load(Relaxed));
        assert!((1..=read.load(Relaxed)).contains(&ran.load(Relaxed)));
    });
}
