//! The side process while it runs: batches go in, answers come out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Write};
use std::num::NonZeroUsize;
use std::process::{Child, ChildStdout};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::address::Address;
use super::answer::Answer;
use super::frames::{self, News};
use super::script;
use super::writer::{Orders, Pipe, Work, Writer, lock};
use crate::batch::refuse;
use crate::scatter::{Blob, Call};
use crate::{Batch, CallId, Error, Failure, Result};

/// How long an engine may take to be there. Spark takes most of it.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long the side process may take to leave.
const LEAVE_LIMIT: Duration = Duration::from_secs(30);

/// A side process that an engine is reached through.
pub(super) struct Bridge {
    state: Arc<State>,
    orders: Arc<Orders>,
    child: Mutex<Child>,
}

/// What both threads and the callers see.
pub(super) struct State {
    batches: Mutex<Batches>,
    /// Woken when a batch is gone.
    pub(super) gone: Condvar,
    n_jobs: AtomicUsize,
    /// Whether the engine can stop what runs.
    kill: AtomicBool,
    /// Whether the engine can keep results.
    keep: AtomicBool,
}

#[derive(Default)]
pub(super) struct Batches {
    pub(super) under_way: BTreeMap<u64, Flight>,
    /// Submitted, and not yet written.
    pub(super) waiting: usize,
    /// Why nothing can be submitted any more.
    pub(super) closed: Option<String>,
    /// Those that have batches.
    calls: BTreeMap<CallId, Weak<Call>>,
}

impl Batches {
    /// What the call has on the engine.
    fn call(&mut self, id: CallId) -> Arc<Call> {
        if let Some(call) = self.calls.get(&id).and_then(Weak::upgrade) {
            return call;
        }
        self.calls.retain(|_, call| call.strong_count() > 0);
        let call = Arc::default();
        self.calls.insert(id, Arc::downgrade(&call));
        call
    }
}

/// A batch on its way. It goes first: when it is dropped, the next one of the call may come, for
/// which the engine still has what this one used.
pub(super) struct Flight {
    pub(super) batch: Box<dyn Batch>,
    pub(super) call: Arc<Call>,
    /// What its arguments refer to.
    pub(super) blobs: Vec<Arc<Blob>>,
    /// What the engine keeps of its results.
    pub(super) results: Option<Arc<Blob>>,
}

impl Flight {
    /// Answers every task with the engine's failure.
    pub(super) fn fail(mut self, message: &str) {
        for task in 0..self.batch.len() {
            self.batch.reply(task, Err(Failure::Engine { message: message.to_owned() }));
        }
    }

    /// Answers every task with a refusal.
    pub(super) fn refuse(self, why: &str) {
        refuse(self.batch, why);
    }
}

impl State {
    pub(super) fn lock(&self) -> MutexGuard<'_, Batches> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the engine can keep results.
    pub(super) fn can_keep(&self) -> bool {
        self.keep.load(Relaxed)
    }

    /// Ends everything under way with `why`, for good.
    fn close(&self, why: &str) {
        let mut batches = self.lock();
        batches.closed.get_or_insert_with(|| why.to_owned());
        let lost = std::mem::take(&mut batches.under_way);
        drop(batches);
        for flight in lost.into_values() {
            flight.fail(why);
        }
        self.gone.notify_all();
    }

    /// Takes out what is under way for `call`.
    pub(super) fn take_call(&self, call: CallId) -> BTreeMap<u64, Flight> {
        let mut batches = self.lock();
        let all = std::mem::take(&mut batches.under_way);
        let (taken, rest) = all.into_iter().partition(|(_, flight)| flight.batch.call() == call);
        batches.under_way = rest;
        taken
    }
}

impl Bridge {
    /// Starts the side process and waits until the engine is there.
    pub(super) fn start(address: &Address) -> Result<Self> {
        let failed = |source| Error::Engine { address: address.text.clone(), source };
        let mut child = script::start(address).map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("the side process has no pipes".into()));
        };
        let state = Arc::new(State {
            batches: Mutex::default(),
            gone: Condvar::new(),
            n_jobs: AtomicUsize::new(1),
            kill: AtomicBool::new(false),
            keep: AtomicBool::new(false),
        });
        let (ready, greeting) = mpsc::channel();
        let (orders, work) = mpsc::channel();
        let reader = Reader { state: Arc::clone(&state), ready };
        let orders = Arc::new(Mutex::new(Some(orders)));
        let writer = Writer::new(Arc::clone(&state), Pipe::new(input, &orders));
        let spawned = thread::Builder::new()
            .name("joblib-engine-in".into())
            .spawn(move || reader.run(output))
            .and_then(|_| {
                let thread = thread::Builder::new().name("joblib-engine-out".into());
                thread.spawn(move || writer.run(work))
            });
        let bridge = Self { state, orders, child: Mutex::new(child) };
        spawned.map_err(|error| failed(error.into()))?;
        let about = await_greeting(&greeting).map_err(|why| failed(why.into()))?;
        log::info!("{}: {about}, {} workers", address.text, bridge.n_jobs());
        Ok(bridge)
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.lock().closed.is_none()
    }

    /// The number of workers the engine has now.
    pub(super) fn n_jobs(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.state.n_jobs.load(Relaxed)).unwrap_or(NonZeroUsize::MIN)
    }

    /// Whether the engine can stop what runs.
    pub(super) fn can_kill(&self) -> bool {
        self.state.kill.load(Relaxed)
    }

    /// Whether the engine can keep results.
    pub(super) fn can_keep(&self) -> bool {
        self.state.can_keep()
    }

    pub(super) fn submit(&self, batch: Box<dyn Batch>) {
        let mut batches = self.state.lock();
        if let Some(why) = batches.closed.clone() {
            drop(batches);
            return refuse(batch, &why);
        }
        batches.waiting += 1;
        let call = batches.call(batch.call());
        drop(batches);
        self.order(Work::Submit(Flight { batch, call, blobs: Vec::new(), results: None }));
    }

    /// Drops what is under way for `call`, and kills what runs.
    pub(super) fn abort(&self, call: CallId) {
        self.order(Work::Cancel(call));
    }

    fn order(&self, work: Work) {
        let sent = lock(&self.orders).as_ref().map(|orders| orders.send(work));
        if let Some(Err(mpsc::SendError(Work::Submit(flight)))) = sent {
            flight.refuse("the side process of the engine has ended");
        }
    }

    /// Takes nothing more, waits up to `grace`, cancels what is left, and ends the side process.
    pub(super) fn shutdown(&self, grace: Duration) {
        let mut batches = self.state.lock();
        batches.closed.get_or_insert_with(|| "the backend was shut down".to_owned());
        let end = Instant::now() + grace;
        while !batches.under_way.is_empty() || batches.waiting > 0 {
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.state.gone.wait_timeout(batches, left);
            batches = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let calls: BTreeSet<CallId> =
            batches.under_way.values().map(|flight| flight.batch.call()).collect();
        drop(batches);
        for call in calls {
            self.abort(call);
        }
        self.end(LEAVE_LIMIT);
        self.state.close("the backend was shut down");
    }

    /// Closes the pipe, which ends the side process; kills it if that takes longer than `limit`.
    fn end(&self, limit: Duration) {
        drop(lock(&self.orders).take());
        let mut child = lock(&self.child);
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        child.kill().ok();
        child.wait().ok();
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // What runs has to be stopped.
        let is_idle = self.state.lock().under_way.is_empty();
        self.end(if is_idle { Duration::ZERO } else { LEAVE_LIMIT });
        self.state.close("the backend was dropped");
    }
}

fn await_greeting(greeting: &Receiver<Result<String, String>>) -> Result<String, String> {
    match greeting.recv_timeout(START_LIMIT) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(format!("no answer within {START_LIMIT:?}")),
        Err(RecvTimeoutError::Disconnected) => {
            Err("the side process ended before the engine was there; what it said is above".into())
        }
    }
}

/// The thread that reads what the side process says.
struct Reader {
    state: Arc<State>,
    ready: Sender<Result<String, String>>,
}

impl Reader {
    fn run(self, source: ChildStdout) {
        let mut source = BufReader::with_capacity(1 << 16, source);
        let why = loop {
            match frames::read(&mut source) {
                Ok(Some(News::Broken { message })) => break message,
                Ok(Some(news)) => self.take(news),
                Ok(None) => break "the side process of the engine has ended".to_owned(),
                Err(error) => break format!("the side process of the engine failed: {error}"),
            }
        };
        self.ready.send(Err(why.clone())).ok();
        self.state.close(&why);
    }

    fn take(&self, news: News) {
        match news {
            News::Ready { n_jobs, kill, keep, about } => {
                self.state.kill.store(kill, Relaxed);
                self.state.keep.store(keep, Relaxed);
                self.set_n_jobs(n_jobs);
                self.ready.send(Ok(about)).ok();
            }
            News::NJobs(n_jobs) => self.set_n_jobs(n_jobs),
            News::Answer { id, bytes } => {
                if let Some(mut flight) = self.flight(id) {
                    match Answer::read(&bytes) {
                        Some(answer) => {
                            show(answer.prints);
                            answer.deliver(&mut *flight.batch, flight.results.as_ref());
                        }
                        None => flight.fail("a worker of the engine gave an answer without sense"),
                    }
                }
            }
            News::Failed { id, message } => {
                if let Some(flight) = self.flight(id) {
                    flight.fail(&message);
                }
            }
            News::Broken { .. } => unreachable!("handled by the caller"),
        }
        self.state.gone.notify_all();
    }

    fn set_n_jobs(&self, n_jobs: u64) {
        self.state.n_jobs.store(usize::try_from(n_jobs).unwrap_or(usize::MAX), Relaxed);
    }

    /// The batch that is answered; `None` if it was cancelled.
    fn flight(&self, id: u64) -> Option<Flight> {
        self.state.lock().under_way.remove(&id)
    }
}

/// Prints what tasks printed elsewhere.
fn show([out, err]: [&[u8]; 2]) {
    if !out.is_empty() {
        let mut stdout = io::stdout().lock();
        stdout.write_all(out).and_then(|()| stdout.flush()).ok();
    }
    if !err.is_empty() {
        io::stderr().lock().write_all(err).ok();
    }
}
