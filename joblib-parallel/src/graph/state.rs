//! How far a computation is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use joblib_backends::{Failure, Keep};

use super::Value;
use super::order::{Order, Step};
use crate::clock::{Deadline, Start};
use crate::dispatch::Dispatch;
use crate::error::Fault;
use crate::panics::attempt;
use crate::progress::Progress;
use crate::sync::{Mutex, into_inner, lock};
use crate::trace::{Bar, Ending, Span, measured};
use crate::watch::{Rules, Verdict};

/// How often a call may come back unbegun; see the batches of ordinary calls.
const MOST_RETURNS: u32 = 100;

/// A call that is due, with the results it needs.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) step: u32,
    pub(super) inputs: Vec<Value>,
    /// How many attempts have failed.
    attempt: u32,
    /// How often it came back unbegun, one after the other.
    returns: u32,
}

/// What became of a call.
pub(super) type Outcome = Result<Value, Failure>;

/// The calls of a computation.
pub(super) struct State<'a> {
    pub(super) steps: Vec<Step>,
    pub(super) dispatch: Dispatch,
    rules: Rules<()>,
    progress: Option<&'a Progress>,
    deadline: Option<Deadline>,
    stop: AtomicBool,
    expired: AtomicBool,
    done: AtomicUsize,
    core: Mutex<Core>,
}

/// What changes as calls end.
struct Core {
    /// Steps whose arguments are there; the last one is next, so that what a call made is used soon.
    ready: Vec<u32>,
    /// Calls that are to be made again.
    again: Vec<Job>,
    /// For each step, how many of its arguments are not there yet.
    missing: Vec<u32>,
    /// For each step, how often its result will still be asked for.
    uses: Vec<u32>,
    /// Results that somebody still needs.
    values: Vec<Option<Value>>,
    /// How many loops or batches are under way.
    under_way: usize,
    failure: Option<(u32, Fault)>,
}

/// What a loop is to do next.
pub(super) struct Turn {
    /// A call to make; without one the loop ends.
    pub(super) job: Option<Job>,
    /// There is work for another loop, which is to be started.
    pub(super) another: bool,
}

impl<'a> State<'a> {
    pub(super) fn new(
        steps: Vec<Step>,
        dispatch: Dispatch,
        progress: Option<&'a Progress>,
    ) -> Self {
        let given: Vec<_> = steps.iter().map(|step| step.vertex.call.given()).collect();
        let to_come = |input: &&u32| given[**input as usize].is_none();
        let missing: Vec<u32> =
            steps.iter().map(|step| step.inputs.iter().filter(to_come).count() as u32).collect();
        let uses = steps.iter().map(|step| step.users.len() as u32 + step.wanted).collect();
        // The first ones are taken first.
        let due = |place: &usize| missing[*place] == 0 && given[*place].is_none();
        let ready = (0..steps.len()).rev().filter(due).map(|place| place as u32).collect();
        let calls = given.iter().filter(|value| value.is_none()).count();
        if let Some(progress) = progress {
            progress.dispatched(calls);
            progress.exhausted();
        }
        Self {
            rules: dispatch.watch.into(),
            deadline: dispatch.total_timeout.map(Deadline::after),
            dispatch,
            progress,
            stop: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            done: AtomicUsize::new(steps.len() - calls),
            core: Mutex::new(Core {
                ready,
                again: Vec::new(),
                missing,
                uses,
                values: given,
                under_way: 0,
                failure: None,
            }),
            steps,
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        if self.stop.load(Relaxed) {
            return true;
        }
        let late = self.deadline.is_some_and(Deadline::has_passed);
        if late {
            self.expired.store(true, Relaxed);
            self.stop.store(true, Relaxed);
        }
        late
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// For a loop: settles the call it has made, and gives it another one if it may `go_on`. Another
    /// loop may be started as long as there are fewer than `most`.
    pub(super) fn turn(&self, made: Option<(Job, Outcome)>, go_on: bool, most: usize) -> Turn {
        let stopped = self.is_stopped();
        let (turn, unused) = {
            let mut core = lock(&self.core);
            let unused = made.and_then(|(job, outcome)| self.settle(&mut core, job, outcome));
            let go_on = go_on && !stopped && core.failure.is_none();
            let job = go_on.then(|| core.next(&self.steps)).flatten();
            if job.is_none() {
                core.under_way -= 1;
            }
            let another = !stopped && core.is_due() && core.under_way < most;
            core.under_way += usize::from(another);
            (Turn { job, another }, unused)
        };
        // A destructor is user code: it runs without the lock.
        drop(unused);
        turn
    }

    /// A loop or a batch begins.
    pub(super) fn begin(&self) {
        lock(&self.core).under_way += 1;
    }

    /// A loop or a batch has ended without a word.
    pub(super) fn end(&self) {
        lock(&self.core).under_way -= 1;
    }

    /// Takes calls for a batch, unless `most` batches are under way: the next one, and up to `size` in
    /// all that are `like` it.
    pub(super) fn cut(
        &self,
        size: usize,
        workers: usize,
        most: usize,
        like: impl Fn(&Step, &Step) -> bool,
    ) -> Vec<Job> {
        if self.is_stopped() {
            return Vec::new();
        }
        let mut core = lock(&self.core);
        if core.under_way >= most || core.failure.is_some() {
            return Vec::new();
        }
        // No worker is to idle because another has it all.
        let size = size.min(core.ready.len().div_ceil(workers));
        let mut jobs: Vec<Job> = core.next(&self.steps).into_iter().collect();
        while let (Some(first), Some(next)) = (jobs.first(), core.ready.last())
            && jobs.len() < size
            && like(&self.steps[first.step as usize], &self.steps[*next as usize])
        {
            jobs.extend(core.next(&self.steps));
        }
        core.under_way += usize::from(!jobs.is_empty());
        jobs
    }

    /// Settles a call that was made elsewhere.
    pub(super) fn answer(&self, job: Job, outcome: Outcome) {
        let unused = self.settle(&mut lock(&self.core), job, outcome);
        drop(unused);
    }

    /// Makes a call, here.
    pub(super) fn make(&self, mut job: Job) -> (Job, Outcome) {
        let watch = self.rules.watch;
        let spare = watch.retries.are_wanted().then(|| job.inputs.clone());
        let inputs = std::mem::replace(&mut job.inputs, spare.unwrap_or_default());
        let call = &self.step(&job).vertex.call;
        let start = watch.timeout.and_then(|_| Start::now());
        let run = || attempt(|| call.run(inputs)).flatten();
        let (outcome, span) = match self.dispatch.trace {
            Some(_) => measured(run),
            None => (run(), None),
        };
        let after = start.map_or(Duration::ZERO, Start::elapsed);
        let late = watch.timeout.is_some_and(|limit| after > limit);
        let outcome = if late { Err(Failure::TimedOut { worker: None, after }) } else { outcome };
        self.record(&job, &outcome, span);
        (job, outcome)
    }

    /// Whether a result is to stay where it is made, if it can: for other calls, so that it need not
    /// travel.
    pub(super) fn keep(&self, job: &Job) -> Keep {
        let step = self.step(job);
        // The time of a traced call travels with its result.
        if step.users.is_empty() || self.dispatch.trace.is_some() {
            Keep::No
        } else if step.wanted == 0 {
            Keep::Yes
        } else {
            Keep::AndSend
        }
    }

    pub(super) fn step(&self, job: &Job) -> &Step {
        &self.steps[job.step as usize]
    }

    /// Draws the bar of an attempt.
    pub(super) fn record(&self, job: &Job, outcome: &Outcome, span: Option<Span>) {
        if let (Some(trace), Some(span)) = (&self.dispatch.trace, span) {
            let ending = if outcome.is_ok() { Ending::Done } else { Ending::Failed };
            trace.add(1, vec![Bar::new(job.step as usize, job.attempt, ending, span)]);
        }
    }

    /// Gives back what is to be dropped.
    fn settle(&self, core: &mut Core, mut job: Job, outcome: Outcome) -> Option<Job> {
        match outcome {
            Ok(value) => {
                core.give(&self.steps, job.step, value);
                self.done.fetch_add(1, Relaxed);
                if let Some(progress) = self.progress {
                    progress.completed(1);
                }
                return Some(job);
            }
            Err(Failure::NotRun) if job.returns < MOST_RETURNS => {
                job.returns += 1;
                core.again.push(job);
            }
            Err(failure) if self.rules.judge_failure(&failure, job.attempt) == Verdict::Retry => {
                (job.attempt, job.returns) = (job.attempt + 1, 0);
                core.again.push(job);
            }
            Err(failure) => {
                self.stop.store(true, Relaxed);
                if core.failure.as_ref().is_none_or(|(step, _)| job.step < *step) {
                    core.failure = Some((job.step, Fault::of_attempt(job.attempt, failure)));
                }
                return Some(job);
            }
        }
        None
    }

    /// How it ended, once nothing is under way: the wanted results, or the step that failed and why.
    pub(super) fn into_results(self, order: &Order) -> Ended {
        let mut core = into_inner(self.core);
        let done = self.done.into_inner();
        if self.expired.into_inner()
            && let Some(deadline) = self.deadline
        {
            return Ended::OutOfTime { limit: deadline.limit, done };
        }
        if let Some((step, fault)) = core.failure {
            let function = self.steps[step as usize].vertex.call.name();
            return Ended::Failed { step, function, fault };
        }
        if done < self.steps.len() {
            let step = core.ready.pop().unwrap_or_default();
            let function = self.steps[step as usize].vertex.call.name();
            return Ended::Failed { step, function, fault: Failure::Lost.into() };
        }
        let results = order.wanted.iter().filter_map(|place| core.take(&self.steps, *place));
        Ended::Done(results.collect())
    }
}

/// How a computation ended.
pub(super) enum Ended {
    /// The results that are wanted.
    Done(Vec<Value>),
    Failed {
        step: u32,
        function: &'static str,
        fault: Fault,
    },
    OutOfTime {
        limit: Duration,
        done: usize,
    },
}

impl Core {
    fn is_due(&self) -> bool {
        self.failure.is_none() && !(self.ready.is_empty() && self.again.is_empty())
    }

    fn next(&mut self, steps: &[Step]) -> Option<Job> {
        if let Some(job) = self.again.pop() {
            return Some(job);
        }
        let step = self.ready.pop()?;
        let inputs = &steps[step as usize].inputs;
        let inputs = inputs.iter().filter_map(|input| self.take(steps, *input)).collect();
        Some(Job { step, inputs, attempt: 0, returns: 0 })
    }

    /// The result of a step, for one of its users. The last one gets the only reference to it.
    fn take(&mut self, steps: &[Step], step: u32) -> Option<Value> {
        let (uses, value) = (&mut self.uses[step as usize], &mut self.values[step as usize]);
        *uses -= 1;
        let taken = if *uses == 0 { value.take() } else { value.clone() };
        if *uses == steps[step as usize].wanted {
            *value = value.take().map(Value::for_the_caller);
        }
        taken
    }

    /// Takes the result of a step in.
    fn give(&mut self, steps: &[Step], step: u32, value: Value) {
        self.values[step as usize] = Some(value);
        for user in &steps[step as usize].users {
            let missing = &mut self.missing[*user as usize];
            *missing -= 1;
            if *missing == 0 {
                self.ready.push(*user);
            }
        }
    }
}
