use joblib_parallel::{Error, Parallel, delayed};
use proptest::prelude::*;

use crate::backends::{Does, Scripted};
use crate::watchdog::must_end;

fn parallel() -> impl Strategy<Value = Parallel> {
    let mut backends = vec![None, Some(Does::RunNow), Some(Does::RunLater)];
    if cfg!(feature = "processes") {
        backends.extend([Does::Ship, Does::ShipBackwards, Does::ShipEverySecond].map(Some));
    }
    let backend = prop::sample::select(backends);
    (backend, 1..5_i32, prop::option::of(1..9_usize), 1..9_usize).prop_map(
        |(backend, n_jobs, batch_size, pre_dispatch)| {
            let mut parallel = Parallel::new().n_jobs(n_jobs).pre_dispatch(pre_dispatch);
            if let Some(does) = backend {
                parallel = parallel.backend(Scripted::new(does));
            }
            if let Some(size) = batch_size {
                parallel = parallel.batch_size(size);
            }
            parallel
        },
    )
}

fn work(n: u32, fails: bool) -> u32 {
    assert!(!fails);
    n.wrapping_mul(2_654_435_761)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_loop_gives_what_a_plain_one_gives(parallel in parallel(), n in 0..60_u32) {
        let expected: Vec<_> = (0..n).map(|i| work(i, false)).collect();
        let results = must_end(move || parallel.run((0..n).map(|i| delayed!(work(i, false)))));
        prop_assert_eq!(results.unwrap(), expected);
    }

    #[test]
    fn the_error_names_a_task_that_failed(
        parallel in parallel(),
        fails in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let sequential = parallel.effective_n_jobs().unwrap() == 1
            && format!("{parallel:?}").contains("backend: None");
        let first = fails.iter().position(|fails| *fails);
        let tasks = fails.clone();
        let result = must_end(move || {
            parallel.run((0..).zip(tasks).map(|(i, fails)| delayed!(work(i, fails))))
        });
        match (result, first) {
            (Ok(results), None) => prop_assert_eq!(results.len(), fails.len()),
            (Err(Error::Task(error)), Some(first)) => {
                prop_assert!(fails[error.task()]);
                prop_assert!(!sequential || error.task() == first);
            }
            (result, first) => prop_assert!(false, "{:?} although {:?}", result, first),
        }
    }

    #[test]
    fn each_task_is_answered(
        parallel in parallel(),
        fails in prop::collection::vec(any::<bool>(), 0..40),
    ) {
        let tasks = fails.clone();
        let each = must_end(move || {
            parallel.run_each((0..).zip(tasks).map(|(i, fails)| delayed!(work(i, fails)))).unwrap()
        });
        prop_assert_eq!(each.len(), fails.len());
        for (i, (answer, fails)) in (0..).zip(each.into_iter().zip(fails)) {
            match answer {
                Ok(output) => prop_assert_eq!((output, false), (work(i, false), fails)),
                Err(error) => prop_assert_eq!((error.task(), true), (i as usize, fails)),
            }
        }
    }
}
