//! The batches the properties send, and the ledger in which they are settled.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{LIMIT, gate};
use crate::{Backend, Batch, CallId, Failure, Frame, Keep, Kept, Payload, Target};

/// What one task does.
pub(super) enum Act {
    /// Returns these bytes.
    Echo(Vec<u8>),
    /// Returns these results, which the backend keeps, one after the other.
    Join(Vec<Kept>),
    /// Panics with this message.
    Panic(String),
    /// Waits at the gate with this port, and returns nothing.
    Visit(u16),
    /// Ends the process with this code. Only for workers that are processes.
    Exit(i32),
    /// Cannot be encoded, for this reason.
    Stuck(String),
    /// Runs a closure of this process.
    Local(Option<Box<dyn FnOnce() + Send>>),
}

impl Act {
    pub(super) fn local(act: impl FnOnce() + Send + 'static) -> Self {
        Act::Local(Some(Box::new(act)))
    }

    fn run(&mut self) -> Vec<u8> {
        match self {
            Act::Echo(bytes) => return std::mem::take(bytes),
            Act::Panic(message) => std::panic::panic_any(message.clone()),
            Act::Visit(port) => gate::visit(*port),
            Act::Exit(code) => std::process::exit(*code),
            Act::Stuck(_) | Act::Join(_) => {}
            Act::Local(act) => act.take().into_iter().for_each(|act| act()),
        }
        Vec::new()
    }

    fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        let (tag, bytes) = match self {
            Act::Echo(bytes) => (0, bytes.clone()),
            Act::Panic(message) => (1, message.clone().into_bytes()),
            Act::Visit(port) => (2, port.to_le_bytes().to_vec()),
            Act::Exit(code) => (3, code.to_le_bytes().to_vec()),
            Act::Stuck(message) => return Err(Failure::Codec { message: message.clone() }),
            Act::Join(_) => (0, Vec::new()),
            Act::Local(_) => return Err(Failure::Codec { message: "not portable".into() }),
        };
        Ok([&[tag], &bytes[..]].concat())
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let (tag, bytes) = bytes.split_first().unwrap();
        match tag {
            0 => Act::Echo(bytes.to_vec()),
            1 => Act::Panic(String::from_utf8(bytes.to_vec()).unwrap()),
            2 => Act::Visit(u16::from_le_bytes(bytes.try_into().unwrap())),
            3 => Act::Exit(i32::from_le_bytes(bytes.try_into().unwrap())),
            tag => panic!("no act has the tag {tag}"),
        }
    }
}

const FINGERPRINT: u64 = 0x6a6f_626c_6962;

/// The function of all trials in a worker.
fn act(fingerprint: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    assert_eq!(fingerprint, FINGERPRINT, "the fingerprint did not travel");
    let result = Act::from_bytes(input.as_bytes()).run();
    out.bytes.extend_from_slice(&result);
    Ok(())
}

/// A batch whose fate is written into a ledger.
struct Trial {
    call: CallId,
    number: usize,
    acts: Vec<Act>,
    ledger: Arc<Ledger>,
    extras: Extras,
}

/// What few batches have.
#[derive(Default)]
pub(super) struct Extras {
    /// How long each task may take.
    pub(super) limit: Option<Duration>,
    /// What becomes of the results, task by task; those that are not named do not stay.
    pub(super) keep: Vec<Keep>,
    /// Run when the batch is dropped.
    pub(super) then: Option<Box<dyn FnOnce() + Send>>,
}

impl Batch for Trial {
    fn call(&self) -> CallId {
        self.call
    }

    fn len(&self) -> u32 {
        self.acts.len() as u32
    }

    fn target(&self) -> Option<Target> {
        let portable = !self.acts.iter().any(|act| matches!(act, Act::Local(_)));
        let target = Target { call: act, fingerprint: FINGERPRINT, name: "conformance::act" };
        portable.then_some(target)
    }

    fn time_limit(&self) -> Option<Duration> {
        self.extras.limit
    }

    fn keep(&self, task: u32) -> Keep {
        self.extras.keep.get(task as usize).copied().unwrap_or_default()
    }

    fn run(mut self: Box<Self>) {
        for task in 0..self.len() {
            let act = &mut self.acts[task as usize];
            let answer = catch_unwind(AssertUnwindSafe(|| act.run()))
                .map_err(|panic| Failure::Panic { message: text_of(&*panic) });
            self.ledger.answer(self.number, task, answer);
        }
    }

    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure> {
        let act = &self.acts[task as usize];
        out.bytes.extend_from_slice(&act.to_bytes()?);
        if let Act::Join(results) = act {
            results.iter().for_each(|kept| out.write_kept(kept));
        }
        Ok(())
    }

    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>) {
        assert!(task < self.len(), "an answer for task {task} of {}", self.len());
        let answer = answer.map(|mut payload| {
            if let Some(kept) = payload.take_kept() {
                self.ledger.lock().kept.insert((self.number, task), kept);
            }
            payload.as_bytes().to_vec()
        });
        self.ledger.answer(self.number, task, answer);
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Some(then) = self.extras.then.take() {
            then();
        }
        self.ledger.drop_batch(self.number, self.len());
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// An answer as the ledger keeps it.
pub(super) type Answer = Result<Vec<u8>, Failure>;

/// What has become of the batches of one call.
pub(super) struct Ledger {
    call: CallId,
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Default)]
struct State {
    sent: usize,
    dropped: usize,
    answers: BTreeMap<(usize, u32), Answer>,
    twice: Vec<(usize, u32)>,
    kept: BTreeMap<(usize, u32), Kept>,
}

impl Ledger {
    /// The ledger of a call of its own.
    pub(super) fn new() -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1 << 40);
        let call = CallId(NEXT.fetch_add(1, Relaxed));
        Arc::new(Self { call, state: Mutex::default(), settled: Condvar::new() })
    }

    pub(super) fn call(&self) -> CallId {
        self.call
    }

    /// Submits a batch; the number is its place in the ledger.
    pub(super) fn submit(self: &Arc<Self>, backend: &dyn Backend, acts: Vec<Act>) -> usize {
        self.submit_with(backend, acts, Extras::default())
    }

    /// Submits a batch with extras.
    pub(super) fn submit_with(
        self: &Arc<Self>,
        backend: &dyn Backend,
        acts: Vec<Act>,
        extras: Extras,
    ) -> usize {
        let number = {
            let mut state = self.lock();
            state.sent += 1;
            state.sent - 1
        };
        let ledger = Arc::clone(self);
        backend.submit(Box::new(Trial { call: self.call, number, acts, ledger, extras }));
        number
    }

    /// A property that fails while it looks leaves a whole state behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, batch: usize, task: u32, answer: Answer) {
        let mut state = self.lock();
        if state.answers.insert((batch, task), answer).is_some() {
            state.twice.push((batch, task));
        }
    }

    /// A batch of `len` tasks is gone; what was not answered is lost.
    fn drop_batch(&self, batch: usize, len: u32) {
        let mut state = self.lock();
        for task in 0..len {
            state.answers.entry((batch, task)).or_insert(Err(Failure::Lost));
        }
        state.dropped += 1;
        drop(state);
        self.settled.notify_all();
    }

    /// The results that stayed, in the order of batches and tasks.
    pub(super) fn take_kept(&self) -> Vec<Kept> {
        std::mem::take(&mut self.lock().kept).into_values().collect()
    }

    /// Whether a task has failed so far.
    pub(super) fn has_failed(&self) -> bool {
        self.lock().answers.values().any(Result::is_err)
    }

    /// Waits until every batch was dropped, and says what was answered.
    pub(super) fn settle(&self) -> BTreeMap<(usize, u32), Answer> {
        let (mut state, timeout) = self
            .settled
            .wait_timeout_while(self.lock(), LIMIT, |state| state.dropped < state.sent)
            .unwrap_or_else(PoisonError::into_inner);
        let kept = state.sent - state.dropped;
        assert!(!timeout.timed_out(), "the backend keeps {kept} of {} batches", state.sent);
        assert!(state.twice.is_empty(), "answered twice (batch, task): {:?}", state.twice);
        std::mem::take(&mut state.answers)
    }

    /// Waits until every batch was dropped; the number of tasks, all of which must have succeeded.
    pub(super) fn settle_well(&self) -> usize {
        let answers = self.settle();
        let failed: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_err()).collect();
        assert!(failed.is_empty(), "(batch, task), answer: {failed:?}");
        answers.len()
    }

    /// Waits until every batch was dropped; the answers of batch `batch`, task by task.
    pub(super) fn settle_batch(&self, batch: usize) -> Vec<Answer> {
        let answers = self.settle().into_iter();
        answers.filter(|((number, _), _)| *number == batch).map(|(_, answer)| answer).collect()
    }
}
