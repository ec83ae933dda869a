//! A call whose results become one value: groups of tasks are folded where they run, and only their
//! values come back, to be merged in the order of the groups.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use joblib_backends::Failure;

use crate::batching::Batching;
use crate::collect::Ended;
use crate::dispatch::{self, Dispatch};
use crate::group::{Folded, Group};
use crate::panics::attempt;
use crate::plan::Workers;
use crate::progress::Progress;
use crate::sync::{Mutex, into_inner, lock};
use crate::watch::{Rules, Watch};
use crate::{Error, Fold, Result, Task, TaskError, in_place};

/// Folds on the caller's thread, in the groups of a fixed batch size, if there is one: floating-point
/// results are then the same as with many workers.
pub(crate) fn in_place<T: Task, F: Fold<T::Output>>(
    dispatch: Dispatch,
    tasks: impl Iterator<Item = T>,
    fold: &F,
    progress: Option<&Progress>,
) -> Result<F::Output> {
    let size = dispatch.batch_size.map_or(usize::MAX, NonZeroUsize::get);
    let mut whole: Option<F::Output> = None;
    let mut part: Option<F::Output> = None;
    let mut done = 0;
    let close = |whole: Option<F::Output>, part| match whole {
        None => part,
        Some(whole) => fold.merge(whole, part),
    };
    let rules = dispatch.watch.into();
    let ended = in_place::each(dispatch, tasks, &rules, progress, |position, output| {
        attempt(|| {
            if position % size == 0
                && let Some(part) = part.take()
            {
                whole = Some(close(whole.take(), part));
            }
            part = Some(fold.step(part.take().unwrap_or_else(|| fold.start()), output));
            done += 1;
        })
    });
    failed::<T>(&ended, ended.failures.iter().cloned(), done)?;
    let value = attempt(|| close(whole, part.unwrap_or_else(|| fold.start())));
    value.map_err(|failure| blame::<T>(done.saturating_sub(1), failure))
}

/// Folds on `workers`.
pub(crate) fn on<T: Task, F: Fold<T::Output>>(
    workers: &Workers,
    dispatch: Dispatch,
    tasks: impl Iterator<Item = T> + Send,
    fold: &F,
    progress: Option<&Progress>,
) -> Result<F::Output> {
    let capabilities = workers.backend.capabilities();
    let here = capabilities.shared_memory;
    let alone = dispatch.watch.timeout.is_some() || dispatch.watch.retries.are_wanted();
    // In other processes a group is killed and tried again as a whole.
    let size = if alone && !here { NonZeroUsize::new(1) } else { dispatch.batch_size };
    let state = Reduction {
        fold,
        batching: Batching::new(size, capabilities),
        starts: Mutex::default(),
        merged: Mutex::new(Merged::default()),
    };
    let (inner, outer) =
        if here { (dispatch.watch, Watch::default()) } else { (Watch::default(), dispatch.watch) };
    let groups =
        Groups { tasks: tasks.fuse(), state: &state, rules: inner.into(), next: 0, progress };
    let trace = dispatch.trace.clone();
    let one = Dispatch { batch_size: NonZeroUsize::new(1), watch: outer, ..dispatch };
    let rules = Rules::from(Watch { retries: outer.retries.panics_as_errors(), ..outer })
        .ending_at(|folded: &Folded<F::Output>| folded.sum.is_err());
    let ended = dispatch::each(workers, one, groups, &rules, None, &|run| {
        for (group, folded) in (run.first..).zip(run.items) {
            if let Some(progress) = progress {
                progress.completed(folded.count);
            }
            state.add::<T::Output>(group, folded);
        }
    });
    if let Some(trace) = trace {
        trace.regroup(&lock(&state.starts));
    }
    state.value::<T>(&ended)
}

/// What the groups of a call share.
struct Reduction<'a, F, A> {
    fold: &'a F,
    batching: Batching,
    /// The position of the first task of each group, then the end.
    starts: Mutex<Vec<usize>>,
    merged: Mutex<Merged<A>>,
}

/// The value of the first groups, and those that came before their turn.
struct Merged<A> {
    sum: Option<A>,
    /// The group that is to be merged next.
    next: usize,
    early: BTreeMap<usize, A>,
    failures: Vec<(usize, Failure)>,
    /// Somebody is merging.
    busy: bool,
    /// How many tasks were folded.
    done: usize,
}

impl<A> Default for Merged<A> {
    fn default() -> Self {
        let (early, failures) = (BTreeMap::new(), Vec::new());
        Self { sum: None, next: 0, early, failures, busy: false, done: 0 }
    }
}

impl<F, A> Reduction<'_, F, A> {
    fn add<R>(&self, group: usize, folded: Folded<A>)
    where
        F: Fold<R, Output = A>,
    {
        self.batching.observe(folded.count, folded.count, folded.took);
        let mut merged = lock(&self.merged);
        merged.done += folded.count;
        match folded.sum {
            Ok(sum) => drop(merged.early.insert(group, sum)),
            Err(failure) => {
                let task = lock(&self.starts)[group] + folded.count;
                merged.failures.push((task, failure));
            }
        }
        drop(merged);
        self.merge::<R>();
    }

    /// Merges what is due, unless somebody does: the lock is not held while the user's code runs.
    fn merge<R>(&self)
    where
        F: Fold<R, Output = A>,
    {
        loop {
            let mut merged = lock(&self.merged);
            if merged.busy || !merged.failures.is_empty() {
                return;
            }
            let next = merged.next;
            let Some(right) = merged.early.remove(&next) else { return };
            merged.next += 1;
            let Some(left) = merged.sum.take() else {
                merged.sum = Some(right);
                continue;
            };
            merged.busy = true;
            drop(merged);
            let both = attempt(|| self.fold.merge(left, right));
            let mut merged = lock(&self.merged);
            merged.busy = false;
            match both {
                Ok(sum) => merged.sum = Some(sum),
                Err(failure) => {
                    let task = lock(&self.starts)[next];
                    merged.failures.push((task, failure));
                }
            }
        }
    }

    fn value<T: Task>(self, ended: &Ended) -> Result<A>
    where
        F: Fold<T::Output, Output = A>,
    {
        let merged = into_inner(self.merged);
        let starts = lock(&self.starts);
        let first = |group: usize| starts.get(group).copied().unwrap_or_default();
        let lost = (merged.next < ended.total).then(|| (first(merged.next), Failure::Lost));
        let groups = ended.failures.iter().map(|(group, failure)| (first(*group), failure.clone()));
        let mut failures: Vec<_> = groups.chain(merged.failures).collect();
        if failures.is_empty() {
            failures.extend(lost);
        }
        failed::<T>(ended, failures.into_iter(), merged.done)?;
        match merged.sum {
            Some(sum) => Ok(sum),
            None => attempt(|| self.fold.start()).map_err(|failure| blame::<T>(0, failure)),
        }
    }
}

/// The error of a call that took too long or has failures.
fn failed<T: Task>(
    ended: &Ended,
    failures: impl Iterator<Item = (usize, Failure)>,
    done: usize,
) -> Result<()> {
    ended.in_time(done)?;
    match failures.min_by_key(|(task, _)| *task) {
        Some((task, failure)) => Err(blame::<T>(task, failure)),
        None => Ok(()),
    }
}

fn blame<T: Task>(task: usize, failure: Failure) -> Error {
    let function = T::portable().map(|wire| wire.target.name);
    TaskError::new(task, function, failure).into()
}

/// The input, in groups.
struct Groups<'a, I, T: Task, F, A> {
    tasks: std::iter::Fuse<I>,
    state: &'a Reduction<'a, F, A>,
    rules: Rules<T::Output>,
    /// The position of the next task.
    next: usize,
    progress: Option<&'a Progress>,
}

impl<'a, T, I, F> Iterator for Groups<'a, I, T, F, F::Output>
where
    T: Task,
    I: Iterator<Item = T>,
    F: Fold<T::Output>,
{
    type Item = Group<'a, T, F>;

    fn next(&mut self) -> Option<Group<'a, T, F>> {
        let tasks: Vec<T> = self.tasks.by_ref().take(self.state.batching.size()).collect();
        if let Some(progress) = self.progress {
            progress.dispatched(tasks.len());
            if tasks.is_empty() {
                progress.exhausted();
            }
        }
        if tasks.is_empty() {
            lock(&self.state.starts).push(self.next);
            return None;
        }
        lock(&self.state.starts).push(self.next);
        self.next += tasks.len();
        Some(Group { tasks, fold: self.state.fold, rules: self.rules })
    }
}
