#[cfg(all(feature = "processes", target_os = "linux"))]
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

#[cfg(all(feature = "processes", target_os = "linux"))]
use joblib_parallel::ArrayMode;
use joblib_parallel::{Error, Parallel, ParallelConfig, Prefer, Require, delayed};

use crate::backends::{Does, Scripted};

fn id() -> u32 {
    std::process::id()
}

/// Whether tasks of this loop run in this process.
fn stays(parallel: &Parallel) -> bool {
    parallel.run([delayed!(id())]).unwrap() == [id()]
}

#[test]
#[cfg(all(feature = "processes", target_os = "linux"))]
fn a_preference_counts_where_nobody_chose() {
    let parallel = Parallel::new().n_jobs(2).prefer(Prefer::Processes);
    assert!(!stays(&parallel));
    assert!(stays(&parallel.clone().backend("threads")));
    assert!(stays(&parallel.clone().prefer(Prefer::Threads)));
    ParallelConfig::new().backend("threads").scope(|| assert!(stays(&parallel)));
    // Closures cannot go, and a preference is no order.
    assert_eq!(parallel.run([delayed(id)]).unwrap(), [id()]);
    ParallelConfig::new().prefer(Prefer::Processes).scope(|| {
        assert!(!stays(&Parallel::new().n_jobs(2)));
    });
}

#[test]
fn required_memory_goes_before_what_others_chose() {
    let parallel = Parallel::new().n_jobs(2).require(Require::SharedMemory);
    ParallelConfig::new().backend("processes").scope(|| {
        assert!(stays(&parallel));
        assert_eq!(parallel.effective_n_jobs().unwrap(), 2);
    });
    assert!(stays(&parallel.clone().prefer(Prefer::Processes)));
    for loner in [parallel.clone().backend("loky"), parallel.backend(Scripted::new(Does::Ship))] {
        let error = loner.run([delayed!(id())]).unwrap_err();
        assert!(matches!(error, Error::NoSharedMemory { .. }), "{error}");
    }
}

#[test]
#[cfg(all(feature = "processes", target_os = "linux"))]
fn workers_are_as_wished() {
    fn threads(variable: &str) -> Option<String> {
        std::env::var(variable).ok()
    }
    fn inside() -> usize {
        Parallel::new().n_jobs(-1).effective_n_jobs().unwrap()
    }
    let two = NonZeroUsize::new(2).unwrap();
    let config = ParallelConfig::new().backend("processes").n_jobs(2).inner_max_num_threads(two);
    config.scope(|| {
        let names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"];
        let set = Parallel::new().run(names.map(|name| delayed!(threads(name)))).unwrap();
        assert!(set.iter().all(|set| set.as_deref() == Some("2")), "{set:?}");
        // Loops inside of tasks have as many.
        let cores = joblib_parallel::cpu_count().get();
        assert_eq!(Parallel::new().run([delayed!(inside())]).unwrap(), [cores.min(2)]);
        let three = Parallel::new().inner_max_num_threads(NonZeroUsize::new(3).unwrap());
        let set = three.run([delayed!(threads("OMP_NUM_THREADS"))]).unwrap();
        assert_eq!(set[0].as_deref(), Some("3"));
    });
}

#[test]
#[cfg(all(feature = "processes", target_os = "linux"))]
fn arrays_travel_however_they_are_mapped() {
    fn sum(values: &[f64]) -> f64 {
        values.iter().sum()
    }
    let values = vec![0.5; 300_000];
    let folder = tempfile::tempdir().unwrap();
    let processes = Parallel::new().n_jobs(2).backend("processes");
    for parallel in [
        processes.clone().max_nbytes(None),
        processes.clone().max_nbytes(1000).mmap_mode(ArrayMode::Copy),
        processes.clone().max_nbytes(1000).temp_folder(folder.path()),
    ] {
        let sums = parallel.run((0..3).map(|_| delayed!(sum(&values)))).unwrap();
        assert_eq!(sums, [150_000.0; 3]);
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "no file is left");
    let missing = processes.temp_folder("/no/such/folder").run([delayed!(sum(&values))]);
    let expected =
        "arrays cannot be put into the temporary folder `/no/such/folder` (choose one that exists";
    let error = missing.unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn hooks_see_every_task_on_every_backend() {
    let mut parallels = vec![Parallel::new().n_jobs(1), Parallel::new().backend("sequential")];
    for does in [Does::RunNow, Does::RunLater] {
        parallels.push(Parallel::new().backend(Scripted::new(does)));
    }
    if cfg!(feature = "threads") {
        parallels.push(Parallel::new().n_jobs(2));
    }
    if cfg!(all(feature = "processes", target_os = "linux")) {
        parallels.push(Parallel::new().n_jobs(2).backend("processes"));
    }
    for parallel in parallels {
        let updates = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&updates);
        let parallel =
            parallel.on_progress(move |update| seen.lock().unwrap().push(update.clone()));
        parallel.run((0..50).map(|_| delayed!(id()))).unwrap();
        let first = std::mem::take(&mut *updates.lock().unwrap());
        assert!(first.iter().all(|update| update.done <= update.dispatched));
        let last = first.last().unwrap();
        assert_eq!((last.done, last.total, last.finished), (50, Some(50), true));
        assert_eq!(first.iter().filter(|update| update.finished).count(), 1);

        // A failed task is done, too, and streams tell as well.
        let failing = (0..10).map(|i| delayed!((|i: u32| assert!(i != 3, "no"))(i)));
        let each = parallel.run_each(failing).unwrap();
        assert_eq!(each.iter().filter(|answer| answer.is_err()).count(), 1);
        assert_eq!(updates.lock().unwrap().last().unwrap().done, 10);
        assert_eq!(parallel.stream((0..7).map(|_| delayed!(id()))).count(), 7);
        assert_eq!(updates.lock().unwrap().last().unwrap().done, 7);
    }
}

#[test]
fn a_hook_that_panics_is_not_the_loops_business() {
    let parallel = Parallel::new().n_jobs(2).on_progress(|_| panic!("no"));
    assert_eq!(parallel.run((0..9).map(|i| delayed(move || i))).unwrap().len(), 9);
}
