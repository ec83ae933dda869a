use std::fs::File;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use joblib_parallel::{Failure, Parallel, Retries, TryError, delayed};
use proptest::prelude::*;

use crate::backends::{Does, Scripted};
use crate::watchdog::must_end;

/// What becomes of a task.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Fine,
    /// It returns an error, each time.
    Errs,
    /// It panics, each time.
    Panics,
    /// It panics the first time.
    PanicsOnce,
}

const FATES: [Fate; 4] = [Fate::Fine, Fate::Errs, Fate::Panics, Fate::PanicsOnce];

/// A task of such a fate that takes so many microseconds.
type Plan = (Fate, u64);

/// The fate of task `n` is the place of it in `FATES`; in `folder` it leaves a file when it has panicked.
fn live(n: usize, fate: usize, micros: u64, folder: &Path) -> Result<usize, String> {
    std::thread::sleep(Duration::from_micros(micros));
    let first_time = || File::create_new(folder.join(n.to_string())).is_ok();
    // Panics without a message: there are hundreds of them.
    match FATES[fate] {
        Fate::Errs => return Err(format!("error {n}")),
        Fate::Panics => resume_unwind(Box::new("always")),
        Fate::PanicsOnce if first_time() => resume_unwind(Box::new("once")),
        Fate::Fine | Fate::PanicsOnce => {}
    }
    Ok(n * n)
}

/// What a plain loop would give: `None` for a panic.
fn expected(n: usize, fate: Fate, retries: u32) -> Option<Result<usize, String>> {
    match fate {
        Fate::Fine => Some(Ok(n * n)),
        Fate::Errs => Some(Err(format!("error {n}"))),
        Fate::PanicsOnce if retries > 0 => Some(Ok(n * n)),
        Fate::Panics | Fate::PanicsOnce => None,
    }
}

#[derive(Clone, Debug)]
struct Setting {
    parallel: Parallel,
    retries: u32,
}

fn setting() -> impl Strategy<Value = Setting> {
    #[derive(Clone, Copy, Debug)]
    enum On {
        Named(&'static str),
        Scripted(Does),
    }
    let mut backends = vec![On::Named("sequential")];
    if cfg!(feature = "threads") {
        backends.extend([On::Named("threads"); 2]);
    }
    if cfg!(all(feature = "processes", target_os = "linux")) {
        backends.extend([On::Named("processes"); 2]);
        backends.extend([Does::Ship, Does::ShipBackwards, Does::ShipEverySecond].map(On::Scripted));
    }
    backends.push(On::Scripted(Does::RunLater));
    let backend = prop::sample::select(backends);
    (backend, 1..4_i32, prop::option::of(1..9_usize), 1..9_usize, 0..3_u32).prop_map(
        |(backend, n_jobs, batch_size, pre_dispatch, retries)| {
            let mut parallel = Parallel::new().n_jobs(n_jobs).pre_dispatch(pre_dispatch);
            parallel = match backend {
                On::Named(name) => parallel.backend(name),
                On::Scripted(does) => parallel.backend(Scripted::new(does)),
            };
            if let Some(size) = batch_size {
                parallel = parallel.batch_size(size);
            }
            if retries > 0 {
                parallel = parallel.retries(Retries::new(retries).panics());
            }
            Setting { parallel, retries }
        },
    )
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let fate = prop_oneof![
        6 => Just(Fate::Fine),
        1 => Just(Fate::Errs),
        1 => Just(Fate::Panics),
        2 => Just(Fate::PanicsOnce),
    ];
    // Most take no time, some as long as a batch.
    let micros = prop_oneof![4 => Just(0), 1 => 0..300_u64, 1 => 0..3000_u64];
    prop::collection::vec((fate, micros), 0..30)
}

/// Calls `body` with a folder that is empty, and fails if it hangs.
fn with_folder<R: Send + 'static>(body: impl FnOnce(PathBuf) -> R + Send + 'static) -> R {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    must_end(move || body(path))
}

macro_rules! tasks {
    ($plans:expr, $folder:expr) => {
        $plans.iter().enumerate().map(|(n, (fate, micros))| {
            let fate = FATES.iter().position(|known| known == fate).unwrap();
            let (micros, folder) = (*micros, $folder.clone());
            delayed!((|n, fate, micros, folder: PathBuf| live(n, fate, micros, &folder))(
                n, fate, micros, folder
            ))
        })
    };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn each_task_of_any_mix_is_answered_as_in_a_plain_loop(
        Setting { parallel, retries } in setting(),
        plans in plans(),
    ) {
        let tasks = plans.clone();
        let each = with_folder(move |folder| parallel.run_each(tasks!(tasks, folder)).unwrap());
        prop_assert_eq!(each.len(), plans.len());
        for (n, (answer, (fate, _))) in each.into_iter().zip(plans).enumerate() {
            match (answer, expected(n, fate, retries)) {
                (Ok(output), Some(expected)) => prop_assert_eq!(output, expected),
                (Err(error), None) => {
                    prop_assert_eq!(error.task(), n);
                    let panicked = matches!(error.failure(), Failure::Panic { .. });
                    prop_assert!(panicked, "{}", error);
                }
                (answer, expected) => {
                    prop_assert!(false, "task {}: {:?}, not {:?}", n, answer, expected);
                }
            }
        }
    }

    #[test]
    fn a_loop_that_ends_at_the_first_error_ends_at_one_that_there_is(
        Setting { parallel, retries } in setting(),
        plans in plans(),
    ) {
        let tasks = plans.clone();
        let result = with_folder(move |folder| parallel.try_run(tasks!(tasks, folder)));
        let expected: Vec<_> =
            plans.iter().enumerate().map(|(n, (fate, _))| expected(n, *fate, retries)).collect();
        match result {
            Ok(results) => {
                let all: Option<Vec<_>> = expected.into_iter().map(|one| one?.ok()).collect();
                prop_assert_eq!(Some(results), all);
            }
            Err(TryError::Task { task, error }) => {
                prop_assert_eq!(&expected[task], &Some(Err(error)));
            }
            Err(TryError::Loop(joblib_parallel::Error::Task(error))) => {
                prop_assert_eq!(&expected[error.task()], &None);
            }
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}
