//! A call with one worker: a loop on the caller's thread.

use crate::Task;
use crate::collect::Collected;
use crate::panics::attempt;
use crate::progress::Progress;
use crate::runs::Run;

/// Runs `tasks` one after the other. A panic of the input passes through.
pub(crate) fn run<T: Task>(
    tasks: impl Iterator<Item = T>,
    keep_going: bool,
    progress: Option<&Progress>,
) -> Collected<T::Output> {
    let mut outputs = Run { first: 0, items: Vec::with_capacity(tasks.size_hint().0.min(1 << 20)) };
    let mut collected = Collected {
        runs: Vec::new(),
        failures: Vec::new(),
        total: 0,
        function: T::portable().map(|wire| wire.target.name),
    };
    for (position, task) in tasks.enumerate() {
        collected.total += 1;
        if let Some(progress) = progress {
            progress.dispatched(1);
        }
        match attempt(|| task.run()) {
            Ok(output) => collected.runs.extend(outputs.push(position, output)),
            Err(failure) => {
                collected.failures.push((position, failure));
                if !keep_going {
                    break;
                }
            }
        }
        if let Some(progress) = progress {
            progress.completed(1);
        }
    }
    collected.runs.push(outputs);
    collected
}
