use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use joblib_parallel::{Parallel, ParallelConfig, delayed, effective_n_jobs};

use crate::backends::{Does, Scripted};
use crate::watchdog::must_end;

/// Counts how many innermost tasks run at once.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Gauge {
    fn measure<R>(&self, work: impl FnOnce() -> R) -> R {
        self.peak.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        let result = work();
        self.now.fetch_sub(1, SeqCst);
        result
    }
}

/// The sum of 1 over all leaves of a tree of parallel calls.
fn leaves(depth: u32, gauge: &Gauge) -> usize {
    if depth == 0 {
        return gauge.measure(|| {
            std::thread::yield_now();
            1
        });
    }
    let tasks = (0..4).map(|_| delayed(|| leaves(depth - 1, gauge)));
    Parallel::new().n_jobs(2).batch_size(1).run(tasks).unwrap().into_iter().sum()
}

#[test]
fn three_levels_share_the_threads_of_the_outermost() {
    let gauge = Arc::new(Gauge::default());
    let shared = Arc::clone(&gauge);
    assert_eq!(must_end(move || leaves(3, &shared)), 64);
    assert!(gauge.peak.load(SeqCst) <= 2, "{} at once", gauge.peak.load(SeqCst));
}

#[test]
fn a_call_inside_asks_for_no_more_than_there_is() {
    let inside = must_end(|| {
        let tasks = [8, 2, 1, -1].map(|n_jobs| delayed(move || effective_n_jobs(n_jobs).unwrap()));
        Parallel::new().n_jobs(3).run(tasks).unwrap()
    });
    assert_eq!(inside[..3], [3, 2, 1]);
    assert!(inside[3] <= 3);
}

#[test]
fn a_call_inside_with_fewer_workers_keeps_to_them() {
    must_end(|| {
        let gauge = Gauge::default();
        Parallel::new()
            .n_jobs(4)
            .run([delayed(|| {
                let tasks = (0..40).map(|_| delayed(|| gauge.measure(std::thread::yield_now)));
                Parallel::new().n_jobs(2).batch_size(1).run(tasks).unwrap();
            })])
            .unwrap();
        assert!(gauge.peak.load(SeqCst) <= 2, "{} at once", gauge.peak.load(SeqCst));
    });
}

#[test]
fn a_call_on_a_larger_pool_keeps_to_its_workers() {
    must_end(|| {
        let pool = Arc::new(joblib_backends::Threads::new(4.try_into().unwrap()).unwrap());
        let gauge = Gauge::default();
        let tasks = (0..40).map(|_| {
            delayed(|| {
                gauge.measure(std::thread::yield_now);
                effective_n_jobs(2).unwrap()
            })
        });
        let inside = Parallel::new().n_jobs(2).backend(pool).batch_size(1).run(tasks).unwrap();
        assert_eq!(inside, [1; 40]);
        assert!(gauge.peak.load(SeqCst) <= 2, "{} at once", gauge.peak.load(SeqCst));
    });
}

#[test]
fn tasks_on_threads_do_not_see_the_callers_region() {
    must_end(|| {
        let inside = ParallelConfig::new().backend("threads").n_jobs(2).scope(|| {
            let tasks = (0..4).map(|_| delayed(|| Parallel::new().effective_n_jobs().unwrap()));
            Parallel::new().run(tasks).unwrap()
        });
        assert_eq!(inside, [1; 4]);
    });
}

#[test]
fn one_worker_is_transparent() {
    must_end(|| {
        let inside = Parallel::new().run([delayed(|| effective_n_jobs(3).unwrap())]).unwrap();
        assert_eq!(inside, [3]);
    });
}

#[test]
fn a_region_inside_a_task_holds_there() {
    must_end(|| {
        let inside = Parallel::new()
            .n_jobs(2)
            .run([delayed(|| {
                ParallelConfig::new()
                    .n_jobs(2)
                    .scope(|| Parallel::new().effective_n_jobs().unwrap())
            })])
            .unwrap();
        assert_eq!(inside, [2]);
    });
}

#[test]
fn below_an_unknown_backend_calls_run_in_sequence() {
    must_end(|| {
        let inside = Parallel::new()
            .n_jobs(2)
            .backend(Scripted::new(Does::RunLater))
            .run([delayed(|| effective_n_jobs(2).unwrap())])
            .unwrap();
        assert_eq!(inside, [1]);
    });
}

#[test]
fn a_nested_failure_is_the_outer_tasks_own_matter() {
    must_end(|| {
        let results = Parallel::new()
            .n_jobs(2)
            .run((0..4).map(|i| {
                delayed(move || {
                    Parallel::new()
                        .n_jobs(2)
                        .run((0..4).map(|j| delayed(move || assert!(i + j != 4))))
                        .is_ok()
                })
            }))
            .unwrap();
        assert_eq!(results, [true, false, false, false]);
    });
}

#[test]
fn the_input_of_a_call_may_run_calls_itself() {
    let order = Mutex::new(Vec::new());
    let results = must_end(|| {
        let tasks = (0..30).map(|i| {
            let made = Parallel::new().n_jobs(2).run([delayed(|| i)]).unwrap()[0];
            delayed(move || made)
        });
        Parallel::new().n_jobs(2).batch_size(1).run(tasks).unwrap()
    });
    order.lock().unwrap().extend(results);
    assert!(order.into_inner().unwrap().into_iter().eq(0..30));
}
