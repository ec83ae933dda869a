//! A call whose results become one value: groups of tasks are folded where they run, and only their
//! values come back, to be merged in the order of the groups.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;

use joblib_backends::Failure;

use crate::batching::Batching;
use crate::collect::Ended;
use crate::dispatch::{self, Dispatch, Taker};
use crate::error::Fault;
use crate::group::{Folded, Group};
use crate::panics::attempt;
use crate::plan::Workers;
use crate::progress::Progress;
use crate::rests::Rests;
use crate::runs::Run;
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
        rests: Rests::new(),
        groups: Mutex::default(),
        merged: Mutex::new(Merged::default()),
        rules: if here { dispatch.watch } else { Watch::default() }.into(),
        progress,
    };
    let outer = if here { Watch::default() } else { dispatch.watch };
    let groups = Groups { tasks: tasks.fuse(), state: &state, next: 0 };
    let trace = dispatch.trace.clone();
    let one = Dispatch { batch_size: NonZeroUsize::new(1), watch: outer, ..dispatch };
    let rules = Rules::from(Watch { retries: outer.retries.panics_as_errors(), ..outer })
        .ending_at(|folded: &Folded<F::Output>| folded.sum.is_err());
    let ended = dispatch::each(workers, one, groups, &rules, None, &&state);
    if let Some(trace) = trace {
        trace.regroup(&lock(&state.groups));
    }
    state.value(&ended)
}

/// What the groups of a call share.
struct Reduction<'a, T: Task, F: Fold<T::Output>> {
    fold: &'a F,
    batching: Batching,
    rests: Rests<T>,
    /// The positions of the tasks of each group; of one that ended early, of those it came to.
    groups: Mutex<Vec<Range<usize>>>,
    merged: Mutex<Merged<F::Output>>,
    /// For each task, if it runs in this process.
    rules: Rules<T::Output>,
    progress: Option<&'a Progress>,
}

/// The value of the first tasks, and those of groups that came before their turn.
struct Merged<A> {
    sum: Option<A>,
    /// The position of the task whose group is to be merged next.
    next: usize,
    /// By the position of the first task, with the position behind the last.
    early: BTreeMap<usize, (usize, A)>,
    failures: Vec<(usize, Fault)>,
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

impl<'a, T: Task, F: Fold<T::Output>> Reduction<'a, T, F> {
    /// A group of tasks, the first of which has this position.
    fn group(&'a self, first: usize, tasks: Vec<T>) -> Group<'a, T, F> {
        let mut groups = lock(&self.groups);
        groups.push(first..first + tasks.len());
        let number = groups.len() - 1;
        let (fold, rules, limit) = (self.fold, self.rules, self.batching.limit());
        Group { tasks, fold, rules, limit, number, rests: &self.rests }
    }

    fn add(&self, number: usize, folded: Folded<F::Output>) {
        let Folded { sum, count, took } = folded;
        let Range { start, end } = lock(&self.groups)[number];
        let behind = end.min(start + count);
        self.batching.observe(end - start, count, took);
        if sum.is_ok() && count > 0 {
            lock(&self.groups)[number].end = behind;
            self.rests.answered(number, behind, end - behind);
        }
        let mut merged = lock(&self.merged);
        merged.done += count;
        match sum {
            Ok(sum) => drop(merged.early.insert(start, (behind, sum))),
            Err(fault) => merged.failures.push((behind, fault)),
        }
        drop(merged);
        self.merge();
    }

    /// Merges what is due, unless somebody does: the lock is not held while the user's code runs.
    fn merge(&self) {
        loop {
            let mut merged = lock(&self.merged);
            if merged.busy || !merged.failures.is_empty() {
                return;
            }
            let next = merged.next;
            let Some((behind, right)) = merged.early.remove(&next) else { return };
            merged.next = behind;
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
                Err(failure) => merged.failures.push((next, failure.into())),
            }
        }
    }

    fn value(self, ended: &Ended) -> Result<F::Output> {
        let merged = into_inner(self.merged);
        let groups = into_inner(self.groups);
        let behind = groups.iter().map(|group| group.end).max().unwrap_or_default();
        let missing =
            merged.next < behind || groups.len() < ended.total || self.rests.are_waiting();
        let lost = missing.then(|| (merged.next, Failure::Lost.into()));
        let first = |number: usize| groups.get(number).map_or(behind, |group| group.start);
        let whole = ended.failures.iter().map(|(group, fault)| (first(*group), fault.clone()));
        let mut failures: Vec<_> = whole.chain(merged.failures).collect();
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

impl<'a, T: Task, F: Fold<T::Output>> Taker<Group<'a, T, F>> for &'a Reduction<'a, T, F> {
    fn take(&self, outputs: Run<Folded<F::Output>>) {
        for (number, folded) in (outputs.first..).zip(outputs.items) {
            if let Some(progress) = self.progress {
                progress.completed(folded.count);
            }
            self.add(number, folded);
        }
    }

    fn next(&self, wanted: usize) -> Option<Group<'a, T, F>> {
        let (first, tasks) = self.rests.take(self.batching.size(), wanted)?;
        Some(self.group(first, tasks))
    }
}

/// The error of a call that took too long or has failures.
fn failed<T: Task>(
    ended: &Ended,
    failures: impl Iterator<Item = (usize, Fault)>,
    done: usize,
) -> Result<()> {
    ended.in_time(done)?;
    match failures.min_by_key(|(task, _)| *task) {
        Some((task, fault)) => Err(blame::<T>(task, fault)),
        None => Ok(()),
    }
}

fn blame<T: Task>(task: usize, fault: impl Into<Fault>) -> Error {
    let function = T::portable().map(|wire| wire.target.name);
    TaskError::new(task, function, fault).into()
}

/// The input, in groups.
struct Groups<'a, I, T: Task, F: Fold<T::Output>> {
    tasks: std::iter::Fuse<I>,
    state: &'a Reduction<'a, T, F>,
    /// The position of the next task.
    next: usize,
}

impl<'a, T, I, F> Iterator for Groups<'a, I, T, F>
where
    T: Task,
    I: Iterator<Item = T>,
    F: Fold<T::Output>,
{
    type Item = Group<'a, T, F>;

    fn next(&mut self) -> Option<Group<'a, T, F>> {
        let tasks: Vec<T> = self.tasks.by_ref().take(self.state.batching.size()).collect();
        if let Some(progress) = self.state.progress {
            progress.dispatched(tasks.len());
            if tasks.is_empty() {
                progress.exhausted();
            }
        }
        let first = self.next;
        self.next += tasks.len();
        (!tasks.is_empty()).then(|| self.state.group(first, tasks))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::delayed;

    #[test]
    fn what_a_slow_group_leaves_is_for_all_and_merged_in_order() {
        let fold = crate::fold(
            String::new,
            |all: String, n: u32| format!("{all}{n},"),
            |left: String, right: String| left + &right,
        );
        let state = Reduction {
            fold: &fold,
            batching: Batching::new(None, joblib_backends::Capabilities::of_threads()),
            rests: Rests::new(),
            groups: Mutex::default(),
            merged: Mutex::new(Merged::default()),
            rules: Watch::default().into(),
            progress: None,
        };
        let task = |n: u32| {
            delayed(move || {
                // Much longer than a group may take.
                std::thread::sleep(Duration::from_millis(if n == 2 { 50 } else { 0 }));
                n
            })
        };
        let whole = state.group(0, (0..9).map(task).collect());
        assert!((&state).next(2).is_none());
        (&state).take(Run { first: 0, items: vec![whole.run()] });
        let first = lock(&state.groups)[0].end;
        // It may have been late before. That it slept is seen when the clock is looked at next.
        assert!((1..=4).contains(&first), "it went on to {first}");
        // Later groups first: each worker that wants some gets one.
        let mut groups: Vec<_> = std::iter::from_fn(|| (&state).next(2)).collect();
        assert!(groups.len() > 1);
        while let Some(group) = groups.pop() {
            let number = group.number;
            (&state).take(Run { first: number, items: vec![group.run()] });
            groups.extend(std::iter::from_fn(|| (&state).next(2)));
        }
        drop(groups);
        let ended = Ended { total: lock(&state.groups).len(), ..Ended::default() };
        assert_eq!(state.value(&ended).unwrap(), "0,1,2,3,4,5,6,7,8,");
    }
}
