use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use joblib_backends::Backend;
#[cfg(all(feature = "processes", target_os = "linux"))]
use joblib_parallel::ParallelConfig;
use joblib_parallel::{Error, Parallel, Retries, delayed, fold};
use proptest::prelude::*;

use crate::backends::{ByHand, Does, Held, Scripted};
use crate::watchdog::must_end;

fn name(n: u32) -> String {
    assert!(n != 1000, "a thousand is too much");
    format!("{n},")
}

/// Every kind of backend.
fn everywhere() -> Vec<Parallel> {
    let scripted = |does| Parallel::new().n_jobs(3).backend(Scripted::new(does));
    let mut parallels =
        vec![Parallel::new().n_jobs(1), scripted(Does::RunNow), scripted(Does::RunLater)];
    if cfg!(feature = "threads") {
        parallels.push(Parallel::new().n_jobs(2).backend("threads"));
    }
    if cfg!(feature = "processes") {
        parallels.extend([Does::Ship, Does::ShipAfterReturns].map(scripted));
    }
    if cfg!(all(feature = "processes", target_os = "linux")) {
        parallels.push(Parallel::new().n_jobs(2).backend("processes"));
    }
    parallels
}

fn names(parallel: &Parallel, tasks: std::ops::Range<u32>) -> Result<String, Error> {
    // Not commutative: the order shows.
    let concatenate = fold!(
        String::new,
        |all: String, name: String| all + &name,
        |left: String, right: String| left + &right,
    );
    parallel.reduce(tasks.map(|n| delayed!(name(n))), concatenate)
}

fn expected(tasks: std::ops::Range<u32>) -> String {
    tasks.map(name).collect()
}

#[test]
fn results_are_merged_in_the_order_of_the_tasks() {
    for parallel in everywhere() {
        for n in [0, 1, 2, 997] {
            assert_eq!(names(&parallel, 0..n).unwrap(), expected(0..n), "{parallel:?}");
        }
        assert_eq!(names(&parallel.batch_size(10), 0..95).unwrap(), expected(0..95));
    }
}

#[test]
fn the_failed_task_is_blamed_wherever_its_group_ran() {
    for parallel in everywhere() {
        for parallel in [parallel.clone().batch_size(64), parallel] {
            let error = names(&parallel, 990..1010).unwrap_err();
            // Without the feature nothing is known of what a task calls.
            let function = if cfg!(feature = "processes") { " (`name`)" } else { "" };
            let expected = format!("task 10{function}: panicked: a thousand is too much");
            assert_eq!(error.to_string(), expected, "{parallel:?}");
        }
    }
}

fn slow_name(n: u32) -> String {
    // Groups that have grown over the others end early here.
    std::thread::sleep(Duration::from_millis(if n % 150 == 140 { 10 } else { 0 }));
    name(n)
}

#[test]
fn groups_that_end_early_are_merged_in_the_order_of_the_tasks() {
    for parallel in everywhere() {
        let concatenate = fold!(
            String::new,
            |all: String, name: String| all + &name,
            |left: String, right: String| left + &right,
        );
        let tasks = (0..700).map(|n| delayed!(slow_name(n)));
        assert_eq!(parallel.reduce(tasks, concatenate).unwrap(), expected(0..700), "{parallel:?}");
    }
}

#[test]
fn the_rest_of_a_slow_group_is_for_all_who_have_nothing_else() {
    let by_hand = Arc::new(ByHand {
        batch_time: Duration::from_millis(250),
        held: Held::default(),
        lens: Mutex::default(),
    });
    let parallel = Parallel::new().n_jobs(2).backend(Arc::clone(&by_hand) as Arc<dyn Backend>);
    // Groups of 1, 1, 2, 2 and 4 tasks; the first of the last group takes longer than four batches should.
    let tasks = (0..10).map(|n| {
        delayed(move || {
            std::thread::sleep(Duration::from_millis(if n == 6 { 1100 } else { 0 }));
            n
        })
    });
    let list = fold(Vec::new, append, |left: Vec<i32>, right| [left, right].concat());
    assert!(parallel.reduce(tasks, list).unwrap().into_iter().eq(0..10));
    let lens = by_hand.lens.lock().unwrap();
    // For one of the two there was nothing; then there was again, for both.
    assert!(lens.contains(&(1, 2)), "{lens:?}");
}

fn append(mut list: Vec<i32>, n: i32) -> Vec<i32> {
    list.push(n);
    list
}

#[test]
fn a_fold_that_panics_is_an_error() {
    for parallel in everywhere() {
        let picky = fold!(
            || 0,
            |sum: u32, n: u32| {
                assert!(n != 7, "not seven");
                sum + n
            },
            |left: u32, right: u32| left + right
        );
        let tasks = (0..20).map(|n| delayed!((|n: u32| n)(n)));
        let error = parallel.batch_size(4).reduce(tasks, picky).unwrap_err();
        let Error::Task(error) = error else { panic!("{error}") };
        assert_eq!(error.task(), 7);
    }
}

#[test]
fn a_merge_that_panics_is_an_error() {
    for parallel in everywhere() {
        let picky = fold!(|| 0, |sum: u32, n: u32| sum + n, |_: u32, _: u32| panic!("no"));
        let tasks = (0..20).map(|n| delayed!((|n: u32| n)(n)));
        let error = parallel.batch_size(4).reduce(tasks, picky).unwrap_err();
        assert!(error.to_string().ends_with("panicked: no"), "{error}");
    }
}

#[test]
fn fixed_batches_make_sums_reproducible() {
    let sum = |parallel: Parallel| {
        let tasks = (1..5000).map(|n: u32| delayed!((|n: u32| 1.0 / f64::from(n))(n)));
        let total = fold!(|| 0.0, |sum: f64, x: f64| sum + x, |left: f64, right: f64| left + right);
        parallel.batch_size(37).reduce(tasks, total).unwrap().to_bits()
    };
    let sums: Vec<_> = everywhere().into_iter().map(sum).collect();
    assert!(sums.iter().all(|bits| *bits == sums[0]), "{sums:?}");
}

#[test]
fn folds_of_closures_borrow_and_stay_here() {
    let weights = [1, 10, 100];
    let weigh = || fold(|| 0, |sum, n: usize| sum + weights[n], |left, right| left + right);
    let tasks = || (0..3).map(|n| delayed!((|n: usize| n)(n)));
    for parallel in everywhere() {
        match parallel.reduce(tasks(), weigh()) {
            Ok(sum) => assert_eq!(sum, 111),
            Err(error) => assert!(matches!(error, Error::NotPortable { .. }), "{error}"),
        }
    }
    assert_eq!(Parallel::new().n_jobs(2).reduce(tasks(), weigh()).unwrap(), 111);
}

#[test]
fn retries_and_limits_hold_for_each_task() {
    for parallel in everywhere() {
        if parallel.run([delayed(|| ())]).is_err() {
            continue;
        }
        let attempts = AtomicU32::new(0);
        let flaky = || {
            assert!(attempts.fetch_add(1, Relaxed) % 2 == 1, "not yet");
            1
        };
        let tasks = (0..10).map(|_| delayed(flaky).repeatable());
        let count = fold(|| 0, |sum, n: i32| sum + n, |left, right| left + right);
        let stubborn = parallel.clone().n_jobs(1).retries(Retries::new(10).panics());
        assert_eq!(stubborn.reduce(tasks, count).unwrap(), 10);
        let never = (0..10).map(|n| delayed(move || assert!(n != 4, "never")).repeatable());
        let nothing = fold(|| (), |(), ()| (), |(), ()| ());
        let broken = parallel.clone().retries(Retries::new(2).panics()).reduce(never, nothing);
        let said = broken.unwrap_err().to_string();
        assert_eq!(said, "task 4, after 3 attempts: panicked: never", "{parallel:?}");

        let nap = || delayed(|| std::thread::sleep(Duration::from_millis(1)));
        let nothing = || fold(|| (), |(), ()| (), |(), ()| ());
        let patient = parallel.clone().timeout(Duration::from_secs(3600));
        patient.reduce([nap(), nap()], nothing()).unwrap();
        let late = parallel.timeout(Duration::from_nanos(1)).reduce([nap()], nothing());
        assert!(late.unwrap_err().to_string().starts_with("task 0: took too long"));
    }
}

#[test]
fn hooks_count_tasks_not_groups() {
    for parallel in everywhere() {
        let last = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&last);
        let parallel =
            parallel.on_progress(move |update| *seen.lock().unwrap() = Some(update.clone()));
        names(&parallel.batch_size(10), 0..95).unwrap();
        let last = last.lock().unwrap().take().unwrap();
        assert_eq!((last.done, last.total, last.finished), (95, Some(95), true));
    }
}

#[test]
#[cfg(all(feature = "processes", target_os = "linux"))]
fn a_million_results_are_folded_elsewhere() {
    ParallelConfig::new().backend("processes").n_jobs(2).scope(|| {
        let total = fold!(|| 0, |sum: u64, n: u64| sum + n, |left: u64, right: u64| left + right);
        let tasks = (0..1_000_000).map(|n| delayed!((|n: u64| n)(n)));
        assert_eq!(Parallel::new().reduce(tasks, total).unwrap(), 499_999_500_000);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_reduction_gives_what_a_plain_fold_gives(
        kind in 0..7_usize,
        n in 0..200_u32,
        batch_size in prop::option::of(1..50_usize),
        pre_dispatch in 1..9_usize,
    ) {
        let mut kinds = everywhere();
        let mut parallel = kinds.remove(kind % kinds.len()).pre_dispatch(pre_dispatch);
        if let Some(size) = batch_size {
            parallel = parallel.batch_size(size);
        }
        let reduced = must_end(move || names(&parallel, 0..n)).unwrap();
        prop_assert_eq!(reduced, expected(0..n));
    }
}
