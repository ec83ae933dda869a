//! Typed tasks that travel together, and what becomes of each.

use std::time::Duration;

use joblib_backends::{CallId, Failure, Frame, Payload, Target};

use crate::Task;
use crate::batching::{Batching, Resized};
use crate::clock::Start;
use crate::context;
use crate::error::Fault;
use crate::panics::{attempt, drop_quietly};
use crate::runs::Run;
use crate::scope::Work;
use crate::trace::{Bar, Ending, Recorder, Span, measured};
use crate::watch::{Outcome, Rules, Verdict};

/// How often a batch may come back without having been begun. A backend whose workers die before
/// their first task would otherwise keep the call busy for ever.
const MOST_RETURNS: u32 = 100;

/// While workers are idle, a batch looks at the clock after so many tasks.
const OFTEN: usize = 8;

/// Where the answers of a batch go. Tells of each task exactly once, then `ended`.
pub(crate) trait Sink<T: Task>: Send {
    fn call(&self) -> CallId;
    fn batching(&self) -> &Batching;
    /// What tasks and the input see when they make parallel calls themselves.
    fn nesting(&self) -> &context::Nesting;
    /// What is to be seen to while tasks run.
    fn rules(&self) -> Rules<T::Output>;
    /// Who draws a picture of the call.
    fn trace(&self) -> Option<&Recorder>;
    /// True when nobody wants answers any more.
    fn stopped(&self) -> bool;
    /// Nobody wants answers any more: there is one that ends the call.
    fn stop(&self);
    /// Workers wait for tasks, and there are none but those of batches under way.
    fn has_idle_workers(&self) -> bool {
        false
    }
    fn outputs(&self, outputs: Run<T::Output>);
    fn failure(&self, task: usize, fault: Fault);
    /// Tasks that were not begun, to be submitted again.
    fn returned(&self, tasks: Tasks<T>);
    /// Batches have another size from now on.
    fn resized(&self, _: Resized) {}
    /// The last word: `tasks` have been answered.
    fn ended(&self, tasks: usize);
}

/// Tasks from position `first` of the input.
pub(crate) struct Tasks<T> {
    pub(crate) run: Run<T>,
    /// How often they came back unbegun, one after the other.
    returns: u32,
    /// How many attempts have failed.
    attempt: u32,
}

impl<T> Tasks<T> {
    pub(crate) fn new(first: usize, items: Vec<T>) -> Self {
        Self { run: Run { first, items }, returns: 0, attempt: 0 }
    }

    /// Takes off the second half of more than `size` tasks: the rest of a batch that turned out slow is
    /// for several workers.
    pub(crate) fn split(&mut self, size: usize) -> Option<Self> {
        let Run { first, items } = &mut self.run;
        if items.len() <= size {
            return None;
        }
        let at = items.len().div_ceil(2).max(size);
        let run = Run { first: *first + at, items: items.split_off(at) };
        Some(Self { run, returns: self.returns, attempt: self.attempt })
    }
}

/// What is known of a task that was shipped.
enum Answer<R> {
    Output(R),
    NotRun,
    Failed,
    /// To be tried again.
    Again,
}

/// A batch: tasks on their way to a backend.
///
/// Whatever the backend does with it (run it, answer some tasks or none, twice or wrongly, drop it
/// anywhere), each task is accounted for once, at the latest when the batch is dropped.
pub(crate) struct TaskBatch<T: Task, S: Sink<T>> {
    tasks: Tasks<T>,
    /// One for each task once the first was shipped and answered.
    answers: Vec<Option<Answer<T::Output>>>,
    submitted: Option<Start>,
    /// What ran when, if somebody draws a picture.
    bars: Vec<Bar>,
    settled: bool,
    sink: S,
}

impl<T: Task, S: Sink<T>> TaskBatch<T, S> {
    pub(crate) fn new(tasks: Tasks<T>, sink: S) -> Self {
        let submitted = T::portable().and_then(|_| sink.batching().start());
        Self { tasks, answers: Vec::new(), submitted, bars: Vec::new(), settled: false, sink }
    }
}

impl<T: Task, S: Sink<T>> Work for TaskBatch<T, S> {
    fn call(&self) -> CallId {
        self.sink.call()
    }

    fn len(&self) -> u32 {
        self.tasks.run.items.len() as u32
    }

    fn target(&self) -> Option<Target> {
        #[cfg(feature = "processes")]
        if self.sink.trace().is_some() {
            return crate::trace::wire::target::<T>();
        }
        T::portable().map(|wire| wire.target)
    }

    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure> {
        match (T::portable(), self.tasks.run.items.get(task as usize)) {
            (Some(wire), Some(task)) => contained(|| (wire.encode)(task, out)),
            _ => Err(Failure::Refused { message: "the task cannot leave the process".into() }),
        }
    }

    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>) {
        let (index, count) = (task as usize, self.tasks.run.items.len());
        if self.answers.is_empty() {
            self.answers.resize_with(count, || None);
        }
        // An answer to another batch's task, or a second one: the first stands.
        let Some(slot @ None) = self.answers.get_mut(index) else {
            log::warn!("a backend answered task {task} of {count} twice or out of turn: ignored");
            return;
        };
        let (answer, span) = match answer {
            Ok(payload) => decoded::<T>(payload, self.sink.trace().is_some()),
            Err(failure) => {
                let span = self.sink.trace().and_then(|_| last_of(&failure));
                (Err(failure), span)
            }
        };
        let (rules, attempt) = (self.sink.rules(), self.tasks.attempt);
        *slot = Some(match answer {
            Ok(output) => match rules.judge(&output, attempt) {
                Verdict::Keep => Answer::Output(output),
                Verdict::KeepAndStop => {
                    self.sink.stop();
                    Answer::Output(output)
                }
                Verdict::Retry => Answer::Again,
            },
            Err(Failure::NotRun) => Answer::NotRun,
            Err(failure) if rules.judge_failure(&failure, attempt) == Verdict::Retry => {
                Answer::Again
            }
            Err(failure) => {
                let fault = Fault::of_attempt(attempt, failure);
                self.sink.failure(self.tasks.run.first + index, fault);
                Answer::Failed
            }
        });
        let ending = match slot {
            Some(Answer::Output(output)) if rules.is_good(output) => Ending::Done,
            Some(Answer::Again) => Ending::Again,
            _ => Ending::Failed,
        };
        let task = self.tasks.run.first + index;
        self.bars.extend(span.map(|span| Bar::new(task, attempt, ending, span)));
    }

    fn time_limit(&self) -> Option<Duration> {
        self.sink.rules().watch.timeout
    }

    fn patience(&self) -> Option<Duration> {
        self.sink.batching().patience()
    }

    /// Runs the tasks here.
    fn run(mut self) {
        self.settled = true;
        let _inside = context::enter(self.sink.nesting());
        let start = self.sink.batching().start();
        let tasks = std::mem::take(&mut self.tasks.run.items).into_iter();
        let rules = self.sink.rules();
        let ran = if rules.ask_nothing() && self.sink.trace().is_none() {
            self.run_blindly(tasks, start)
        } else {
            self.run_watched(tasks, start, &rules)
        };
        self.sink.ended(ran);
    }
}

impl<T: Task, S: Sink<T>> TaskBatch<T, S> {
    /// Runs the tasks as fast as it goes, and says how many were answered.
    fn run_blindly(&self, mut tasks: std::vec::IntoIter<T>, start: Option<Start>) -> usize {
        let (first, size) = (self.tasks.run.first, tasks.len());
        let mut position = first;
        loop {
            let mut outputs = Vec::with_capacity(tasks.len());
            let stretch = attempt(|| self.stretch(&mut tasks, &mut outputs, start));
            let ran = outputs.len();
            if ran > 0 {
                self.sink.outputs(Run { first: position, items: outputs });
            }
            position += ran;
            let Err(failure) = stretch else { break };
            self.fail(position, failure);
            position += 1;
        }
        self.rest(position, tasks);
        let ran = position - first;
        if let Some(start) = start {
            self.learn(size, ran, start.elapsed());
        }
        ran
    }

    /// Runs the tasks and looks at what becomes of each; says how many were answered.
    fn run_watched(
        &self,
        mut tasks: std::vec::IntoIter<T>,
        start: Option<Start>,
        rules: &Rules<T::Output>,
    ) -> usize {
        let (first, size) = (self.tasks.run.first, tasks.len());
        let mut outputs = Run::empty();
        let (mut position, mut again) = (first, 0);
        let (trace, mut bars) = (self.sink.trace(), Vec::new());
        while !self.sink.stopped() {
            let Some(task) = tasks.next() else { break };
            let attempt = self.tasks.attempt;
            let (outcome, span) = match trace {
                Some(_) => measured(|| rules.attempt(task, attempt)),
                None => (rules.attempt(task, attempt), None),
            };
            bars.extend(span.map(|span| Bar::new(position, attempt, outcome.ending(), span)));
            let output = match outcome {
                Outcome::Output(output) => Some(output),
                Outcome::Error(output) => {
                    self.sink.stop();
                    Some(output)
                }
                Outcome::Failed(fault) => {
                    self.sink.failure(position, fault);
                    None
                }
                Outcome::Again(task) => {
                    again += 1;
                    self.try_again(position, task);
                    None
                }
            };
            if let Some(run) = output.and_then(|output| outputs.push(position, output)) {
                self.sink.outputs(run);
            }
            position += 1;
            if self.is_slow(start) {
                break;
            }
        }
        if !outputs.items.is_empty() {
            self.sink.outputs(outputs);
        }
        if let Some(trace) = trace {
            trace.add(position - first, bars);
        }
        self.rest(position, tasks);
        let ran = position - first;
        if let Some(start) = start {
            self.learn(size, ran, start.elapsed());
        }
        ran - again
    }

    fn fail(&self, position: usize, failure: Failure) {
        self.sink.failure(position, Fault::of_attempt(self.tasks.attempt, failure));
    }

    /// Hands back a task whose attempt has failed, in a batch of its own.
    fn try_again(&self, position: usize, task: T) {
        let run = Run { first: position, items: vec![task] };
        self.sink.returned(Tasks { run, returns: 0, attempt: self.tasks.attempt + 1 });
    }

    /// Runs tasks until one panics, nobody wants them any more, or the batch turns out slow: then
    /// it ends early, for others to take its rest.
    fn stretch(
        &self,
        tasks: &mut std::vec::IntoIter<T>,
        outputs: &mut Vec<T::Output>,
        start: Option<Start>,
    ) {
        let mut look = 1;
        while !self.sink.stopped() {
            let Some(task) = tasks.next() else { return };
            outputs.push(task.run());
            // Looking at the clock costs more than a tiny task.
            let waited_for = outputs.len() % OFTEN == 0 && self.sink.has_idle_workers();
            if outputs.len() == look {
                look = (2 * look).min(look + 64);
            } else if !waited_for {
                continue;
            }
            if self.is_slow(start) {
                return;
            }
        }
    }

    /// Whether the batch, which began at `start`, should hand back its rest.
    fn is_slow(&self, start: Option<Start>) -> bool {
        let idle = self.sink.has_idle_workers();
        start.is_some_and(|start| self.sink.batching().is_slow(start.elapsed(), idle))
    }

    /// Hands back the tasks from `first` on, or drops them if nobody wants their results.
    fn rest(&self, first: usize, tasks: std::vec::IntoIter<T>) {
        if self.sink.stopped() {
            tasks.for_each(drop_quietly);
        } else if tasks.len() > 0 {
            let run = Run { first, items: tasks.collect() };
            self.sink.returned(Tasks { run, returns: 0, attempt: self.tasks.attempt });
        }
    }

    /// Accounts for every task of a batch that was shipped, or dropped.
    fn settle(&mut self) {
        let first = self.tasks.run.first;
        let tasks = std::mem::take(&mut self.tasks.run.items);
        if let Some(trace) = self.sink.trace() {
            let mut bars = std::mem::take(&mut self.bars);
            bars.sort_by_key(|bar| bar.span.start);
            trace.add(tasks.len(), bars);
        }
        let mut answers = std::mem::take(&mut self.answers);
        answers.resize_with(tasks.len(), || None);
        let count = tasks.len();
        let mut outputs = Run { first, items: Vec::with_capacity(count) };
        let mut returned = Run::empty();
        let mut answered = count;
        for (position, (task, answer)) in (first..).zip(tasks.into_iter().zip(answers)) {
            match answer {
                Some(Answer::Output(output)) => {
                    if let Some(run) = outputs.push(position, output) {
                        self.sink.outputs(run);
                    }
                }
                Some(Answer::NotRun) if self.tasks.returns < MOST_RETURNS => {
                    answered -= 1;
                    if let Some(run) = returned.push(position, task) {
                        self.give_back(run);
                    }
                    continue;
                }
                Some(Answer::NotRun) => self.fail(position, Failure::NotRun),
                Some(Answer::Again) => {
                    answered -= 1;
                    self.try_again(position, task);
                    continue;
                }
                Some(Answer::Failed) => {}
                None if self.sink.stopped() => answered -= 1,
                None => self.fail(position, Failure::Lost),
            }
            drop_quietly(task);
        }
        if !outputs.items.is_empty() {
            self.sink.outputs(outputs);
        }
        if !returned.items.is_empty() {
            self.give_back(returned);
        }
        // One that was ended early was slow, too. Of others that came back in part nothing is known.
        let slow = |submitted: &Start| self.sink.batching().is_slow(submitted.elapsed(), true);
        if let Some(submitted) = self.submitted.filter(|start| answered == count || slow(start)) {
            self.learn(count, answered, submitted.elapsed());
        }
        self.sink.ended(answered);
    }

    /// Has the size of the next batches learn from this one.
    fn learn(&self, size: usize, ran: usize, elapsed: Duration) {
        if let Some(to) = self.sink.batching().observe(size, ran, elapsed) {
            self.sink.resized(Resized { from: size, to, because: elapsed });
        }
    }

    fn give_back(&self, run: Run<T>) {
        let Tasks { returns, attempt, .. } = self.tasks;
        self.sink.returned(Tasks { run, returns: returns + 1, attempt });
    }
}

/// Reads the answer of a task that was shipped, and when it ran if that was asked for.
fn decoded<T: Task>(
    mut payload: Payload<'_>,
    traced: bool,
) -> (Result<T::Output, Failure>, Option<Span>) {
    #[cfg(feature = "processes")]
    if traced {
        return crate::trace::wire::read::<T>(&mut payload);
    }
    let _ = traced;
    let output = match T::portable() {
        Some(wire) => contained(|| (wire.decode)(&mut payload)),
        None => Err(Failure::Lost),
    };
    (output, None)
}

/// The last moments of a worker that died at a task.
fn last_of(failure: &Failure) -> Option<Span> {
    match failure {
        Failure::WorkerDied { worker, after, peak_memory, .. } => {
            Some(Span::of_the_dead(*worker, after.as_nanos() as u64, *peak_memory))
        }
        Failure::TimedOut { worker: Some(worker), after } => {
            Some(Span::of_the_dead(*worker, after.as_nanos() as u64, 0))
        }
        _ => None,
    }
}

/// Keeps a panic of the user's serializers out of the backend's threads.
fn contained<R>(codec: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    attempt(codec).flatten()
}

impl<T: Task, S: Sink<T>> Drop for TaskBatch<T, S> {
    fn drop(&mut self) {
        if !self.settled {
            self.settled = true;
            // We are in the backend's code: the input must not start parallel calls that wait for
            // this very thread.
            let _inside = context::enter(&context::Nesting::sequential());
            self.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::task::{Delayed, delayed};
    use crate::watch::Watch;

    /// Writes down what it is told.
    struct Recorder {
        batching: Batching,
        nesting: context::Nesting,
        idle_workers: bool,
        told: RefCell<Vec<String>>,
    }

    impl Recorder {
        fn new(fixed: Option<usize>) -> Self {
            Self {
                batching: Batching::new(
                    fixed.and_then(std::num::NonZeroUsize::new),
                    joblib_backends::Capabilities::of_threads(),
                ),
                nesting: context::Nesting::sequential(),
                idle_workers: false,
                told: RefCell::default(),
            }
        }

        fn tell(&self, what: String) {
            self.told.borrow_mut().push(what);
        }
    }

    impl<F: FnOnce() -> u32 + Send> Sink<Delayed<F>> for &mut Recorder {
        fn call(&self) -> CallId {
            CallId(0)
        }
        fn batching(&self) -> &Batching {
            &self.batching
        }
        fn nesting(&self) -> &context::Nesting {
            &self.nesting
        }
        fn rules(&self) -> Rules<u32> {
            Watch::default().into()
        }
        fn trace(&self) -> Option<&crate::trace::Recorder> {
            None
        }
        fn stopped(&self) -> bool {
            false
        }
        fn stop(&self) {
            self.tell("stop".into());
        }
        fn has_idle_workers(&self) -> bool {
            self.idle_workers
        }
        fn outputs(&self, outputs: Run<u32>) {
            self.tell(format!("{}: {:?}", outputs.first, outputs.items));
        }
        fn failure(&self, task: usize, Fault { failure, .. }: Fault) {
            self.tell(format!("{task}: {failure:?}"));
        }
        fn returned(&self, tasks: Tasks<Delayed<F>>) {
            self.tell(format!("{}: {} back", tasks.run.first, tasks.run.items.len()));
        }
        fn ended(&self, tasks: usize) {
            self.tell(format!("{tasks} ended"));
        }
    }

    fn told<F: FnOnce() -> u32 + Send>(
        fixed: Option<usize>,
        first: usize,
        tasks: Vec<Delayed<F>>,
        act: impl FnOnce(TaskBatch<Delayed<F>, &mut Recorder>),
    ) -> Vec<String> {
        let mut recorder = Recorder::new(fixed);
        act(TaskBatch::new(Tasks::new(first, tasks), &mut recorder));
        recorder.told.into_inner()
    }

    #[test]
    fn a_batch_that_turns_out_slow_hands_back_its_rest() {
        let slow = || {
            (0..50_u32)
                .map(|i| {
                    delayed(move || {
                        sleep(Duration::from_millis(u64::from(i == 0)));
                        i
                    })
                })
                .collect()
        };
        let automatic = told(None, 10, slow(), |batch| batch.run());
        assert_eq!(automatic, ["10: [0]", "11: 49 back", "1 ended"]);
        let fixed = told(Some(50), 10, slow(), |batch| batch.run());
        assert_eq!(fixed.last().unwrap(), "50 ended");
    }

    #[test]
    fn a_batch_that_others_wait_for_looks_at_the_clock_often() {
        let tasks: Vec<_> = (0..40_u32)
            .map(|i| {
                delayed(move || {
                    sleep(Duration::from_millis(if i == 17 { 2 } else { 0 }));
                    i
                })
            })
            .collect();
        let mut recorder = Recorder::new(None);
        recorder.idle_workers = true;
        TaskBatch::new(Tasks::new(0, tasks), &mut recorder).run();
        let told = recorder.told.into_inner();
        let ran = told.last().and_then(|told| told.split(' ').next()?.parse().ok());
        // It may have been late before.
        assert!(ran.is_some_and(|ran: usize| (1..=24).contains(&ran)), "{told:?}");
    }

    #[test]
    fn what_comes_back_is_split() {
        let mut tasks = Tasks::new(10, vec!['a', 'b', 'c']);
        let rest = tasks.split(2).map(|rest| rest.run);
        assert_eq!((tasks.run.first, &*tasks.run.items), (10, &['a', 'b'][..]));
        assert_eq!(rest.map(|run| (run.first, run.items)), Some((12, vec!['c'])));
        assert!(tasks.split(2).is_none());
    }

    #[test]
    fn a_panic_splits_the_results() {
        let tasks = (0..4_u32).map(|i| delayed(move || 12 / (i % 2) + i)).collect();
        let panic = "Panic { message: \"attempt to divide by zero\" }";
        let failed = |task| format!("{task}: {panic}");
        assert_eq!(
            told(Some(4), 6, tasks, |batch| batch.run()),
            [failed(6), "7: [13]".into(), failed(8), "9: [15]".into(), "4 ended".into()]
        );
    }

    #[test]
    fn a_dropped_batch_accounts_for_every_task() {
        let tasks = || (0..2_u32).map(|i| delayed(move || i)).collect();
        assert_eq!(told(None, 3, tasks(), |batch| drop(batch)), ["3: Lost", "4: Lost", "2 ended"]);
        let returned = told(None, 3, tasks(), |mut batch| {
            batch.reply(1, Err(Failure::NotRun));
            batch.reply(0, Err(Failure::Refused { message: "no".into() }));
        });
        assert_eq!(returned, ["3: Refused { message: \"no\" }", "4: 1 back", "1 ended"]);
    }
}
