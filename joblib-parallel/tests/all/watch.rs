use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

use joblib_backends::Failure;
use joblib_parallel::{Error, Parallel, Retries, TaskError, TryError, delayed};

use crate::backends::{Does, Scripted};
use crate::watchdog::must_end;

const MS: Duration = Duration::from_millis(1);

/// Every way a closure can run: in place, on two threads, inside `submit`, on other threads.
fn here() -> Vec<Parallel> {
    let scripted = |does| Parallel::new().n_jobs(2).backend(Scripted::new(does));
    let mut parallels =
        vec![Parallel::new().n_jobs(1), scripted(Does::RunNow), scripted(Does::RunLater)];
    if cfg!(feature = "threads") {
        parallels.push(Parallel::new().n_jobs(2).backend("threads"));
    }
    parallels
}

#[test]
fn panics_are_tried_again_if_they_are_counted() {
    for parallel in here() {
        let attempts: Vec<_> = (0..40).map(|_| AtomicU32::new(0)).collect();
        // Task i succeeds at attempt i % 4, counted from 0.
        let tasks = || {
            attempts.iter().zip(0..).map(|(attempts, i)| {
                delayed(move || {
                    assert!(attempts.fetch_add(1, Relaxed) == i % 4, "not yet");
                    i
                })
                .repeatable()
            })
        };
        let results = parallel.clone().retries(Retries::new(3).panics()).run(tasks()).unwrap();
        assert!(results.into_iter().eq(0..40), "{parallel:?}");
        for (i, attempts) in (0..).zip(&attempts) {
            assert_eq!(attempts.swap(0, Relaxed), i % 4 + 1);
        }
        let each = parallel.clone().retries(Retries::new(2).panics()).run_each(tasks()).unwrap();
        for (i, answer) in (0..).zip(each) {
            assert_eq!(answer.as_ref().err().map(TaskError::attempts), (i % 4 == 3).then_some(3));
            assert_eq!(attempts[i].swap(0, Relaxed) as usize, (i % 4 + 1).min(3));
        }
        let all: Vec<_> = parallel
            .clone()
            .retries(Retries::new(2).panics())
            .stream_scope(tasks().take(4), |results| {
                results.map(|result| result.map_err(|error| error.to_string())).collect()
            })
            .unwrap();
        assert_eq!(all[..3], [Ok(0), Ok(1), Ok(2)]);
        assert_eq!(all[3], Err("task 3, after 3 attempts: panicked: not yet".to_owned()));
        attempts.iter().for_each(|attempts| attempts.store(0, Relaxed));
        let uncounted = parallel.retries(9).run_each(tasks()).unwrap();
        assert!(uncounted.iter().skip(1).step_by(4).all(Result::is_err));
        assert_eq!(uncounted[1].as_ref().unwrap_err().attempts(), 1);
        assert_eq!(attempts[1].load(Relaxed), 1);
    }
}

#[test]
fn tasks_that_run_once_cannot_be_tried_again() {
    for parallel in here() {
        let error = parallel.retries(1).run([delayed(|| ())]).unwrap_err();
        assert!(matches!(error, Error::NotRepeatable));
        assert!(error.to_string().contains(".repeatable()"), "{error}");
    }
}

#[test]
fn a_task_that_takes_too_long_is_reported_when_it_ends() {
    for parallel in here() {
        // No measure of speed: each of these takes longer than a nanosecond, and none an hour.
        let tasks = || (0..3).map(|_| delayed(|| sleep(MS)));
        parallel.clone().timeout(Duration::from_secs(3600)).run(tasks()).unwrap();
        for (i, late) in
            parallel.timeout(MS / 1_000_000).run_each(tasks()).unwrap().iter().enumerate()
        {
            let error = late.as_ref().unwrap_err();
            assert!(
                matches!(error.failure(), Failure::TimedOut { worker: None, after } if *after >= MS)
            );
            assert!(error.to_string().starts_with(&format!("task {i}: took too long")), "{error}");
        }
    }
}

#[test]
fn the_time_of_a_task_counts_from_its_own_start() {
    for parallel in here() {
        let tasks = (0..20).map(|_| delayed(|| sleep(5 * MS)));
        parallel.timeout(Duration::from_secs(5)).total_timeout(Duration::MAX).run(tasks).unwrap();
    }
}

#[test]
fn a_call_ends_with_its_time() {
    for parallel in here() {
        let started = AtomicU32::new(0);
        let tasks = (0..1_000_000).map(|_| {
            delayed(|| {
                started.fetch_add(1, Relaxed);
                sleep(2 * MS);
            })
        });
        let error = parallel.total_timeout(40 * MS).run(tasks).unwrap_err();
        assert!(matches!(error, Error::OutOfTime { limit, .. } if limit == 40 * MS), "{error}");
        assert!(started.into_inner() < 1_000_000);
    }
}

#[test]
fn streams_end_with_their_time() {
    for parallel in here() {
        let endless = (0_u64..).map(|i| {
            delayed(move || {
                sleep(MS);
                i
            })
        });
        let items: Vec<_> =
            must_end(move || parallel.total_timeout(40 * MS).stream(endless).collect());
        let (last, before) = items.split_last().unwrap();
        assert!(matches!(last, Err(Error::OutOfTime { .. })));
        for (position, item) in (0..).zip(before) {
            assert_eq!(*item.as_ref().unwrap(), position);
        }
    }
}

#[test]
fn an_error_ends_the_call() {
    for parallel in here() {
        let ran = AtomicU32::new(0);
        let tasks = (0..1_000_000_u32).map(|i| {
            let ran = &ran;
            delayed(move || {
                ran.fetch_add(1, Relaxed);
                if i == 25 { Err(format!("no {i}")) } else { Ok(i) }
            })
        });
        let error = parallel.batch_size(10).try_run(tasks).unwrap_err();
        assert_eq!(error.to_string(), "task 25: no 25");
        assert_eq!(error.into_inner().unwrap(), "no 25");
        assert!(ran.into_inner() < 1_000_000);
    }
}

#[test]
fn what_comes_first_is_reported_be_it_an_error_or_a_panic() {
    for parallel in here() {
        let both = |panics_at, fails_at| {
            (0..20).map(move |i| {
                delayed(move || {
                    assert!(i != panics_at, "bad luck");
                    if i == fails_at { Err("no") } else { Ok(()) }
                })
            })
        };
        // One batch: what comes first ends it.
        let parallel = parallel.batch_size(20);
        let Err(TryError::Task { task: 3, error: "no" }) = parallel.try_run(both(7, 3)) else {
            panic!("not the error")
        };
        let error = parallel.try_run(both(3, 7)).unwrap_err();
        assert_eq!(error.to_string(), "task 3: panicked: bad luck");
        assert_eq!(parallel.try_run(both(99, 99)).unwrap().len(), 20);
    }
}

#[test]
fn errors_are_tried_again_if_they_are_counted() {
    for parallel in here() {
        let attempts = AtomicU32::new(0);
        let flaky = || if attempts.fetch_add(1, Relaxed) < 2 { Err("no") } else { Ok(7) };
        let tasks = || [delayed(flaky).repeatable()];
        let stubborn = parallel.clone().retries(Retries::new(2).errors());
        assert_eq!(stubborn.try_run(tasks()).unwrap(), [7]);
        attempts.store(0, Relaxed);
        assert!(parallel.retries(2).try_run(tasks()).is_err());
        assert_eq!(attempts.into_inner(), 1);
    }
}

#[cfg(all(feature = "processes", target_os = "linux"))]
mod elsewhere {
    use std::path::Path;

    use super::*;

    fn processes() -> Parallel {
        Parallel::new().n_jobs(2).backend("processes")
    }

    /// Counts its attempts in a folder, and aborts the process until there were enough.
    fn survive(folder: &str, task: u32, attempts: u32) -> u32 {
        for attempt in 0.. {
            let mark = Path::new(folder).join(format!("{task}-{attempt}"));
            if std::fs::File::create_new(mark).is_ok() {
                if attempt + 1 < attempts {
                    std::process::abort();
                }
                break;
            }
        }
        task
    }

    #[test]
    fn tasks_whose_worker_died_are_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap().to_owned();
        let results = must_end(move || {
            let tasks = (0..30).map(|i| delayed!(survive(&folder, i, 1 + i % 3)));
            processes().retries(2).batch_size(4).run(tasks).unwrap()
        });
        assert!(results.into_iter().eq(0..30));
    }

    #[test]
    fn the_last_death_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        let each = must_end(move || {
            let tasks = (0..3).map(|i| delayed!(survive(&path, i, if i == 1 { 9 } else { 1 })));
            processes().retries(2).run_each(tasks).unwrap()
        });
        assert!(each[0].is_ok() && each[2].is_ok());
        let error = each[1].as_ref().unwrap_err();
        assert!(matches!(error.failure(), Failure::WorkerDied { .. }));
        assert_eq!(error.attempts(), 3);
        assert!(error.to_string().contains(", after 3 attempts: worker process "), "{error}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1 + 3 + 1);
    }

    fn hang(task: u32, hangs: bool) -> u32 {
        if hangs {
            sleep(Duration::from_secs(3600));
        }
        task
    }

    #[test]
    fn a_hung_task_is_killed() {
        let each = must_end(|| {
            let tasks = (0..10).map(|i| delayed!(hang(i, i == 4)));
            processes().timeout(3000 * MS).batch_size(5).run_each(tasks).unwrap()
        });
        for (i, answer) in (0..).zip(each) {
            match answer {
                Ok(output) => assert_eq!(output, i),
                Err(error) => {
                    assert_eq!(i, 4, "{error}");
                    let Failure::TimedOut { worker: Some(worker), .. } = error.failure() else {
                        panic!("{error}");
                    };
                    assert!(error.to_string().contains(&format!("process {worker} was killed")));
                }
            }
        }
    }

    #[test]
    fn a_call_that_takes_too_long_is_killed() {
        let error = must_end(|| {
            let tasks = (0..10).map(|i| delayed!(hang(i, i > 1)));
            processes().total_timeout(100 * MS).run(tasks).unwrap_err()
        });
        assert!(matches!(error, Error::OutOfTime { .. }), "{error}");
    }

    fn parse(text: &str) -> Result<u8, String> {
        text.parse().map_err(|_| format!("`{text}` is no number"))
    }

    #[test]
    fn errors_of_other_processes_end_the_call() {
        let texts = ["1", "2", "three", "4"];
        let numbers = |texts: Vec<&'static str>| {
            must_end(move || {
                processes().try_run(texts.into_iter().map(|text| delayed!(parse(text))))
            })
        };
        assert_eq!(numbers(texts[..2].to_vec()).unwrap(), [1, 2]);
        let error = numbers(texts.to_vec()).unwrap_err();
        assert_eq!(error.to_string(), "task 2: `three` is no number");
    }

    #[test]
    fn values_are_copied_for_each_attempt_here() {
        fn grow(mut values: Vec<u32>) -> usize {
            values.push(1);
            values.len()
        }
        // In place, the values are moved into each attempt.
        let parallel = Parallel::new().n_jobs(1).retries(Retries::new(2).panics());
        assert_eq!(parallel.run([delayed!(grow(vec![1, 2]))]).unwrap(), [3]);
    }
}
