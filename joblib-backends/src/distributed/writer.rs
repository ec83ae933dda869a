//! The thread that writes to the side process.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::bridge::{Flight, State};
use super::frames::{self, Job, Order};
use super::scatter::{Blob, Call, Parcel, Scatter, lock};
use crate::processes::{Carrier, remote};
use crate::{Batch, CallId, Frame};

/// What there is to write.
pub(super) enum Work {
    Submit(Flight),
    Cancel(CallId),
    /// Nothing refers to the blob with this id any more.
    Drop(u64),
}

/// The thread that writes to the side process.
pub(super) struct Writer {
    state: Arc<State>,
    scatter: Arc<Scatter>,
    next: u64,
}

impl Writer {
    pub(super) fn new(state: Arc<State>, scatter: Scatter) -> Self {
        Self { state, scatter: Arc::new(scatter), next: 0 }
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
        frames::write(&mut *lock(&self.scatter.pipe), order, id, pieces)
    }

    fn submit(&mut self, mut flight: Flight) -> io::Result<()> {
        let payload = match Payload::of(&*flight.batch, &self.scatter, &flight.call) {
            Ok(payload) => payload,
            Err(why) => {
                self.state.lock().waiting -= 1;
                flight.refuse(&why);
                self.state.gone.notify_all();
                return Ok(());
            }
        };
        flight.blobs = payload.blobs;
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
        self.write(Order::Submit, id, &[&payload.ids, &payload.job])
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
    /// The number of blobs and their ids.
    ids: Vec<u8>,
    /// What the worker has to know, a record per task, and the mark at the end.
    job: Vec<u8>,
    blobs: Vec<Arc<Blob>>,
}

impl Payload {
    fn of(batch: &dyn Batch, scatter: &Arc<Scatter>, call: &Arc<Call>) -> Result<Self, String> {
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
        };
        let mut job = header.to_bytes().to_vec();
        let parcel = Arc::new(Parcel::new(scatter, call));
        let carrier = Some(Carrier::ToEngine(Arc::clone(&parcel)));
        let mut frame = Frame { carrier, ..Frame::default() };
        for task in 0..batch.len() {
            frame.clear();
            let encoded = parcel.fill(|| batch.encode(task, &mut frame));
            remote::push_record(&mut job, task, encoded.map(|()| frame.as_bytes()));
        }
        job.extend(end);
        let (used, blobs) = parcel.into_used();
        let mut ids = (used.len() as u32).to_le_bytes().to_vec();
        ids.extend(used.iter().flat_map(|id| id.to_le_bytes()));
        Ok(Self { ids, job, blobs })
    }
}
