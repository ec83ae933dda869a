//! A call with one worker: a loop on the caller's thread.

use crate::Task;
use crate::clock::Deadline;
use crate::collect::{Collected, Ended};
use crate::dispatch::Dispatch;
use crate::error::Fault;
use crate::progress::Progress;
use crate::runs::Run;
use crate::trace::{Bar, measured};
use crate::watch::{Outcome, Rules};

/// Runs `tasks` one after the other. A panic of the input passes through.
pub(crate) fn run<T: Task>(
    dispatch: Dispatch,
    tasks: impl Iterator<Item = T>,
    rules: &Rules<T::Output>,
    progress: Option<&Progress>,
) -> Collected<T::Output> {
    let mut outputs = Run { first: 0, items: Vec::with_capacity(tasks.size_hint().0.min(1 << 20)) };
    let mut runs = Vec::new();
    let ended = each(dispatch, tasks, rules, progress, |position, output| {
        runs.extend(outputs.push(position, output));
        Ok(())
    });
    runs.push(outputs);
    Collected { runs, ended, function: T::portable().map(|wire| wire.target.name) }
}

/// Runs `tasks` one after the other and hands each output to `take`, which may fail for its task.
pub(crate) fn each<T: Task>(
    dispatch: Dispatch,
    tasks: impl Iterator<Item = T>,
    rules: &Rules<T::Output>,
    progress: Option<&Progress>,
    mut take: impl FnMut(usize, T::Output) -> Result<(), joblib_backends::Failure>,
) -> Ended {
    let deadline = dispatch.total_timeout.map(Deadline::after);
    let mut ended = Ended::default();
    for (position, task) in tasks.enumerate() {
        if deadline.is_some_and(Deadline::has_passed) {
            ended.out_of_time = dispatch.total_timeout;
            break;
        }
        ended.total += 1;
        if let Some(progress) = progress {
            progress.dispatched(1);
        }
        let (outcome, span) = match dispatch.trace {
            Some(_) => measured(|| rules.persist(task)),
            None => (rules.persist(task), None),
        };
        if let (Some(trace), Some(span)) = (&dispatch.trace, span) {
            trace.add(1, vec![Bar::new(position, 0, outcome.ending(), span)]);
        }
        let (answer, last) = match outcome {
            Outcome::Output(output) => (take(position, output).map_err(Fault::from), false),
            Outcome::Error(output) => (take(position, output).map_err(Fault::from), true),
            Outcome::Failed(fault) => (Err(fault), false),
            Outcome::Again(_) => unreachable!("`persist` goes on until there is an answer"),
        };
        let failed = answer.is_err();
        ended.failures.extend(answer.err().map(|fault| (position, fault)));
        if last || (failed && !dispatch.keep_going) {
            break;
        }
        if let Some(progress) = progress {
            progress.completed(1);
        }
    }
    ended
}
