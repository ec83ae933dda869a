//! The thread that writes to the side process.

use std::io::{self, BufWriter, Write};
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::answer::Stays;
use super::bridge::{Flight, State};
use super::frames::{self, Gap, Job, Order};
use crate::processes::remote;
use crate::scatter::{Blob, Call, Outlet, Parcel, Scatter};
use crate::{Batch, CallId, Failure, Frame, Keep};

/// What there is to write.
pub(super) enum Work {
    Submit(Flight),
    Cancel(CallId),
    /// Nothing refers to the blob with this id any more.
    Drop(u64),
}

/// Where orders go until the bridge ends.
pub(super) type Orders = Mutex<Option<Sender<Work>>>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pipe into the side process.
pub(super) struct Pipe {
    pipe: Mutex<BufWriter<ChildStdin>>,
    orders: Weak<Orders>,
}

impl Pipe {
    pub(super) fn new(input: ChildStdin, orders: &Arc<Orders>) -> Self {
        let pipe = Mutex::new(BufWriter::with_capacity(1 << 16, input));
        Self { pipe, orders: Arc::downgrade(orders) }
    }
}

impl Outlet for Pipe {
    fn put(
        &self,
        id: u64,
        len: usize,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut pipe = lock(&self.pipe);
        frames::begin(&mut *pipe, Order::Put, id, len)?;
        write(&mut *pipe)
    }

    fn forget(&self, id: u64) {
        if let Some(orders) = self.orders.upgrade()
            && let Some(orders) = &*lock(&orders)
        {
            orders.send(Work::Drop(id)).ok();
        }
    }
}

/// The thread that writes to the side process.
pub(super) struct Writer {
    state: Arc<State>,
    pipe: Arc<Pipe>,
    scatter: Arc<Scatter>,
    next: u64,
}

impl Writer {
    pub(super) fn new(state: Arc<State>, pipe: Pipe) -> Self {
        let pipe = Arc::new(pipe);
        let scatter = Arc::new(Scatter::new(Arc::<Pipe>::clone(&pipe)));
        Self { state, pipe, scatter, next: 0 }
    }

    pub(super) fn run(mut self, work: Receiver<Work>) {
        while let Ok(work) = work.recv() {
            let written = match work {
                Work::Submit(flight) => self.submit(flight),
                Work::Cancel(call) => self.cancel(call),
                Work::Drop(blob) => self.write(Order::Drop, blob, &[]),
            };
            if written.is_err() {
                // The reader sees the end, too, and knows more about it.
                break;
            }
        }
        self.write(Order::Close, 0, &[]).ok();
    }

    fn write(&self, order: Order, id: u64, pieces: &[&[u8]]) -> io::Result<()> {
        frames::write(&mut *lock(&self.pipe.pipe), order, id, pieces)
    }

    fn submit(&mut self, mut flight: Flight) -> io::Result<()> {
        let payload =
            match Payload::of(&*flight.batch, &self.scatter, &flight.call, self.state.can_keep()) {
                Ok(payload) => payload,
                Err(why) => {
                    self.state.lock().waiting -= 1;
                    flight.refuse(&why);
                    self.state.gone.notify_all();
                    return Ok(());
                }
            };
        flight.blobs = payload.blobs;
        flight.results = payload.results;
        let id = self.next;
        self.next += 1;
        let mut batches = self.state.lock();
        batches.waiting -= 1;
        // Nobody would answer what is submitted after the end.
        if let Some(why) = batches.closed.clone().filter(|_| batches.under_way.is_empty()) {
            drop(batches);
            flight.fail(&why);
            return Ok(());
        }
        batches.under_way.insert(id, flight);
        drop(batches);
        self.write(Order::Submit, id, &[&payload.head, &payload.job])
    }

    fn cancel(&mut self, call: CallId) -> io::Result<()> {
        let cancelled = self.state.take_call(call);
        let ids: Vec<u8> = cancelled.keys().flat_map(|id| id.to_le_bytes()).collect();
        // Not under the lock: dropping a batch runs the dispatcher.
        drop(cancelled);
        self.state.gone.notify_all();
        if ids.is_empty() {
            return Ok(());
        }
        self.write(Order::Cancel, call.0, &[&ids])
    }
}

/// What is written for a batch.
struct Payload {
    /// What the side process has to know.
    head: Vec<u8>,
    /// What the worker has to know, a record per task, and the mark at the end.
    job: Vec<u8>,
    /// What it refers to.
    blobs: Vec<Arc<Blob>>,
    /// What stays of its results.
    results: Option<Arc<Blob>>,
}

impl Payload {
    /// With results that stay if the engine `can_keep` them.
    fn of(
        batch: &dyn Batch,
        scatter: &Arc<Scatter>,
        call: &Arc<Call>,
        can_keep: bool,
    ) -> Result<Self, String> {
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
        let limit = batch.time_limit();
        let limit = limit.map_or(0, |limit| u64::try_from(limit.as_nanos()).unwrap_or(0));
        let header = Job {
            function,
            fingerprint: target.fingerprint,
            limit,
            call: batch.call().0,
            end: u32::try_from(end.len()).unwrap_or(0),
            gaps: 0,
        };
        let parcel = Arc::new(Parcel::new(scatter, call));
        let (mut tasks, mut gaps) = (Vec::new(), Gaps::default());
        parcel.push_records(&mut tasks, batch, |task, frame| gaps.note(task, frame));
        let (used, mut blobs) = parcel.into_used();
        let inputs: Vec<u64> = gaps.inputs.iter().map(|results| results.id).collect();
        blobs.extend(gaps.inputs);
        let keep = |task: &u32| if can_keep { batch.keep(*task) } else { Keep::No };
        let results = (0..batch.len()).any(|task| keep(&task) != Keep::No).then(|| scatter.blob());
        let silent: Vec<u32> = (0..batch.len()).filter(|task| keep(task) == Keep::Yes).collect();

        let mut head = Vec::new();
        for ids in [&used, &inputs] {
            head.extend((ids.len() as u32).to_le_bytes());
            head.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        }
        head.extend(results.as_ref().map_or(0, |results| results.id).to_le_bytes());
        head.extend((silent.len() as u32).to_le_bytes());
        head.extend(silent.iter().flat_map(|task| task.to_le_bytes()));
        let header = Job { gaps: gaps.all.len() as u32, ..header };
        let mut job = header.to_bytes().to_vec();
        job.extend(gaps.all.iter().flat_map(|gap| gap.to_bytes()));
        job.extend(tasks);
        job.extend(end);
        Ok(Self { head, job, blobs, results })
    }
}

/// Where results belong that the engine keeps, and which those are.
#[derive(Default)]
struct Gaps {
    all: Vec<Gap>,
    inputs: Vec<Arc<Blob>>,
}

impl Gaps {
    /// Takes in those of one task, whose arguments are in `frame`.
    fn note(&mut self, task: u32, frame: &Frame) -> Result<(), Failure> {
        let stays =
            frame.gaps().iter().map(|(at, kept)| Some((*at, kept.downcast_ref::<Stays>()?)));
        let stays: Vec<_> = stays.collect::<Option<_>>().ok_or_else(|| Failure::Refused {
            message: "an argument is kept by another backend".into(),
        })?;
        for (at, Stays { results, task: of }) in stays {
            if !self.inputs.iter().any(|known| Arc::ptr_eq(known, results)) {
                self.inputs.push(Arc::clone(results));
            }
            self.all.push(Gap { task, at: at as u64, results: results.id, of: *of });
        }
        Ok(())
    }
}
