//! Results one by one, while later tasks run: in order or as they come, within a bounded window.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use joblib_backends::{Backend, CallId};

use crate::batch::{Sink, TaskBatch, Tasks};
use crate::batching::{Batching, Resized};
use crate::clock::Deadline;
use crate::context::Nesting;
use crate::dispatch::Dispatch;
use crate::error::Fault;
use crate::ids::next_call;
use crate::panics::drop_quietly;
use crate::plan::Workers;
use crate::progress::Progress;
use crate::runs::Run;
use crate::scope::{Scope, submit_owned};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::mpsc::{self, Receiver, Sender};
use crate::trace::{Bar, Recorder, measured};
use crate::watch::{Outcome, Rules, Watch};
use crate::{Error, Result, Task, TaskError};

/// Results one by one, made by [`Parallel::stream`](crate::Parallel::stream) and its siblings.
///
/// Each item is the result of a task, or why it has none; the tasks after a failed one run on. Dropping
/// the stream drops what has not begun.
pub struct Results<'a, R>(Box<dyn Iterator<Item = Result<R>> + 'a>);

impl<'a, R> Results<'a, R> {
    pub(crate) fn new(items: impl Iterator<Item = Result<R>> + 'a) -> Self {
        Self(Box::new(items))
    }

    /// A stream of one error.
    pub(crate) fn failed(error: Error) -> Self
    where
        R: 'a,
    {
        Self::new(std::iter::once(Err(error)))
    }
}

impl<R> Iterator for Results<'_, R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        self.0.next()
    }
}

impl<R> fmt::Debug for Results<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Results")
    }
}

/// One task after the other, on the consumer's thread, when it asks for the result.
pub(crate) struct InPlace<I> {
    tasks: I,
    watch: Watch,
    trace: Option<Arc<Recorder>>,
    deadline: Option<Deadline>,
    progress: Option<Progress>,
    /// The position of the next task.
    position: usize,
    /// The deadline has passed, and was reported.
    over: bool,
}

impl<T: Task, I: Iterator<Item = T>> InPlace<I> {
    pub(crate) fn new(tasks: I, dispatch: Dispatch, progress: Option<Progress>) -> Self {
        let deadline = dispatch.total_timeout.map(Deadline::after);
        let Dispatch { watch, trace, .. } = dispatch;
        Self { tasks, watch, trace, deadline, progress, position: 0, over: false }
    }
}

impl<T: Task, I: Iterator<Item = T>> Iterator for InPlace<I> {
    type Item = Result<T::Output>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        if let Some(Deadline { limit, .. }) = self.deadline.filter(|deadline| deadline.has_passed())
        {
            self.over = true;
            return Some(Err(Error::OutOfTime { limit, done: self.position }));
        }
        let Some(task) = self.tasks.next() else {
            if let Some(trace) = &self.trace {
                trace.finish();
            }
            if let Some(progress) = self.progress.take() {
                progress.finished();
            }
            return None;
        };
        let position = self.position;
        self.position += 1;
        let rules = Rules::from(self.watch);
        let (outcome, span) = match self.trace {
            Some(_) => measured(|| rules.persist(task)),
            None => (rules.persist(task), None),
        };
        if let (Some(trace), Some(span)) = (&self.trace, span) {
            trace.add(1, vec![Bar::new(position, 0, outcome.ending(), span)]);
        }
        let result = match outcome {
            Outcome::Output(output) | Outcome::Error(output) => Ok(output),
            Outcome::Failed(fault) => Err(fault),
            Outcome::Again(_) => unreachable!("`persist` goes on until there is an answer"),
        };
        if let Some(progress) = &self.progress {
            progress.dispatched(1);
            progress.completed(1);
        }
        Some(result.map_err(|fault| error::<T>(position, fault)))
    }
}

fn error<T: Task>(position: usize, fault: impl Into<Fault>) -> Error {
    let function = T::portable().map(|wire| wire.target.name);
    TaskError::new(position, function, fault).into()
}

/// How batches reach the backend.
pub(crate) enum Submit<'scope, 'env, T: Task> {
    /// Tasks that borrow nothing.
    Owned(fn(&dyn Backend, TaskBatch<T, Post<T>>)),
    /// Tasks that borrow, in a scope that waits for them.
    Scoped(&'scope Scope<'scope, 'env>),
}

impl<T: Task + 'static> Submit<'_, '_, T> {
    pub(crate) fn owned() -> Self {
        Self::Owned(submit_owned)
    }
}

/// What the batches of a stream share with it.
pub(crate) struct Shared {
    workers: Workers,
    id: CallId,
    nesting: Nesting,
    batching: Batching,
    watch: Watch,
    trace: Option<Arc<Recorder>>,
    deadline: Option<Deadline>,
    stop: AtomicBool,
    progress: Option<Progress>,
}

impl Shared {
    pub(crate) fn new(
        workers: Workers,
        dispatch: Dispatch,
        progress: Option<Progress>,
    ) -> Arc<Self> {
        let capabilities = workers.backend.capabilities();
        Arc::new(Self {
            id: next_call(),
            nesting: workers.nesting(),
            batching: Batching::new(dispatch.batch_size, capabilities),
            watch: dispatch.watch,
            trace: dispatch.trace,
            deadline: dispatch.total_timeout.map(Deadline::after),
            stop: AtomicBool::new(false),
            progress,
            workers,
        })
    }

    pub(crate) fn id(&self) -> CallId {
        self.id
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.workers.backend
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What a batch tells the stream.
enum Message<T: Task> {
    Outputs(Run<T::Output>),
    Failure(usize, Fault),
    Returned(Tasks<T>),
    Ended,
}

/// The batch's end of the channel.
pub(crate) struct Post<T: Task> {
    shared: Arc<Shared>,
    sender: Sender<Message<T>>,
}

impl<T: Task> Post<T> {
    fn send(&self, message: Message<T>) {
        // A stream that was dropped wants no results.
        if let Err(unread) = self.sender.send(message) {
            drop_quietly(unread);
        }
    }
}

impl<T: Task> Sink<T> for Post<T> {
    fn call(&self) -> CallId {
        self.shared.id
    }

    fn batching(&self) -> &Batching {
        &self.shared.batching
    }

    fn nesting(&self) -> &Nesting {
        &self.shared.nesting
    }

    fn rules(&self) -> Rules<T::Output> {
        self.shared.watch.into()
    }

    fn trace(&self) -> Option<&Recorder> {
        self.shared.trace.as_deref()
    }

    fn stopped(&self) -> bool {
        self.shared.is_stopped()
    }

    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    fn outputs(&self, outputs: Run<T::Output>) {
        self.send(Message::Outputs(outputs));
    }

    fn failure(&self, task: usize, fault: Fault) {
        self.send(Message::Failure(task, fault));
    }

    fn returned(&self, tasks: Tasks<T>) {
        self.send(Message::Returned(tasks));
    }

    fn resized(&self, resized: Resized) {
        if let Some(progress) = &self.shared.progress {
            progress.resized(resized);
        }
    }

    fn ended(&self, tasks: usize) {
        if let Some(progress) = &self.shared.progress {
            progress.completed(tasks);
        }
        self.send(Message::Ended);
    }
}

/// Answers that came before their turn.
enum Early<R> {
    Outputs(Vec<R>),
    Failure(Fault),
}

/// Tasks on a backend, and the results that are not read yet.
///
/// The consumer does everything: it reads the input, submits, and puts results in order. So a slow
/// consumer slows the input down, and the input may stay on the consumer's thread.
pub(crate) struct Window<'scope, 'env, T: Task, I> {
    shared: Arc<Shared>,
    submit: Submit<'scope, 'env, T>,
    /// `None` once it is exhausted.
    input: Option<I>,
    /// How many tasks were read from the input.
    read: usize,
    returned: Vec<Tasks<T>>,
    /// Batches that have not ended.
    under_way: usize,
    /// How many batches may be under way or unread.
    most: usize,
    ordered: bool,
    sender: Sender<Message<T>>,
    receiver: Receiver<Message<T>>,
    early: BTreeMap<usize, Early<T::Output>>,
    now: std::vec::IntoIter<T::Output>,
    /// The position of the next item, if ordered.
    position: usize,
    /// The end was reported.
    over: bool,
}

impl<'scope, 'env, T: Task + 'scope, I: Iterator<Item = T>> Window<'scope, 'env, T, I> {
    /// Starts the first tasks.
    pub(crate) fn open(
        shared: Arc<Shared>,
        submit: Submit<'scope, 'env, T>,
        most: NonZeroUsize,
        ordered: bool,
        input: I,
    ) -> Self {
        let (sender, receiver) = mpsc::channel();
        let mut window = Self {
            shared,
            submit,
            input: Some(input),
            read: 0,
            returned: Vec::new(),
            under_way: 0,
            most: most.get(),
            ordered,
            sender,
            receiver,
            early: BTreeMap::new(),
            now: Vec::new().into_iter(),
            position: 0,
            over: false,
        };
        window.fill();
        window
    }

    /// Submits what came back, and what the window has room for.
    fn fill(&mut self) {
        // Not less room for results that came early: one of these tasks may be what they wait for.
        while self.under_way < self.most {
            let Some(mut tasks) = self.returned.pop() else { break };
            let size = self.shared.batching.size();
            self.returned.extend(std::iter::from_fn(|| tasks.split(size)));
            self.submit(tasks);
        }
        while self.under_way + self.early.len() < self.most {
            let Some(tasks) = self.read() else { return };
            self.submit(tasks);
        }
    }

    fn read(&mut self) -> Option<Tasks<T>> {
        // Taken out while it runs: an input that panics is at its end.
        let mut input = self.input.take()?;
        let size = self.shared.batching.size();
        let items: Vec<T> = input.by_ref().take(size).collect();
        let first = self.read;
        self.read += items.len();
        if let Some(progress) = &self.shared.progress {
            progress.dispatched(items.len());
            if items.len() < size {
                progress.exhausted();
            }
        }
        if items.len() == size {
            self.input = Some(input);
        }
        (!items.is_empty()).then(|| Tasks::new(first, items))
    }

    fn submit(&mut self, tasks: Tasks<T>) {
        let sender = self.sender.clone();
        let batch = TaskBatch::new(tasks, Post { shared: Arc::clone(&self.shared), sender });
        self.under_way += 1;
        match self.submit {
            Submit::Owned(submit) => submit(self.shared.backend(), batch),
            Submit::Scoped(scope) => scope.submit(self.shared.backend(), batch),
        }
    }

    /// Waits for a message of a batch; on a thread of the backend, by running one.
    fn receive(&mut self) {
        let message = loop {
            if let Ok(message) = self.receiver.try_recv() {
                break message;
            }
            if self.shared.backend().help(self.shared.id) {
                continue;
            }
            let left = self.shared.deadline.map_or(Duration::MAX, Deadline::left);
            match self.receiver.recv_timeout(left) {
                Ok(message) => break message,
                Err(_) => return,
            }
        };
        match message {
            Message::Outputs(run) => {
                self.early.insert(run.first, Early::Outputs(run.items));
            }
            Message::Failure(task, fault) => {
                self.early.insert(task, Early::Failure(fault));
            }
            Message::Returned(tasks) => self.returned.push(tasks),
            Message::Ended => self.under_way -= 1,
        }
    }

    /// The error that ends a stream whose time is over, once.
    fn out_of_time(&mut self) -> Option<Error> {
        let Deadline { limit, .. } =
            self.shared.deadline.filter(|deadline| deadline.has_passed())?;
        if self.over || (self.input.is_none() && self.under_way == 0) {
            return None;
        }
        self.abandon();
        Some(Error::OutOfTime { limit, done: self.position })
    }

    /// Wants nothing more of the batches under way.
    fn abandon(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if self.under_way > 0 {
            self.shared.backend().abort(self.shared.id);
        }
        self.over = true;
        self.input = None;
        self.under_way = 0;
        self.returned.clear();
        self.early.clear();
    }

    fn finish(&mut self) {
        let over = std::mem::replace(&mut self.over, true);
        if let Some(trace) = &self.shared.trace {
            trace.finish();
        }
        if let Some(progress) = self.shared.progress.as_ref().filter(|_| !over) {
            progress.finished();
        }
    }

    /// The next answers whose turn it is.
    fn take_early(&mut self) -> Option<(usize, Early<T::Output>)> {
        if self.ordered {
            self.early.remove(&self.position).map(|early| (self.position, early))
        } else {
            self.early.pop_first()
        }
    }
}

impl<'scope, T: Task + 'scope, I: Iterator<Item = T>> Iterator for Window<'scope, '_, T, I> {
    type Item = Result<T::Output>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(output) = self.now.next() {
                self.position += 1;
                return Some(Ok(output));
            }
            if let Some(error) = self.out_of_time() {
                return Some(Err(error));
            }
            self.fill();
            match self.take_early() {
                Some((_, Early::Outputs(outputs))) => self.now = outputs.into_iter(),
                Some((position, Early::Failure(fault))) => {
                    self.position += 1;
                    return Some(Err(error::<T>(position, fault)));
                }
                None if self.under_way > 0 => self.receive(),
                None => {
                    self.finish();
                    return None;
                }
            }
        }
    }
}

impl<T: Task, I> Drop for Window<'_, '_, T, I> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if self.under_way > 0 {
            self.shared.backend().abort(self.shared.id);
        }
        // Batches that are still under way have nothing to add.
        if let Some(trace) = &self.shared.trace {
            trace.finish();
        }
    }
}
