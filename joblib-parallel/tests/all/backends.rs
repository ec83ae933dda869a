use std::fmt::{self, Debug};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use joblib_backends::{
    Backend, Batch, CallId, Capabilities, Failure, Frame, Keep, Kept, NJobs, Payload, Result,
};

/// What a [`Scripted`] backend does with a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(not(feature = "processes"), expect(dead_code, reason = "nothing is shipped"))]
pub(crate) enum Does {
    /// Runs it inside `submit`.
    RunNow,
    /// Runs it on a thread of its own.
    RunLater,
    /// Drops it inside `submit`.
    Drop,
    /// Drops it on another thread.
    DropLater,
    /// Ships its tasks and answers them, as a backend with worker processes does.
    Ship,
    /// As `Ship`, the last task first.
    ShipBackwards,
    /// As `Ship`, each answer twice, and answers to tasks that do not exist.
    ShipTwice,
    /// As `Ship`, but answers only the first task.
    ShipFirst,
    /// As `Ship`, but the first batches come back unbegun.
    ShipAfterReturns,
    /// As `Ship`, but every second task of a batch comes back unbegun.
    ShipEverySecond,
    /// As `Ship`, but keeps the results that may stay.
    Keep,
    /// Gives every batch back, always.
    Return,
    /// Answers every task with bytes that are no result.
    Garbage,
}

/// A backend that does one thing with every batch.
#[derive(Debug)]
pub(crate) struct Scripted {
    does: Does,
    submitted: AtomicUsize,
    /// How many bytes results had that came to the caller.
    pub(crate) sent: Arc<AtomicUsize>,
    /// Stands for each result that stays.
    pub(crate) kept: Arc<()>,
}

impl Scripted {
    pub(crate) fn new(does: Does) -> Arc<Self> {
        let (sent, kept) = (Arc::default(), Arc::default());
        Arc::new(Self { does, submitted: AtomicUsize::new(0), sent, kept })
    }

    fn ships(&self) -> bool {
        use Does::*;
        !matches!(self.does, RunNow | RunLater | Drop | DropLater)
    }
}

impl Backend for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.shared_memory = !self.ships();
        capabilities.keeps_results = self.does == Does::Keep;
        capabilities
    }

    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        requested.resolve(NonZeroUsize::MIN)
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        let before = self.submitted.fetch_add(1, Ordering::Relaxed);
        let does = self.does;
        match does {
            Does::RunNow => batch.run(),
            Does::Drop => drop(batch),
            Does::Keep => {
                let (sent, kept) = (Arc::clone(&self.sent), Arc::downgrade(&self.kept));
                thread::spawn(move || keep_all(batch, &sent, &kept));
            }
            _ => {
                thread::spawn(move || act(does, before, batch));
            }
        }
    }

    fn help(&self, _call: CallId) -> bool {
        false
    }

    fn abort(&self, _call: CallId) {}

    fn shutdown(&self, _grace: Duration) -> Result<()> {
        Ok(())
    }
}

fn act(does: Does, before: usize, mut batch: Box<dyn Batch>) {
    let tasks = 0..batch.len();
    match does {
        Does::RunLater => batch.run(),
        Does::DropLater => drop(batch),
        Does::ShipBackwards => tasks.rev().for_each(|task| ship(&mut *batch, task)),
        Does::ShipFirst => ship(&mut *batch, 0),
        Does::ShipAfterReturns if before < 3 => tasks.for_each(|task| give_back(&mut *batch, task)),
        Does::Return => tasks.for_each(|task| give_back(&mut *batch, task)),
        Does::ShipEverySecond => tasks.for_each(|task| match task % 2 {
            0 => ship(&mut *batch, task),
            _ => give_back(&mut *batch, task),
        }),
        Does::ShipTwice => tasks.for_each(|task| {
            ship(&mut *batch, task);
            batch.reply(task, Err(Failure::Lost));
            batch.reply(u32::MAX - task, Err(Failure::Lost));
        }),
        Does::Garbage => {
            tasks.for_each(|task| batch.reply(task, Ok(Payload::new(&[0x80]))));
        }
        _ => tasks.for_each(|task| ship(&mut *batch, task)),
    }
}

fn give_back(batch: &mut dyn Batch, task: u32) {
    batch.reply(task, Err(Failure::NotRun));
}

/// Holds batches back until there are so many, and then runs the last one first.
#[derive(Debug)]
pub(crate) struct Reversing {
    pub(crate) batches: usize,
    pub(crate) held: Held,
}

#[derive(Default)]
pub(crate) struct Held(Mutex<Vec<Box<dyn Batch>>>);

impl Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl Backend for Reversing {
    fn name(&self) -> &str {
        "reversing"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.shared_memory = true;
        capabilities
    }

    fn effective_n_jobs(&self, _requested: NJobs) -> Result<NonZeroUsize> {
        Ok(NonZeroUsize::new(self.batches).unwrap())
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        let mut held = self.held.0.lock().unwrap();
        held.push(batch);
        if held.len() == self.batches {
            let all = std::mem::take(&mut *held);
            drop(held);
            all.into_iter().rev().for_each(|batch| batch.run());
        }
    }

    fn help(&self, _call: CallId) -> bool {
        false
    }

    fn abort(&self, _call: CallId) {
        let held = std::mem::take(&mut *self.held.0.lock().unwrap());
        drop(held);
    }

    fn shutdown(&self, _grace: Duration) -> Result<()> {
        Ok(())
    }
}

/// Batches in a queue that the caller runs while it waits, the oldest first. They should take so long.
#[derive(Debug)]
pub(crate) struct ByHand {
    pub(crate) batch_time: Duration,
    pub(crate) held: Held,
    /// How many were held before each was run, with itself, and afterwards.
    pub(crate) lens: Mutex<Vec<(usize, usize)>>,
}

impl Backend for ByHand {
    fn name(&self) -> &str {
        "by hand"
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.shared_memory = true;
        capabilities.batch_time = Some(self.batch_time);
        capabilities
    }

    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        requested.resolve(NonZeroUsize::MIN)
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        self.held.0.lock().unwrap().push(batch);
    }

    fn help(&self, _call: CallId) -> bool {
        let mut held = self.held.0.lock().unwrap();
        if held.is_empty() {
            return false;
        }
        let (before, batch) = (held.len(), held.remove(0));
        drop(held);
        batch.run();
        let after = self.held.0.lock().unwrap().len();
        self.lens.lock().unwrap().push((before, after));
        true
    }

    fn abort(&self, _call: CallId) {
        let held = std::mem::take(&mut *self.held.0.lock().unwrap());
        drop(held);
    }

    fn shutdown(&self, _grace: Duration) -> Result<()> {
        Ok(())
    }
}

/// A result that stays, and what is counted.
type Stays = (Vec<u8>, Arc<()>);

fn keep_all(mut batch: Box<dyn Batch>, sent: &AtomicUsize, kept: &Weak<()>) {
    for task in 0..batch.len() {
        let keep = batch.keep(task);
        match result(&*batch, task) {
            Err(failure) => batch.reply(task, Err(failure)),
            Ok(frame) => {
                let shown = if keep == Keep::Yes { &[] } else { frame.as_bytes() };
                sent.fetch_add(shown.len(), Ordering::Relaxed);
                let mut payload = Payload::new(shown);
                if keep != Keep::No {
                    let stays: Stays = (frame.as_bytes().to_vec(), kept.upgrade().unwrap());
                    payload = payload.with_kept(Kept::new(stays));
                }
                batch.reply(task, Ok(payload));
            }
        }
    }
}

/// What a worker process does, in this one.
fn ship(batch: &mut dyn Batch, task: u32) {
    match result(batch, task) {
        Ok(frame) => batch.reply(task, Ok(Payload::new(frame.as_bytes()))),
        Err(failure) => batch.reply(task, Err(failure)),
    }
}

/// The bytes of a frame, with the results that belong between them.
fn filled(frame: &Frame) -> Vec<u8> {
    let (mut bytes, mut begin) = (Vec::new(), 0);
    for (at, kept) in frame.gaps() {
        bytes.extend(&frame.as_bytes()[begin..*at]);
        bytes.extend(&kept.downcast_ref::<Stays>().unwrap().0);
        begin = *at;
    }
    bytes.extend(&frame.as_bytes()[begin..]);
    bytes
}

fn result(batch: &dyn Batch, task: u32) -> std::result::Result<Frame, Failure> {
    batch.target().ok_or(Failure::Lost).and_then(|target| {
        let mut arguments = Frame::default();
        batch.encode(task, &mut arguments)?;
        let arguments = filled(&arguments);
        let mut arguments = Payload::new(&arguments);
        let mut result = Frame::default();
        catch_unwind(AssertUnwindSafe(|| {
            (target.call)(target.fingerprint, &mut arguments, &mut result)
        }))
        .unwrap_or_else(|_| Err(Failure::Panic { message: "in the worker".into() }))?;
        Ok(result)
    })
}
