use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use joblib_parallel::{Error, Parallel, Result, delayed};

use crate::backends::{Does, Held, Reversing, Scripted};
use crate::watchdog::must_end;

/// In sequence, without workers, with late ones, and on threads if there are any.
fn loops() -> Vec<Parallel> {
    let mut loops = vec![
        Parallel::new(),
        Parallel::new().n_jobs(2).backend(Scripted::new(Does::RunNow)),
        Parallel::new().n_jobs(3).backend(Scripted::new(Does::RunLater)).batch_size(2),
    ];
    if cfg!(feature = "threads") {
        loops.push(Parallel::new().n_jobs(2).backend("threads"));
    }
    loops
}

fn fails_at_13(n: u32) -> u32 {
    assert!(n != 13, "unlucky");
    n
}

#[test]
fn results_come_in_order() {
    for parallel in loops() {
        let results: Result<Vec<_>> =
            parallel.stream((0..500).map(|i| delayed(move || i))).collect();
        assert!(results.unwrap().into_iter().eq(0..500), "{parallel:?}");
    }
}

#[test]
fn unordered_results_are_the_same_results() {
    for parallel in loops() {
        let tasks = (0..500).map(|i| delayed(move || i));
        let mut results: Vec<_> = parallel.stream_unordered(tasks).collect::<Result<_>>().unwrap();
        results.sort();
        assert!(results.into_iter().eq(0..500), "{parallel:?}");
    }
}

#[cfg(feature = "threads")]
#[test]
fn a_late_result_holds_back_its_followers_only_if_ordered() {
    let (release, wait) = mpsc::channel::<()>();
    let mut wait = Some(wait);
    let tasks = (0..4).map(move |i| {
        let wait = wait.take();
        delayed(move || {
            if let Some(wait) = wait {
                wait.recv().unwrap();
            }
            i
        })
    });
    let mut results = Parallel::new().n_jobs(2).batch_size(1).stream_unordered(tasks);
    let first: Vec<_> = results.by_ref().take(3).map(Result::unwrap).collect();
    assert_eq!(first, [1, 2, 3]);
    release.send(()).unwrap();
    assert_eq!(results.next().unwrap().unwrap(), 0);
    assert!(results.next().is_none());
}

#[test]
fn the_input_stays_on_the_consumers_thread() {
    for parallel in loops() {
        let count = Rc::new(Cell::new(0));
        let counter = Rc::clone(&count);
        let tasks = (0..50).map(move |i| {
            counter.set(counter.get() + 1);
            delayed(move || i)
        });
        assert_eq!(parallel.stream(tasks).count(), 50);
        assert_eq!(count.get(), 50);
    }
}

#[test]
fn a_reader_that_stops_stops_the_input() {
    for parallel in loops() {
        let read = AtomicUsize::new(0);
        let tasks = (0..).map(|i| {
            read.fetch_add(1, SeqCst);
            delayed(move || i)
        });
        let mut results = parallel.batch_size(1).pre_dispatch(5).stream(tasks);
        for expected in 0..20 {
            assert_eq!(results.next().unwrap().unwrap(), expected);
            assert!(read.load(SeqCst) <= expected + 1 + 5);
        }
        drop(results);
        assert!(read.into_inner() <= 25);
    }
}

#[test]
fn results_that_wait_for_their_turn_fill_the_window() {
    let read = AtomicUsize::new(0);
    let tasks = (0..).map(|i| {
        read.fetch_add(1, SeqCst);
        delayed(move || i)
    });
    let backend = Arc::new(Reversing { batches: 5, held: Held::default() });
    let mut results = Parallel::new().backend(backend).batch_size(1).pre_dispatch(5).stream(tasks);
    assert_eq!(results.next().unwrap().unwrap(), 0);
    assert_eq!(read.load(SeqCst), 5);
}

#[test]
fn it_starts_before_it_is_read() {
    let (sender, receiver) = mpsc::channel();
    let tasks = (0..2).map(move |i| {
        let sender = sender.clone();
        delayed(move || sender.send(i).unwrap())
    });
    let parallel = Parallel::new().n_jobs(2).backend(Scripted::new(Does::RunLater));
    let _results = parallel.stream(tasks);
    let mut begun: Vec<i32> = receiver.iter().take(2).collect();
    begun.sort();
    assert_eq!(begun, [0, 1]);
}

#[test]
fn a_failure_has_its_place_and_others_go_on() {
    for parallel in loops() {
        let results: Vec<_> = parallel.stream((0..20).map(|i| delayed!(fails_at_13(i)))).collect();
        assert_eq!(results.len(), 20);
        for (i, result) in results.into_iter().enumerate() {
            match result {
                Ok(value) => assert_eq!(value as usize, i),
                Err(Error::Task(error)) => assert_eq!((error.task(), i), (13, 13)),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn what_a_backend_loses_or_returns_is_accounted_for() {
    let run = |does| {
        must_end(move || {
            let parallel = Parallel::new().n_jobs(2).backend(Scripted::new(does)).batch_size(5);
            parallel.stream((0..23).map(|i| delayed!(fails_at_13(i)))).map(|r| r.ok()).collect()
        })
    };
    let dropped: Vec<Option<u32>> = run(Does::Drop);
    assert_eq!(dropped, [None; 23]);
    if cfg!(feature = "processes") {
        let all_but_13: Vec<_> = (0..23).map(|i| (i != 13).then_some(i)).collect();
        for does in [Does::Ship, Does::ShipAfterReturns, Does::ShipEverySecond] {
            assert_eq!(run(does), all_but_13, "{does:?}");
        }
    }
}

#[test]
fn wrong_settings_are_the_only_item() {
    let mut results = Parallel::new().n_jobs(0).stream([delayed(|| ())]);
    assert!(matches!(results.next(), Some(Err(Error::Backend(_)))));
    assert!(results.next().is_none());
    let scoped = Parallel::new().n_jobs(0).stream_scope([delayed(|| ())], |_| ());
    assert!(matches!(scoped, Err(Error::Backend(_))));
}

#[test]
fn scoped_tasks_borrow_and_are_waited_for() {
    for parallel in loops() {
        let words = ["a", "bb", "ccc"].map(String::from);
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let tasks = words.iter().cycle().take(300).map(|word| {
            let (begun, ended) = (&begun, &ended);
            delayed(move || {
                begun.fetch_add(1, SeqCst);
                std::thread::yield_now();
                ended.fetch_add(1, SeqCst);
                word.as_str()
            })
        });
        let joined = parallel
            .stream_scope(tasks, |results| {
                results.take(4).map(Result::unwrap).collect::<Vec<_>>().join(" ")
            })
            .unwrap();
        assert_eq!(joined, "a bb ccc a");
        assert_eq!(begun.into_inner(), ended.into_inner());
    }
}

#[test]
fn a_reader_that_panics_still_waits_for_the_tasks() {
    for parallel in loops() {
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let tasks = (0..50).map(|_| {
                delayed(|| {
                    begun.fetch_add(1, SeqCst);
                    std::thread::yield_now();
                    ended.fetch_add(1, SeqCst);
                })
            });
            parallel.stream_scope(tasks, |results| {
                results.next();
                panic!("enough");
            })
        }));
        assert!(caught.is_err());
        assert_eq!(begun.into_inner(), ended.into_inner());
    }
}

#[test]
fn an_input_that_panics_ends_the_stream_and_keeps_what_was_done() {
    for parallel in loops() {
        let tasks = (0..10).map(|i| {
            assert!(i < 6, "no more input");
            delayed(move || i)
        });
        let mut results = parallel.batch_size(1).pre_dispatch(2).stream(tasks);
        let mut got = Vec::new();
        let mut panics = 0;
        loop {
            let next = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| results.next()));
            match next {
                Ok(Some(result)) => got.push(result.unwrap()),
                Ok(None) => break,
                Err(_) if panics == 0 => panics += 1,
                // In sequence the input is asked again.
                Err(_) => break,
            }
        }
        assert_eq!(got, [0, 1, 2, 3, 4, 5]);
        assert!(panics > 0);
    }
}

#[cfg(feature = "threads")]
#[test]
fn a_stream_inside_a_task_shares_the_threads() {
    let sums = must_end(|| {
        let tasks = (0..4).map(|i| {
            delayed(move || {
                let tasks = (0..50).map(|j| delayed(move || i * j));
                let inner = Parallel::new().n_jobs(2).batch_size(1);
                inner.stream(tasks).map(Result::unwrap).sum::<i32>()
            })
        });
        Parallel::new().n_jobs(2).run(tasks).unwrap()
    });
    assert_eq!(sums, [0, 1225, 2450, 3675]);
}

#[test]
fn results_nobody_reads_are_dropped() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    for parallel in loops() {
        let live = Arc::new(AtomicUsize::new(0));
        let tasks = (0..30).map(|_| {
            delayed(|| {
                live.fetch_add(1, SeqCst);
                Counted(Arc::clone(&live))
            })
        });
        parallel.stream_scope(tasks, |results| drop(results.next())).unwrap();
        assert_eq!(live.load(SeqCst), 0);
    }
}
