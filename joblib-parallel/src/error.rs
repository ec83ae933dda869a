//! What can go wrong in a parallel loop.

use std::fmt;
use std::time::Duration;

use joblib_backends::Failure;

/// Why a parallel loop gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A task has no result.
    #[error(transparent)]
    Task(#[from] TaskError),

    /// The backend could not be had.
    #[error(transparent)]
    Backend(#[from] joblib_backends::Error),

    /// The tasks, or what folds their results, are closures, and the workers of this backend do not
    /// share our memory.
    #[error(
        "closures cannot travel to the workers of the `{backend}` backend: write \
         `delayed!(function(arguments))` for tasks and `fold!(…)` for folds, or choose the backend \
         `threads`"
    )]
    NotPortable {
        /// The backend.
        backend: String,
    },

    /// The whole call took longer than its `total_timeout`.
    #[error("the loop took longer than {} in all; {done} tasks were done", Rounded(*.limit))]
    OutOfTime {
        /// The time it was given.
        limit: Duration,
        /// How many tasks were answered, well or not.
        done: usize,
    },

    /// The call that each worker process is to make first cannot travel to it.
    #[error("`initializer`: {}", Told(.0))]
    Initializer(Failure),

    /// Tasks are to be tried again that cannot be.
    #[error(
        "`retries`: these tasks run once; write `delayed(|| …).repeatable()` for a closure that \
         can be cloned, or `delayed!(function(arguments))`"
    )]
    NotRepeatable,

    /// Shared memory is required, and this backend has none.
    #[error(
        "`require`: workers of the `{backend}` backend do not share our memory (leave the backend \
         out, or choose `threads`)"
    )]
    NoSharedMemory {
        /// The backend.
        backend: String,
    },

    /// `pre_dispatch` is no arithmetic expression.
    #[error(
        "`pre_dispatch = {expression:?}` {reason} (expected `all`, a number, or such as `2 * n_jobs`)"
    )]
    BadPreDispatch {
        /// What was given.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },

    /// `pre_dispatch` would let nothing run.
    #[error(
        "`pre_dispatch = {expression:?}` gives {value} with {n_jobs} workers: at least 1 is needed"
    )]
    NoPreDispatch {
        /// What was given.
        expression: String,
        /// Its value, rounded towards zero.
        value: i64,
        /// The number of workers.
        n_jobs: usize,
    },

    /// `batch_size` was zero.
    #[error("`batch_size = 0` has no meaning (leave it out to have it found by measuring)")]
    ZeroBatchSize,

    /// `timeout` was zero.
    #[error("`timeout = 0` has no meaning: no task can end in it (leave it out for no limit)")]
    ZeroTimeout,

    /// The file for the trace cannot be created.
    #[error("cannot create the trace `{}`", path.display())]
    Trace {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },

    /// The name of the trace says no format.
    #[error(
        "`trace`: the name `{}` says no format (expected an end in `.json`, the Chrome trace \
         format, or `.html`, a page)",
        path.display()
    )]
    BadTrace {
        /// The file.
        path: std::path::PathBuf,
    },

    /// A variable of the environment cannot be read.
    #[error("the environment variable `{variable}` is `{value}`, not {expected}")]
    BadVariable {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
}

/// The result of a parallel loop.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why [`try_run`](crate::Parallel::try_run) gave no results.
#[derive(Debug, thiserror::Error)]
pub enum TryError<E> {
    /// A task returned an error.
    #[error("task {task}: {error}")]
    Task {
        /// The position of the task in the input, from 0.
        task: usize,
        /// What it returned.
        error: E,
    },

    /// A task has no result at all, or the loop could not run.
    #[error(transparent)]
    Loop(#[from] Error),
}

impl<E> TryError<E> {
    /// The task's own error; `None` if it was not a task that returned one.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Task { error, .. } => Some(error),
            Self::Loop(_) => None,
        }
    }
}

/// How the last attempt at a task failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    /// How many attempts there were.
    pub(crate) attempts: u32,
}

impl Fault {
    /// The failure of attempt number `attempt`, counted from 0.
    pub(crate) fn of_attempt(attempt: u32, failure: Failure) -> Self {
        Self { failure, attempts: attempt.saturating_add(1) }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::of_attempt(0, failure)
    }
}

/// Why one task has no result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskError {
    task: usize,
    function: Option<&'static str>,
    fault: Fault,
}

impl TaskError {
    pub(crate) fn new(
        task: usize,
        function: Option<&'static str>,
        fault: impl Into<Fault>,
    ) -> Self {
        Self { task, function, fault: fault.into() }
    }

    /// The position of the task in the input, from 0.
    pub fn task(&self) -> usize {
        self.task
    }

    /// The function the task calls, as it was written in [`delayed!`](macro@crate::delayed);
    /// `None` for closures.
    pub fn function(&self) -> Option<&'static str> {
        self.function
    }

    /// What happened, in the last attempt.
    pub fn failure(&self) -> &Failure {
        &self.fault.failure
    }

    /// How many attempts were made: more than one if [`retries`](crate::Parallel::retries) were wanted.
    pub fn attempts(&self) -> u32 {
        self.fault.attempts
    }
}

impl std::error::Error for TaskError {}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(function) = self.function {
            write!(f, " (`{function}`)")?;
        }
        if self.attempts() > 1 {
            write!(f, ", after {} attempts", self.attempts())?;
        }
        write!(f, ": {}", Told(self.failure()))
    }
}

/// A failure for people.
struct Told<'a>(&'a Failure);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Failure::Panic { message } => write!(f, "panicked: {message}"),
            Failure::Codec { message }
            | Failure::Refused { message }
            | Failure::Engine { message } => f.write_str(message),
            Failure::WorkerDied { worker, status, after, peak_memory } => {
                write!(f, "worker process {worker} died, {status}, after {}", Rounded(*after))?;
                match peak_memory >> 20 {
                    0 => Ok(()),
                    mebibytes => write!(f, ", with at most {mebibytes} MiB of memory"),
                }
            }
            Failure::TimedOut { worker, after } => {
                let after = Rounded(*after);
                match worker {
                    Some(worker) => {
                        write!(f, "took too long: worker process {worker} was killed after {after}")
                    }
                    None => write!(f, "took too long: it ended after {after}"),
                }
            }
            Failure::NotRun => f.write_str("the backend kept handing it back without running it"),
            Failure::Lost => f.write_str("the backend dropped it without an answer"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// A duration for people.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(10) {
            write!(f, "{} ms", self.0.as_millis())
        } else {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_worker_is_blamed_with_its_task() {
        let failure = Failure::WorkerDied {
            worker: 1234,
            status: "signal 9 (SIGKILL)".into(),
            after: Duration::from_micros(12_300),
            peak_memory: 3 << 30,
        };
        assert_eq!(
            TaskError::new(7, Some("my_crate::simulate"), failure).to_string(),
            "task 7 (`my_crate::simulate`): worker process 1234 died, signal 9 (SIGKILL), after 12 ms, \
             with at most 3072 MiB of memory"
        );
    }

    #[test]
    fn several_attempts_are_counted() {
        let fault = Fault::of_attempt(2, Failure::Panic { message: "no luck".into() });
        let error = TaskError::new(7, Some("my_crate::simulate"), fault);
        assert_eq!(
            error.to_string(),
            "task 7 (`my_crate::simulate`), after 3 attempts: panicked: no luck"
        );
    }

    #[test]
    fn a_closure_has_no_name() {
        let failure = Failure::Panic { message: "no luck".into() };
        assert_eq!(TaskError::new(0, None, failure).to_string(), "task 0: panicked: no luck");
    }
}
