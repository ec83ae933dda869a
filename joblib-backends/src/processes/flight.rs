//! A batch under way to a worker: written out, answered task by task, and settled when the worker dies.

use std::collections::VecDeque;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::arrays::Carrier;
use super::fetched::Fetched;
use super::process::Process;
use super::queue::Job;
use super::session::End;
use super::status::Page;
use super::sys;
use super::wire::{self, Garbage, Kind, Record, RecordHeader};
use super::worker::panic_message;
use crate::{Batch, Failure, Frame, Payload};

/// Appends the arguments of one task.
pub(super) fn encode(batch: &dyn Batch, task: u32, out: &mut Frame) {
    let head = out.bytes.len();
    let start = head + RecordHeader::LEN;
    out.bytes.resize(start, 0);
    out.places.clear();
    let encoded = catch_unwind(AssertUnwindSafe(|| batch.encode(task, out)))
        .unwrap_or_else(|panic| Err(Failure::Panic { message: panic_message(panic) }));
    let kind = match encoded {
        Ok(()) => Kind::Value,
        Err(failure) => {
            out.bytes.truncate(start);
            out.bytes.extend(wire::failure_bytes(&failure));
            Kind::Failure
        }
    };
    let len = (out.bytes.len() - start) as u64;
    let header = RecordHeader { task, kind, files: 0, len };
    out.bytes[head..start].copy_from_slice(&header.to_bytes());
    if !out.places.is_empty() {
        let len = out.places.len() as u64;
        let header = RecordHeader { task, kind: Kind::Places, files: 0, len }.to_bytes();
        out.bytes.splice(head..head, header.into_iter().chain(out.places.iter().copied()));
    }
}

/// Takes complete answers off the front of `bytes`, and moves batches that are answered to `done`.
pub(super) fn deliver(
    flights: &mut VecDeque<Flight>,
    bytes: &mut &[u8],
    files: &mut VecDeque<File>,
    page: &Page,
    done: &mut Vec<Job>,
) -> Result<(), Garbage> {
    while !bytes.is_empty() {
        let flight = flights.front_mut().ok_or(Garbage("an answer nobody waits for"))?;
        flight.take_answers(bytes, files, page)?;
        if !flight.is_complete() {
            break;
        }
        done.extend(flights.pop_front().map(|flight| flight.job));
    }
    Ok(())
}

/// A batch under way.
pub(super) struct Flight {
    pub(super) job: Job,
    /// Keeps the arrays of its arguments.
    #[expect(dead_code, reason = "it is only kept")]
    carrier: Option<Carrier>,
    pub(super) number: u64,
    pub(super) len: u32,
    answered: u32,
    /// How long each of its tasks may take.
    pub(super) limit: Option<Duration>,
    /// When what it has not begun is for others.
    pub(super) share_at: Option<Instant>,
    /// It is.
    pub(super) shared: bool,
    /// Its call was aborted: nobody waits for answers, and the worker is killed at this time.
    pub(super) deadline: Option<Instant>,
}

impl Flight {
    /// A batch that is sent as number `number`.
    pub(super) fn new(job: Job, carrier: Option<Carrier>, number: u64) -> Self {
        Self {
            len: job.batch.len(),
            limit: job.batch.time_limit(),
            job,
            carrier,
            number,
            answered: 0,
            share_at: None,
            shared: false,
            deadline: None,
        }
    }

    /// How long it is until the batch is to be shared.
    pub(super) fn share_left(&self) -> Option<Duration> {
        self.share_at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn is_complete(&self) -> bool {
        self.answered == self.len
    }

    /// Takes complete answers of this batch off the front of `bytes`. Those that were taken
    /// before (a journal repeats what was sent last) are passed over.
    fn take_answers(
        &mut self,
        bytes: &mut &[u8],
        files: &mut VecDeque<File>,
        page: &Page,
    ) -> Result<(), Garbage> {
        while !self.is_complete()
            && let Some(record) = Record::take(bytes)?
        {
            let count = usize::from(record.files);
            if count > files.len() {
                return Err(Garbage("an array that did not come"));
            }
            let arrays: Vec<_> = files.drain(..count).collect();
            match record.task.cmp(&self.answered) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => self.answer(record.answer()?, &arrays, page),
                std::cmp::Ordering::Greater => return Err(Garbage("the order of answers")),
            }
        }
        Ok(())
    }

    /// How long a task of this batch has been running; `None` if none is.
    pub(super) fn running_for(&self, process: &Process) -> Option<Duration> {
        let activity = process.page.activity();
        let runs = activity.batch == self.number && activity.task.is_some();
        runs.then(|| sys::monotonic().saturating_sub(activity.since))
    }

    /// Settles the batch that a dead worker had begun.
    pub(super) fn settle(mut self, process: &Process, status: &str, end: End) {
        // What cannot be read is missing, as are the answers behind it.
        let page = &process.page;
        self.take_answers(&mut &page.remains()[..], &mut VecDeque::new(), page).ok();
        let activity = page.activity();
        // The task begun last is to blame if it has no answer; the first, if the batch was still
        // being received, and the next, if nonsense came in its place: nothing is tried for ever.
        let running = activity.task.unwrap_or(0) == self.answered;
        let nonsense = matches!(end, End::Garbage(_));
        if (running || nonsense) && !self.is_complete() {
            let after = sys::monotonic().saturating_sub(activity.since);
            let worker = process.id();
            let failure = match (end, self.limit) {
                (End::TimedOut, Some(limit)) if after >= limit => {
                    Failure::TimedOut { worker: Some(worker), after }
                }
                // It began when the one before, which was late, had just ended after all.
                (End::TimedOut, _) => Failure::NotRun,
                _ => {
                    let (status, peak_memory) = (status.to_owned(), page.peak_memory());
                    Failure::WorkerDied { worker, status, after, peak_memory }
                }
            };
            self.answer(Err(failure), &[], page);
        }
        while !self.is_complete() {
            self.answer(Err(Failure::NotRun), &[], page);
        }
        discard(self.job);
    }

    /// Answers the next task, some of whose arrays are in `files`.
    fn answer(&mut self, answer: Result<&[u8], Failure>, files: &[File], page: &Page) {
        let task = self.answered;
        self.answered += 1;
        if self.deadline.is_some() {
            return;
        }
        let arrays = Fetched::new(files);
        let fetch = |number| arrays.fetch(number);
        let payload = |bytes| Payload { fetch: Some(&fetch), ..Payload::new(bytes) };
        let reply = || self.job.batch.reply(task, answer.map(payload));
        // Decoding a result runs code of its type. The task is then lost, as its batch will find.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(reply)) {
            log::error!("taking in a result panicked: {}", panic_message(panic));
        }
        arrays.give_back(page);
    }
}

/// Drops a batch, which runs the dispatcher's code.
pub(super) fn discard(job: Job) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(job))) {
        log::error!("dropping a batch panicked: {}", panic_message(panic));
    }
}
