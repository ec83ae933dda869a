use joblib_backends::Failure;
use joblib_parallel::{Error, Parallel, TaskError, delayed};

use crate::backends::{Does, Scripted};
use crate::watchdog::must_end;

/// Enough to overflow the stack if each task needed a frame.
const MANY: u32 = if cfg!(miri) { 30 } else { 10_000 };

fn double(n: u32) -> u32 {
    assert!(n < 1000, "{n} is too large");
    2 * n
}

fn parallel(does: Does) -> Parallel {
    Parallel::new().n_jobs(2).backend(Scripted::new(does)).batch_size(5)
}

fn run(does: Does, n: u32) -> Result<Vec<u32>, Error> {
    must_end(move || parallel(does).run((0..n).map(|i| delayed!(double(i)))))
}

fn run_each(does: Does, n: u32) -> Vec<Result<u32, TaskError>> {
    must_end(move || parallel(does).run_each((0..n).map(|i| delayed!(double(i)))).unwrap())
}

fn failure(error: Error) -> (usize, Failure) {
    let Error::Task(error) = error else { panic!("{error}") };
    (error.task(), error.failure().clone())
}

#[test]
fn dropped_batches_are_lost_and_reported() {
    for does in [Does::Drop, Does::DropLater] {
        let (_, failure) = failure(run(does, 100).unwrap_err());
        assert_eq!(failure, Failure::Lost);
        let each = run_each(does, MANY);
        assert_eq!(each.len(), MANY as usize);
        assert!(each.iter().all(|answer| answer.as_ref().unwrap_err().failure() == &Failure::Lost));
    }
}

#[test]
fn a_backend_without_workers_does_not_recurse() {
    let n = 10 * MANY;
    let tasks = (0..n).map(|i| delayed(move || i));
    let parallel = Parallel::new().backend(Scripted::new(Does::RunNow)).batch_size(1);
    assert!(parallel.run(tasks).unwrap().into_iter().eq(0..n));
}

#[test]
fn batches_may_run_late_and_elsewhere() {
    assert!(run(Does::RunLater, 100).unwrap().into_iter().eq((0..100).map(|i| 2 * i)));
}

#[cfg(feature = "processes")]
mod shipped {
    use super::*;

    #[test]
    fn every_way_of_answering_gives_every_result() {
        for does in [
            Does::Ship,
            Does::ShipBackwards,
            Does::ShipTwice,
            Does::ShipAfterReturns,
            Does::ShipEverySecond,
        ] {
            let results = run(does, 43).unwrap();
            assert!(results.into_iter().eq((0..43).map(|i| 2 * i)), "{does:?}");
        }
    }

    #[test]
    fn what_was_not_answered_is_lost_and_the_rest_is_kept() {
        for (task, answer) in run_each(Does::ShipFirst, 23).into_iter().enumerate() {
            if task % 5 == 0 {
                assert_eq!(answer.unwrap() as usize, 2 * task);
            } else {
                let error = answer.unwrap_err();
                assert_eq!((error.task(), error.failure()), (task, &Failure::Lost));
            }
        }
    }

    #[test]
    fn a_backend_that_never_runs_anything_is_an_error() {
        let (_, failure) = failure(run(Does::Return, 10).unwrap_err());
        assert_eq!(failure, Failure::NotRun);
    }

    #[test]
    fn results_that_cannot_be_read_are_errors() {
        let (_, failure) = failure(run(Does::Garbage, 10).unwrap_err());
        assert!(matches!(failure, Failure::Codec { .. }), "{failure:?}");
    }

    #[test]
    fn a_serializer_that_panics_is_an_error() {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        #[derive(Clone, Copy)]
        struct Throws(bool);
        impl Serialize for Throws {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                assert!(!self.0, "not written");
                self.0.serialize(s)
            }
        }
        impl<'de> Deserialize<'de> for Throws {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                bool::deserialize(d).map(|_| panic!("not read"))
            }
        }
        fn make(_: u8) -> Throws {
            Throws(false)
        }
        fn take(_: Throws) {}

        let message = |error: Error| match failure(error).1 {
            Failure::Panic { message } => message,
            other => panic!("{other:?}"),
        };
        let written = must_end(|| parallel(Does::Ship).run([delayed!(take(Throws(true)))]));
        assert_eq!(message(written.unwrap_err()), "not written");
        let read = must_end(|| parallel(Does::Ship).run([delayed!(make(1))]).map(|_| ()));
        assert_eq!(message(read.unwrap_err()), "not read");
    }

    #[test]
    fn a_failed_task_does_not_take_its_neighbours_along() {
        let each = must_end(|| {
            let tasks = [1, 1000, 3].map(|n| delayed!(double(n)));
            parallel(Does::Ship).run_each(tasks).unwrap()
        });
        assert_eq!((&each[0], &each[2]), (&Ok(2), &Ok(6)));
        let error = each[1].as_ref().unwrap_err();
        assert_eq!(error.to_string(), "task 1 (`double`): panicked: in the worker");
    }
}

#[cfg(feature = "threads")]
#[test]
fn a_backend_that_was_shut_down_refuses_by_name() {
    use std::sync::Arc;
    use std::time::Duration;

    use joblib_backends::{Backend, Threads};

    let threads = Arc::new(Threads::new(2.try_into().unwrap()).unwrap());
    threads.shutdown(Duration::ZERO).unwrap();
    let error = must_end(move || {
        Parallel::new().n_jobs(2).backend(threads).run([delayed(|| ())]).unwrap_err()
    });
    assert_eq!(error.to_string(), "task 0: the `threads` backend was shut down");
}
