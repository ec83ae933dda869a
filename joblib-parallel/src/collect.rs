//! The answers of a whole call, gathered in any order and put back into the input's.

use std::time::Duration;

use joblib_backends::Failure;

use crate::error::Fault;
use crate::runs::Run;
use crate::{Error, Result, TaskError, TryError};

/// How a call ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) failures: Vec<(usize, Fault)>,
    /// How many tasks were read from the input.
    pub(crate) total: usize,
    /// The time the call was given, if it took longer.
    pub(crate) out_of_time: Option<Duration>,
}

impl Ended {
    /// An error if the call took too long, having answered `outputs` tasks well.
    pub(crate) fn in_time(&self, outputs: usize) -> Result<()> {
        let done = outputs + self.failures.len();
        self.out_of_time.map_or(Ok(()), |limit| Err(Error::OutOfTime { limit, done }))
    }
}

/// What is known of each task.
#[derive(Debug)]
pub(crate) struct Collected<R> {
    /// In the order of their positions.
    pub(crate) runs: Vec<Run<R>>,
    pub(crate) ended: Ended,
    /// The function that the tasks call, for messages.
    pub(crate) function: Option<&'static str>,
}

impl<R> Collected<R> {
    /// The results in the order of the tasks, or the first failure.
    pub(crate) fn all(self) -> Result<Vec<R>> {
        self.in_time()?;
        let Ended { failures, total, .. } = self.ended;
        if let Some((task, fault)) = failures.into_iter().min_by_key(|(task, _)| *task) {
            return Err(TaskError::new(task, self.function, fault).into());
        }
        let mut runs = self.runs.into_iter();
        // The first run keeps its memory if it is the only one.
        let mut all = runs.next().map(|run| run.items).unwrap_or_default();
        all.reserve_exact(total.saturating_sub(all.len()));
        for mut run in runs {
            all.append(&mut run.items);
        }
        if all.len() == total {
            Ok(all)
        } else {
            Err(TaskError::new(all.len(), self.function, Failure::Lost).into())
        }
    }

    /// The result or the failure of each task, in their order.
    pub(crate) fn each(self) -> Result<Vec<Result<R, TaskError>>> {
        self.in_time()?;
        let Self { runs, ended: Ended { failures, total, .. }, function } = self;
        let mut each: Vec<_> = std::iter::repeat_with(|| None).take(total).collect();
        for run in runs {
            for (slot, output) in each[run.first..].iter_mut().zip(run.items) {
                *slot = Some(Ok(output));
            }
        }
        for (task, fault) in failures {
            each[task] = Some(Err(fault));
        }
        let missing = || Err(Failure::Lost.into());
        Ok((each.into_iter().map(|slot| slot.unwrap_or_else(missing)))
            .enumerate()
            .map(|(task, answer)| answer.map_err(|fault| TaskError::new(task, function, fault)))
            .collect())
    }

    fn in_time(&self) -> Result<()> {
        self.ended.in_time(self.runs.iter().map(|run| run.items.len()).sum())
    }
}

impl<R, E> Collected<Result<R, E>> {
    /// The results in the order of the tasks, or the first error or failure.
    pub(crate) fn all_good(mut self) -> Result<Vec<R>, TryError<E>> {
        self.in_time()?;
        let failed = self.ended.failures.iter().map(|(task, _)| *task).min().unwrap_or(usize::MAX);
        let outputs = self.runs.iter().map(|run| run.items.len()).sum();
        let mut all = Vec::with_capacity(outputs);
        for run in std::mem::take(&mut self.runs) {
            for (task, output) in (run.first..).zip(run.items) {
                match output {
                    Ok(output) => all.push(output),
                    Err(error) if task < failed => return Err(TryError::Task { task, error }),
                    Err(_) => {}
                }
            }
        }
        if all.len() == self.ended.total && failed == usize::MAX {
            return Ok(all);
        }
        // No error came before the failure that ended the call.
        let first = self.ended.failures.into_iter().min_by_key(|(task, _)| *task);
        let (task, fault) = first.unwrap_or_else(|| (all.len(), Failure::Lost.into()));
        Err(TryError::Loop(TaskError::new(task, self.function, fault).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected() -> Collected<u8> {
        Collected {
            runs: vec![Run { first: 0, items: vec![0] }, Run { first: 2, items: vec![2, 3] }],
            ended: Ended {
                failures: vec![(5, Failure::Lost.into()), (1, Failure::NotRun.into())],
                total: 6,
                out_of_time: None,
            },
            function: None,
        }
    }

    #[test]
    fn the_first_failure_is_reported() {
        let Err(Error::Task(error)) = collected().all() else { panic!("no error") };
        assert_eq!((error.task(), error.failure()), (1, &Failure::NotRun));
    }

    #[test]
    fn each_task_has_its_own_answer() {
        let each: Vec<_> = collected()
            .each()
            .unwrap()
            .into_iter()
            .map(|answer| answer.map_err(|error| (error.task(), error.failure().clone())))
            .collect();
        assert_eq!(
            each,
            [
                Ok(0),
                Err((1, Failure::NotRun)),
                Ok(2),
                Ok(3),
                Err((4, Failure::Lost)),
                Err((5, Failure::Lost))
            ]
        );
    }

    #[test]
    fn a_gap_nobody_reported_is_a_lost_task() {
        let mut collected = collected();
        collected.ended.failures.clear();
        assert!(
            matches!(collected.all(), Err(Error::Task(error)) if *error.failure() == Failure::Lost)
        );
    }
}
