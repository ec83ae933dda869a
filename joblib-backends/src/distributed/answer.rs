//! What a worker of the engine says about a batch: `python/worker.py` writes it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use crate::processes::remote::{Record, describe};
use crate::scatter::Blob;
use crate::{Batch, Failure, Keep, Kept, Payload};

/// The bytes in front of what the tasks printed.
const HEAD: usize = 1 + 4 + 4 + 8 + 4 + 8 + 4 + 4;

/// How a batch ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Status {
    Done,
    Died,
    TimedOut,
    NoStart,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    status: Status,
    /// As Python says it: negative for a signal.
    code: i32,
    worker: u32,
    after: Duration,
    begun: Option<u32>,
    peak_memory: u64,
    /// What the tasks printed to the standard output and error.
    pub(super) prints: [&'a [u8]; 2],
    /// Records; or why no worker could be started.
    body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// `None` if no worker of ours can have written these bytes.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let word = |at: usize| head[at..at + 4].try_into().map(u32::from_le_bytes).ok();
        let long = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let (out, rest) = rest.split_at_checked(word(29)? as usize)?;
        let (err, body) = rest.split_at_checked(word(33)? as usize)?;
        Some(Self {
            status: match head[0] {
                0 => Status::Done,
                1 => Status::Died,
                2 => Status::TimedOut,
                3 => Status::NoStart,
                _ => return None,
            },
            code: word(1)?.cast_signed(),
            worker: word(5)?,
            after: Duration::from_nanos(long(9)?),
            begun: word(17)?.checked_sub(1),
            peak_memory: long(21)?,
            prints: [out, err],
            body,
        })
    }

    /// Gives every task of `batch` its answer. Results that stay are kept by the engine as `results`.
    pub(super) fn deliver(&self, batch: &mut dyn Batch, results: Option<&Arc<Blob>>) {
        if self.status == Status::NoStart {
            let message = String::from_utf8_lossy(self.body).into_owned();
            for task in 0..batch.len() {
                batch.reply(task, Err(Failure::Refused { message: message.clone() }));
            }
            return;
        }
        let mut open = vec![true; batch.len() as usize];
        let mut records = self.body;
        while let Ok(Some(record)) = Record::take(&mut records) {
            let (Some(open), Ok(answer)) = (open.get_mut(record.task as usize), record.answer())
            else {
                continue;
            };
            if std::mem::take(open) {
                let stays = batch.keep(record.task) != Keep::No;
                let kept = results.filter(|_| stays).map(|results| Stays::of(results, record.task));
                batch.reply(record.task, answer.map(|bytes| with_kept(Payload::new(bytes), kept)));
            }
        }
        if self.status != Status::Done {
            self.blame(batch, &open);
        }
    }

    /// The task that ran last gets the failure; what had not begun is handed back.
    fn blame(&self, batch: &mut dyn Batch, open: &[bool]) {
        let is_open = |task: &u32| open.get(*task as usize).copied().unwrap_or(false);
        let first = (0..batch.len()).find(is_open);
        let guilty = self.begun.filter(is_open).or(first);
        for task in (0..batch.len()).filter(is_open) {
            let failure = if Some(task) == guilty { self.failure() } else { Failure::NotRun };
            batch.reply(task, Err(failure));
        }
    }

    fn failure(&self) -> Failure {
        let after = self.after;
        if self.status == Status::TimedOut {
            return Failure::TimedOut { worker: Some(self.worker), after };
        }
        let raw = if self.code < 0 { -self.code } else { self.code << 8 };
        let status = describe(ExitStatus::from_raw(raw));
        Failure::WorkerDied { worker: self.worker, status, after, peak_memory: self.peak_memory }
    }
}

/// The result of one task, which the engine keeps with those of the whole batch.
#[derive(Debug)]
pub(super) struct Stays {
    pub(super) results: Arc<Blob>,
    pub(super) task: u32,
}

impl Stays {
    fn of(results: &Arc<Blob>, task: u32) -> Kept {
        Kept::new(Self { results: Arc::clone(results), task })
    }
}

fn with_kept(payload: Payload<'_>, kept: Option<Kept>) -> Payload<'_> {
    match kept {
        Some(kept) => payload.with_kept(kept),
        None => payload,
    }
}
