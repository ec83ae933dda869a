//! The answers of a whole call, gathered in any order and put back into the input's.

use joblib_backends::Failure;

use crate::runs::Run;
use crate::{Result, TaskError};

/// What is known of each of `total` tasks.
#[derive(Debug)]
pub(crate) struct Collected<R> {
    pub(crate) runs: Vec<Run<R>>,
    pub(crate) failures: Vec<(usize, Failure)>,
    pub(crate) total: usize,
    /// The function that the tasks call, for messages.
    pub(crate) function: Option<&'static str>,
}

impl<R> Collected<R> {
    /// The results in the order of the tasks, or the first failure.
    pub(crate) fn all(mut self) -> Result<Vec<R>> {
        if let Some((task, failure)) = self.failures.into_iter().min_by_key(|(task, _)| *task) {
            return Err(TaskError::new(task, self.function, failure).into());
        }
        // Stable sorting is quick on what is nearly in order.
        self.runs.sort_by_key(|run| run.first);
        let mut runs = self.runs.into_iter();
        // The first run keeps its memory if it is the only one.
        let mut all = runs.next().map(|run| run.items).unwrap_or_default();
        all.reserve_exact(self.total.saturating_sub(all.len()));
        for mut run in runs {
            all.append(&mut run.items);
        }
        if all.len() == self.total {
            Ok(all)
        } else {
            Err(TaskError::new(all.len(), self.function, Failure::Lost).into())
        }
    }

    /// The result or the failure of each task, in their order.
    pub(crate) fn each(self) -> Vec<Result<R, TaskError>> {
        let Self { runs, failures, total, function } = self;
        let mut each: Vec<_> = std::iter::repeat_with(|| None).take(total).collect();
        for run in runs {
            for (slot, output) in each[run.first..].iter_mut().zip(run.items) {
                *slot = Some(Ok(output));
            }
        }
        for (task, failure) in failures {
            each[task] = Some(Err(failure));
        }
        let missing = || Err(Failure::Lost);
        (each.into_iter().map(|slot| slot.unwrap_or_else(missing)))
            .enumerate()
            .map(|(task, answer)| answer.map_err(|failure| TaskError::new(task, function, failure)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    fn collected() -> Collected<u8> {
        Collected {
            runs: vec![Run { first: 2, items: vec![2, 3] }, Run { first: 0, items: vec![0] }],
            failures: vec![(5, Failure::Lost), (1, Failure::NotRun)],
            total: 6,
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
        collected.failures.clear();
        assert!(
            matches!(collected.all(), Err(Error::Task(error)) if *error.failure() == Failure::Lost)
        );
    }
}
