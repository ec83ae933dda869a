//! What a call wants to be seen to: failures that are tried again, tasks that take too long, and
//! errors that end it.

use std::time::Duration;

use joblib_backends::Failure;

use crate::Task;
use crate::clock::Start;
use crate::error::Fault;
use crate::panics::{attempt, drop_quietly};
use crate::trace::Ending;

/// How often a task is tried again, and after which failures.
///
/// A number counts what is not the task's fault: its worker died, or it took too long. Failures that
/// would most likely come again are counted if you say so.
///
/// ```
/// # #[cfg(feature = "processes")]
/// # {
/// use joblib_parallel::{Parallel, Retries, delayed};
///
/// fn fetch(page: u32) -> u32 {
///     page
/// }
///
/// let pages = (0..4).map(|page| delayed!(fetch(page)));
/// let fetched = Parallel::new().retries(Retries::new(3).panics()).run(pages)?;
/// assert_eq!(fetched, [0, 1, 2, 3]);
/// # }
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[must_use = "retries do nothing until they are given to `Parallel::retries`"]
pub struct Retries {
    most: u32,
    panics: bool,
    errors: bool,
}

impl Retries {
    /// Up to `most` more attempts for each task, after the death of its worker or a time-out.
    pub fn new(most: u32) -> Self {
        Self { most, panics: false, errors: false }
    }

    /// After panics, too.
    pub fn panics(mut self) -> Self {
        self.panics = true;
        self
    }

    /// After errors, too: in [`try_run`](crate::Parallel::try_run), tasks that return an `Err`.
    pub fn errors(mut self) -> Self {
        self.errors = true;
        self
    }

    /// For tasks whose panics come back as a result.
    pub(crate) fn panics_as_errors(self) -> Self {
        Self { errors: self.panics, ..self }
    }

    pub(crate) fn are_wanted(self) -> bool {
        self.most > 0
    }

    fn count(self, failure: &Failure) -> bool {
        match failure {
            Failure::WorkerDied { .. } | Failure::TimedOut { .. } => true,
            Failure::Panic { .. } => self.panics,
            _ => false,
        }
    }
}

impl From<u32> for Retries {
    fn from(most: u32) -> Self {
        Self::new(most)
    }
}

/// What a call wants of every task, whatever its type.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watch {
    pub(crate) retries: Retries,
    /// How long a task may take.
    pub(crate) timeout: Option<Duration>,
}

/// What a call wants of tasks that return `R`.
pub(crate) struct Rules<R> {
    pub(crate) watch: Watch,
    /// Tells which results are errors that end the call.
    is_error: Option<fn(&R) -> bool>,
}

impl<R> Clone for Rules<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Rules<R> {}

impl<R> From<Watch> for Rules<R> {
    fn from(watch: Watch) -> Self {
        Self { watch, is_error: None }
    }
}

/// What became of one attempt.
#[derive(Debug)]
pub(crate) enum Outcome<T: Task> {
    Output(T::Output),
    /// A result that is an error: it is kept, and nothing else is wanted.
    Error(T::Output),
    Failed(Fault),
    /// To be tried again.
    Again(T),
}

impl<T: Task> Outcome<T> {
    pub(crate) fn ending(&self) -> Ending {
        match self {
            Self::Output(_) => Ending::Done,
            Self::Error(_) | Self::Failed(_) => Ending::Failed,
            Self::Again(_) => Ending::Again,
        }
    }
}

/// What a result, or the lack of one, means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Keep,
    KeepAndStop,
    Retry,
}

impl<R> Rules<R> {
    pub(crate) fn ending_at(self, is_error: fn(&R) -> bool) -> Self {
        Self { is_error: Some(is_error), ..self }
    }

    /// True if tasks can be run without looking at them one by one.
    pub(crate) fn ask_nothing(&self) -> bool {
        self.watch.timeout.is_none() && self.is_error.is_none() && !self.watch.retries.are_wanted()
    }

    pub(crate) fn is_good(&self, output: &R) -> bool {
        !self.is_error.is_some_and(|is_error| is_error(output))
    }

    /// The verdict on a result of attempt number `attempt`, counted from 0.
    pub(crate) fn judge(&self, output: &R, attempt: u32) -> Verdict {
        match self.is_error {
            Some(is_error) if is_error(output) => {
                let again = self.watch.retries.errors && attempt < self.watch.retries.most;
                if again { Verdict::Retry } else { Verdict::KeepAndStop }
            }
            _ => Verdict::Keep,
        }
    }

    /// The verdict on a failure.
    pub(crate) fn judge_failure(&self, failure: &Failure, attempt: u32) -> Verdict {
        let retries = self.watch.retries;
        let again = attempt < retries.most && retries.count(failure);
        if again { Verdict::Retry } else { Verdict::Keep }
    }

    /// Makes one attempt at `task`, here.
    pub(crate) fn attempt<T: Task<Output = R>>(&self, task: T, number: u32) -> Outcome<T> {
        let spare = (number < self.watch.retries.most).then(|| again(&task)).flatten();
        let start = self.watch.timeout.and_then(|_| Start::now());
        let failure = match attempt(|| task.run()) {
            Err(failure) => failure,
            Ok(output) => match self.late(start) {
                Some(after) => {
                    drop_quietly(output);
                    Failure::TimedOut { worker: None, after }
                }
                None => return self.keep(output, spare, number),
            },
        };
        match (self.judge_failure(&failure, number), spare) {
            (Verdict::Retry, Some(task)) => Outcome::Again(task),
            _ => Outcome::Failed(Fault::of_attempt(number, failure)),
        }
    }

    /// Attempts at `task` until there is an answer.
    pub(crate) fn persist<T: Task<Output = R>>(&self, mut task: T) -> Outcome<T> {
        for number in 0.. {
            match self.attempt(task, number) {
                Outcome::Again(spare) => task = spare,
                answer => return answer,
            }
        }
        unreachable!("the last attempt is not followed by another")
    }

    fn keep<T: Task<Output = R>>(&self, output: R, spare: Option<T>, number: u32) -> Outcome<T> {
        match (self.judge(&output, number), spare) {
            (Verdict::Keep, _) => Outcome::Output(output),
            (Verdict::Retry, Some(task)) => {
                drop_quietly(output);
                Outcome::Again(task)
            }
            _ => Outcome::Error(output),
        }
    }

    /// How long a task took, if that was too long.
    fn late(&self, start: Option<Start>) -> Option<Duration> {
        let after = start?.elapsed();
        self.watch.timeout.filter(|limit| after > *limit).map(|_| after)
    }
}

/// A copy of `task` for another attempt.
fn again<T: Task>(task: &T) -> Option<T> {
    let again = T::again()?;
    match attempt(|| again(task)).flatten() {
        Ok(spare) => Some(spare),
        Err(failure) => {
            log::warn!("a task cannot be tried again: its copy failed: {failure:?}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delayed;

    const DIED: Failure = Failure::TimedOut { worker: None, after: Duration::ZERO };

    fn rules<R>(retries: impl Into<Retries>) -> Rules<R> {
        Watch { retries: retries.into(), timeout: None }.into()
    }

    #[test]
    fn a_number_counts_what_is_not_the_tasks_fault() {
        let panic = Failure::Panic { message: "no".into() };
        assert_eq!(rules::<()>(2).judge_failure(&DIED, 1), Verdict::Retry);
        assert_eq!(rules::<()>(2).judge_failure(&DIED, 2), Verdict::Keep);
        assert_eq!(rules::<()>(2).judge_failure(&panic, 0), Verdict::Keep);
        assert_eq!(rules::<()>(Retries::new(2).panics()).judge_failure(&panic, 0), Verdict::Retry);
        assert_eq!(rules::<()>(9).judge_failure(&Failure::Lost, 0), Verdict::Keep);
    }

    #[test]
    fn errors_end_the_call_unless_they_are_tried_again() {
        let is_error = |result: &Result<(), ()>| result.is_err();
        let plain = rules(3).ending_at(is_error);
        assert_eq!(plain.judge(&Ok(()), 0), Verdict::Keep);
        assert_eq!(plain.judge(&Err(()), 0), Verdict::KeepAndStop);
        let stubborn = rules(Retries::new(1).errors()).ending_at(is_error);
        assert_eq!(stubborn.judge(&Err(()), 0), Verdict::Retry);
        assert_eq!(stubborn.judge(&Err(()), 1), Verdict::KeepAndStop);
    }

    #[test]
    fn a_task_is_tried_as_often_as_allowed() {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
        let attempts = AtomicU32::new(0);
        let call = || assert!(attempts.fetch_add(1, Relaxed) == 9, "not yet");
        let retries = rules(Retries::new(3).panics());
        let outcome = retries.persist(delayed(call).repeatable());
        let Outcome::Failed(fault) = outcome else { panic!("{outcome:?}") };
        assert!(matches!(fault.failure, Failure::Panic { .. }));
        assert_eq!(fault.attempts, 4);
        assert_eq!(attempts.swap(8, Relaxed), 4);
        assert!(matches!(retries.persist(delayed(call).repeatable()), Outcome::Output(())));
    }
}
