//! The side process while it runs: batches go in, answers come out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, BufWriter, Write};
use std::num::NonZeroUsize;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::address::Address;
use super::answer::Answer;
use super::frames::{self, Job, News, Order};
use super::script;
use crate::batch::refuse;
use crate::codec;
use crate::processes::remote;
use crate::{Batch, CallId, Error, Failure, Frame, Result};

/// How long an engine may take to be there. Spark takes most of it.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long the side process may take to leave.
const LEAVE_LIMIT: Duration = Duration::from_secs(10);

/// A side process that an engine is reached through.
pub(super) struct Bridge {
    state: Arc<State>,
    orders: Mutex<Option<Sender<Work>>>,
    child: Mutex<Child>,
}

/// For the thread that writes.
enum Work {
    Submit(Box<dyn Batch>),
    Cancel(CallId),
}

/// What both threads and the callers see.
struct State {
    batches: Mutex<Batches>,
    /// Woken when a batch is gone.
    gone: Condvar,
    n_jobs: AtomicUsize,
    /// Whether the engine can stop what runs.
    kill: AtomicBool,
}

#[derive(Default)]
struct Batches {
    under_way: BTreeMap<u64, Box<dyn Batch>>,
    /// Submitted, and not yet written.
    waiting: usize,
    /// Why nothing can be submitted any more.
    closed: Option<String>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Batches> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends everything under way with `why`, for good.
    fn close(&self, why: &str) {
        let mut batches = self.lock();
        batches.closed.get_or_insert_with(|| why.to_owned());
        let lost = std::mem::take(&mut batches.under_way);
        drop(batches);
        for batch in lost.into_values() {
            fail(batch, why);
        }
        self.gone.notify_all();
    }
}

/// Answers every task with the engine's failure.
fn fail(mut batch: Box<dyn Batch>, message: &str) {
    for task in 0..batch.len() {
        batch.reply(task, Err(Failure::Engine { message: message.to_owned() }));
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
        });
        let (ready, greeting) = mpsc::channel();
        let (orders, work) = mpsc::channel();
        let reader = Reader { state: Arc::clone(&state), ready };
        let writer = Writer { state: Arc::clone(&state), output: BufWriter::new(input), next: 0 };
        let spawned = thread::Builder::new()
            .name("joblib-engine-in".into())
            .spawn(move || reader.run(output))
            .and_then(|_| {
                let thread = thread::Builder::new().name("joblib-engine-out".into());
                thread.spawn(move || writer.run(work))
            });
        let bridge = Self { state, orders: Mutex::new(Some(orders)), child: Mutex::new(child) };
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

    pub(super) fn submit(&self, batch: Box<dyn Batch>) {
        let mut batches = self.state.lock();
        if let Some(why) = batches.closed.clone() {
            drop(batches);
            return refuse(batch, &why);
        }
        batches.waiting += 1;
        drop(batches);
        self.order(Work::Submit(batch));
    }

    /// Drops what is under way for `call`, and kills what runs.
    pub(super) fn abort(&self, call: CallId) {
        self.order(Work::Cancel(call));
    }

    fn order(&self, work: Work) {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(mpsc::SendError(Work::Submit(batch)))) =
            orders.as_ref().map(|orders| orders.send(work))
        {
            drop(orders);
            refuse(batch, "the side process of the engine has ended");
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
            batches.under_way.values().map(|batch| batch.call()).collect();
        drop(batches);
        for call in calls {
            self.abort(call);
        }
        self.end(LEAVE_LIMIT);
        self.state.close("the backend was shut down");
    }

    /// Closes the pipe, which ends the side process; kills it if that takes longer than `limit`.
    fn end(&self, limit: Duration) {
        drop(self.orders.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.end(Duration::ZERO);
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
            News::Ready { n_jobs, kill, about } => {
                self.state.kill.store(kill, Relaxed);
                self.set_n_jobs(n_jobs);
                self.ready.send(Ok(about)).ok();
            }
            News::NJobs(n_jobs) => self.set_n_jobs(n_jobs),
            News::Answer { id, bytes } => {
                if let Some(mut batch) = self.batch(id) {
                    match Answer::read(&bytes) {
                        Some(answer) => {
                            show(answer.prints);
                            answer.deliver(&mut *batch);
                        }
                        None => fail(batch, "a worker of the engine gave an answer without sense"),
                    }
                }
            }
            News::Failed { id, message } => {
                if let Some(batch) = self.batch(id) {
                    fail(batch, &message);
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
    fn batch(&self, id: u64) -> Option<Box<dyn Batch>> {
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

/// The thread that writes to the side process.
struct Writer {
    state: Arc<State>,
    output: BufWriter<ChildStdin>,
    next: u64,
}

impl Writer {
    fn run(mut self, work: Receiver<Work>) {
        while let Ok(work) = work.recv() {
            let written = match work {
                Work::Submit(batch) => self.submit(batch),
                Work::Cancel(call) => self.cancel(call),
            };
            if written.is_err() {
                // The reader sees the end, too, and knows more about it.
                break;
            }
        }
        frames::write(&mut self.output, Order::Close, 0, &[]).ok();
    }

    fn submit(&mut self, mut batch: Box<dyn Batch>) -> io::Result<()> {
        let job = match encode(&mut *batch) {
            Ok(job) => job,
            Err(why) => {
                self.state.lock().waiting -= 1;
                refuse(batch, &why);
                self.state.gone.notify_all();
                return Ok(());
            }
        };
        let id = self.next;
        self.next += 1;
        let mut batches = self.state.lock();
        batches.waiting -= 1;
        // Nobody would answer what is submitted after the end.
        if let Some(why) = batches.closed.clone().filter(|_| batches.under_way.is_empty()) {
            drop(batches);
            fail(batch, &why);
            return Ok(());
        }
        batches.under_way.insert(id, batch);
        drop(batches);
        frames::write(&mut self.output, Order::Submit, id, &[&job])
    }

    fn cancel(&mut self, call: CallId) -> io::Result<()> {
        let mut batches = self.state.lock();
        let all = std::mem::take(&mut batches.under_way);
        let (cancelled, rest) = all.into_iter().partition(|(_, batch)| batch.call() == call);
        batches.under_way = rest;
        drop(batches);
        let cancelled: BTreeMap<u64, Box<dyn Batch>> = cancelled;
        let ids: Vec<u8> = cancelled.keys().flat_map(|id| id.to_le_bytes()).collect();
        // Not under the lock: dropping a batch runs the dispatcher.
        drop(cancelled);
        self.state.gone.notify_all();
        if ids.is_empty() {
            return Ok(());
        }
        frames::write(&mut self.output, Order::Cancel, call.0, &[&ids])
    }
}

/// The payload of a batch: what the worker has to know, a record per task, and the mark at the end.
fn encode(batch: &mut dyn Batch) -> Result<Vec<u8>, String> {
    let Some(target) = batch.target() else {
        return Err("a closure cannot leave the process: write the task as a call, \
                    `delayed!(function(arguments))`"
            .into());
    };
    let Some(function) = remote::offset_of(target.call) else {
        return Err(format!(
            "`{}` lies in a shared library, where other machines would not find it",
            target.name
        ));
    };
    let end = remote::end_mark();
    let job = Job {
        function,
        fingerprint: target.fingerprint,
        limit: batch.time_limit().map_or(0, |limit| u64::try_from(limit.as_nanos()).unwrap_or(0)),
        call: batch.call().0,
        end: u32::try_from(end.len()).unwrap_or(0),
    };
    let mut bytes = job.to_bytes().to_vec();
    let mut frame = Frame::default();
    for task in 0..batch.len() {
        frame.clear();
        let encoded = codec::going_far(|| batch.encode(task, &mut frame));
        remote::push_record(&mut bytes, task, encoded.map(|()| frame.as_bytes()));
    }
    bytes.extend(end);
    Ok(bytes)
}
