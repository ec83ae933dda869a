//! A call whose caller waits for all results: whoever finishes a batch fetches the next one from
//! the input.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use joblib_backends::CallId;

use crate::Task;
use crate::batch::{Sink, TaskBatch, Tasks};
use crate::batching::{Batching, Resized};
use crate::clock::Deadline;
use crate::collect::{Collected, Ended};
use crate::context::Nesting;
use crate::error::Fault;
use crate::ids::next_call;
use crate::panics::drop_quietly;
use crate::plan::Workers;
use crate::progress::Progress;
use crate::runs::{Run, Runs};
use crate::scope::{Scope, scope};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, into_inner, lock};
use crate::trace::Recorder;
use crate::watch::{Rules, Watch};

/// How a call is to be dispatched.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pub(crate) batch_size: Option<NonZeroUsize>,
    /// How many batches are under way at most.
    pub(crate) window: NonZeroUsize,
    /// Go on after a task has failed.
    pub(crate) keep_going: bool,
    pub(crate) watch: Watch,
    /// How long the whole call may take.
    pub(crate) total_timeout: Option<Duration>,
    /// Who draws a picture.
    pub(crate) trace: Option<Arc<Recorder>>,
}

/// Runs `tasks` on `workers` and returns when all is over.
///
/// A panic of the input is passed on.
pub(crate) fn run<T, I>(
    workers: &Workers,
    dispatch: Dispatch,
    tasks: I,
    rules: &Rules<T::Output>,
    progress: Option<&Progress>,
) -> Collected<T::Output>
where
    T: Task,
    I: Iterator<Item = T> + Send,
{
    let runs = Mutex::new(Runs::default());
    let take = |run: Run<T::Output>| {
        let emptied = lock(&runs).add(run);
        // Not under the lock.
        drop(emptied);
    };
    let ended = each(workers, dispatch, tasks, rules, progress, &take);
    Collected {
        runs: into_inner(runs).sorted(),
        ended,
        function: T::portable().map(|wire| wire.target.name),
    }
}

/// Where outputs go as they come, on the thread that ran the batch.
pub(crate) trait Taker<T: Task>: Sync {
    fn take(&self, outputs: Run<T::Output>);

    /// A task that has arisen from outputs, if there is one; so many workers want one.
    fn next(&self, _wanted: usize) -> Option<T> {
        None
    }
}

impl<T: Task, F: Fn(Run<T::Output>) + Sync> Taker<T> for F {
    fn take(&self, outputs: Run<T::Output>) {
        self(outputs);
    }
}

/// The same; outputs are handed to `taker`.
pub(crate) fn each<T, I>(
    workers: &Workers,
    dispatch: Dispatch,
    tasks: I,
    rules: &Rules<T::Output>,
    progress: Option<&Progress>,
    taker: &dyn Taker<T>,
) -> Ended
where
    T: Task,
    I: Iterator<Item = T> + Send,
{
    let capabilities = workers.backend.capabilities();
    let call = Call {
        id: next_call(),
        workers,
        progress,
        nesting: workers.nesting(),
        rules: *rules,
        deadline: dispatch.total_timeout.map(Deadline::after),
        keep_going: dispatch.keep_going,
        trace: dispatch.trace,
        batching: Batching::new(dispatch.batch_size, capabilities),
        input: Mutex::new(Input { tasks: Some(tasks), next: 0 }),
        returned: Mutex::default(),
        wanted: AtomicUsize::new(0),
        unserved: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        expired: AtomicBool::new(false),
        taker,
        failures: Mutex::default(),
        panic: Mutex::default(),
    };
    let stopped = || call.is_stopped();
    scope(&*workers.backend, call.id, &stopped, call.deadline, |scope| {
        Feed { call: &call, scope }.demand(dispatch.window.get());
    });
    call.into_ended()
}

/// What the batches of one call share.
struct Call<'a, T: Task, I> {
    id: CallId,
    workers: &'a Workers,
    progress: Option<&'a Progress>,
    nesting: Nesting,
    rules: Rules<T::Output>,
    deadline: Option<Deadline>,
    keep_going: bool,
    trace: Option<Arc<Recorder>>,
    batching: Batching,
    /// Locked while the input runs, by the one thread that feeds.
    input: Mutex<Input<I>>,
    returned: Mutex<Vec<Tasks<T>>>,
    /// Batches that are to be fetched; see [`Feed::demand`].
    wanted: AtomicUsize,
    /// Batches that were wanted when there was no task left: so many more may be under way.
    unserved: AtomicUsize,
    stop: AtomicBool,
    /// It was the deadline that stopped the call.
    expired: AtomicBool,
    taker: &'a dyn Taker<T>,
    failures: Mutex<Vec<(usize, Fault)>>,
    /// What the input threw.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

struct Input<I> {
    /// `None` once it is exhausted.
    tasks: Option<I>,
    /// The position of the next task.
    next: usize,
}

impl<T: Task, I: Iterator<Item = T> + Send> Call<'_, T, I> {
    fn is_stopped(&self) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return true;
        }
        let late = self.deadline.is_some_and(Deadline::has_passed);
        if late {
            self.expired.store(true, Ordering::Relaxed);
            self.stop.store(true, Ordering::Relaxed);
        }
        late
    }

    /// The tasks of the next batch; `None` if there are none, or none are wanted.
    fn next_tasks(&self) -> Option<Tasks<T>> {
        if self.is_stopped() {
            return None;
        }
        let mut returned = lock(&self.returned);
        if let Some(mut tasks) = returned.pop() {
            // More than one is wanted if workers are idle: they share what is left.
            let shares = self.wanted.load(Ordering::Relaxed).max(1);
            let size = self.batching.size().min(tasks.run.items.len().div_ceil(shares));
            returned.extend(std::iter::from_fn(|| tasks.split(size)));
            return Some(tasks);
        }
        drop(returned);
        self.arisen().or_else(|| self.read())
    }

    /// A task that has arisen meanwhile, as the next one.
    fn arisen(&self) -> Option<Tasks<T>> {
        let task = self.taker.next(self.wanted.load(Ordering::Relaxed).max(1))?;
        let mut input = lock(&self.input);
        input.next += 1;
        Some(Tasks::new(input.next - 1, vec![task]))
    }

    /// Reads a batch from the input.
    fn read(&self) -> Option<Tasks<T>> {
        let mut input = lock(&self.input);
        let mut tasks = input.tasks.take()?;
        let size = self.batching.size();
        let mut items = Vec::new();
        let read = catch_unwind(AssertUnwindSafe(|| {
            let likely = tasks.size_hint().1.unwrap_or(size);
            items.reserve_exact(size.min(likely).min(1 << 14));
            items.extend(tasks.by_ref().take(size));
        }));
        if let Err(payload) = read {
            *lock(&self.panic) = Some(payload);
            self.stop.store(true, Ordering::Relaxed);
            items.into_iter().for_each(drop_quietly);
            drop_quietly(tasks);
            return None;
        }
        if items.len() == size {
            input.tasks = Some(tasks);
        } else {
            drop_quietly(tasks);
        }
        let first = input.next;
        input.next += items.len();
        if let Some(progress) = self.progress {
            progress.dispatched(items.len());
            if input.tasks.is_none() {
                progress.exhausted();
            }
        }
        (!items.is_empty()).then(|| Tasks::new(first, items))
    }

    fn into_ended(self) -> Ended {
        if let Some(payload) = into_inner(self.panic) {
            resume_unwind(payload);
        }
        let input = into_inner(self.input);
        let expired = self.expired.into_inner();
        Ended {
            failures: into_inner(self.failures),
            // Input that was left although nothing failed: a backend has thrown a thread of ours
            // away. The next task is lost, then.
            total: input.next + usize::from(input.tasks.is_some()),
            out_of_time: self.deadline.map(|deadline| deadline.limit).filter(|_| expired),
        }
    }
}

/// A call together with its scope: what a batch carries.
struct Feed<'scope, 'env, T: Task, I> {
    call: &'env Call<'env, T, I>,
    scope: &'scope Scope<'scope, 'env>,
}

impl<T: Task, I> Clone for Feed<'_, '_, T, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Task, I> Copy for Feed<'_, '_, T, I> {}

impl<'scope, 'env, T, I> Feed<'scope, 'env, T, I>
where
    T: Task + 'env,
    I: Iterator<Item = T> + Send + 'env,
{
    /// Sees to it that `batches` more are fetched and submitted.
    ///
    /// One thread feeds at a time, and serves what others demand meanwhile: they need not wait
    /// while the input runs. A backend that completes a batch inside `submit` demands from within
    /// the feeding thread itself; that too only raises the count, so nothing recurses.
    fn demand(self, batches: usize) {
        let call = self.call;
        if call.wanted.fetch_add(batches, Ordering::AcqRel) != 0 {
            return;
        }
        loop {
            let wanted = call.wanted.load(Ordering::Acquire);
            let left = match call.next_tasks() {
                Some(tasks) => {
                    self.submit(tasks);
                    call.wanted.fetch_sub(1, Ordering::AcqRel) - 1
                }
                // Forget the demand, unless there is new one: it may come with returned tasks.
                None => {
                    if self.stopped() {
                        self.scope.wake();
                    }
                    match call.wanted.compare_exchange(
                        wanted,
                        0,
                        Ordering::AcqRel,
                        Ordering::Acquire,
                    ) {
                        Ok(unserved) => {
                            call.unserved.fetch_add(unserved, Ordering::Relaxed);
                            0
                        }
                        Err(left) => left,
                    }
                }
            };
            if left == 0 {
                return;
            }
        }
    }

    fn submit(self, tasks: Tasks<T>) {
        let workers = self.call.workers;
        self.scope.submit(&*workers.backend, TaskBatch::new(tasks, self));
        if workers.nested {
            // The caller is a worker, too, and may sleep.
            self.scope.wake();
        }
    }
}

impl<'scope, 'env, T, I> Sink<T> for Feed<'scope, 'env, T, I>
where
    T: Task + 'env,
    I: Iterator<Item = T> + Send + 'env,
{
    fn call(&self) -> CallId {
        self.call.id
    }

    fn batching(&self) -> &Batching {
        &self.call.batching
    }

    fn nesting(&self) -> &Nesting {
        &self.call.nesting
    }

    fn rules(&self) -> Rules<T::Output> {
        self.call.rules
    }

    fn trace(&self) -> Option<&Recorder> {
        self.call.trace.as_deref()
    }

    fn stopped(&self) -> bool {
        self.call.is_stopped()
    }

    fn stop(&self) {
        self.call.stop.store(true, Ordering::Relaxed);
        self.scope.wake();
    }

    fn has_idle_workers(&self) -> bool {
        self.call.unserved.load(Ordering::Relaxed) > 0
    }

    fn outputs(&self, outputs: Run<T::Output>) {
        self.call.taker.take(outputs);
    }

    fn failure(&self, task: usize, fault: Fault) {
        lock(&self.call.failures).push((task, fault));
        if !self.call.keep_going {
            self.stop();
        }
    }

    fn returned(&self, tasks: Tasks<T>) {
        lock(&self.call.returned).push(tasks);
    }

    fn resized(&self, resized: Resized) {
        if let Some(progress) = self.call.progress {
            progress.resized(resized);
        }
    }

    fn ended(&self, tasks: usize) {
        if let Some(progress) = self.call.progress {
            progress.completed(tasks);
        }
        // There may be work again for those who got none: what was handed back, or has arisen.
        let unserved = &self.call.unserved;
        let waiting = unserved.load(Ordering::Relaxed) > 0;
        self.demand(1 + if waiting { unserved.swap(0, Ordering::Relaxed) } else { 0 });
    }
}
