//! A worker that was started elsewhere, as its feeder sees it: a launcher, and pipes through it.

use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::errors::Errors;
use super::frames::{self, Job, News, Order, Setup};
use super::launcher::Launcher;
use super::line::Line;
use super::pool::Pool;
use crate::batch::refuse;
use crate::processes::remote::{self, HANDSHAKE, Record, describe};
use crate::scatter::{Blob, Call, Parcel, Scatter};
use crate::{Batch, CallId, Failure, Payload};

/// How often a feeder that waits looks whether it should go on waiting.
const LOOK: Duration = Duration::from_millis(100);
/// How long a launcher may take to end after its worker was told to.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// How much may be said before a worker greets: shells have their start-up files.
const NOISE: usize = 64 << 10;

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("`{command}` could not be started: {source}")]
    Spawn { command: String, source: io::Error },
    #[error("`{command}` started no worker, and ended with {status}{said}")]
    Ended { command: String, status: String, said: String },
    #[error(
        "`{command}` started another build of this program: copy this one there, to the same path"
    )]
    OtherBuild { command: String },
    #[error("`{command}` started no worker within {limit:?}{said}")]
    Late { command: String, limit: Duration, said: String },
    #[error("the pool is being shut down")]
    Cancelled,
}

/// A running launcher. Dropped: killed and reaped.
pub(super) struct Worker {
    launcher: Child,
    line: Arc<Line>,
    scatter: Arc<Scatter>,
    /// What the worker has for the call whose batch it ran last.
    call: Option<(CallId, Arc<Call>)>,
    /// What that batch refers to: the next one may, too.
    used: Vec<Arc<Blob>>,
    ears: BufReader<Ears>,
    errors: Errors,
}

/// The pipe from the relay, which is not waited for in vain.
struct Ears {
    pipe: ChildStdout,
    pool: Arc<Pool>,
    feeder: usize,
    until: Option<Instant>,
}

impl Read for Ears {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !remote::is_readable(self.pipe.as_fd(), Some(LOOK)) {
            let is_late = self.until.is_some_and(|until| until <= Instant::now());
            if is_late || self.pool.is_overdue(self.feeder) {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        self.pipe.read(buffer)
    }
}

impl Worker {
    /// Starts the worker of `feeder`, and waits until it is there.
    pub(super) fn start(
        launcher: &Launcher,
        pool: &Arc<Pool>,
        feeder: usize,
        setup: &Setup,
    ) -> Result<Self, StartError> {
        let command = launcher.shown(feeder);
        let failed = |source| StartError::Spawn { command: command.clone(), source };
        let mut child = launcher
            .command(feeder)
            .and_then(|mut command| {
                let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
                command.stderr(Stdio::piped()).spawn()
            })
            .map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let until = launcher.limit().and_then(|limit| Instant::now().checked_add(limit));
        let ears = Ears { pipe: output, pool: Arc::clone(pool), feeder, until };
        let line = Arc::new(Line::new(input));
        let errors = Errors::forward(errors);
        let scatter = Arc::new(Scatter::new(Arc::<Line>::clone(&line)));
        let ears = BufReader::new(ears);
        let mut worker =
            Self { launcher: child, line, scatter, call: None, used: Vec::new(), ears, errors };
        worker.greet(launcher, command)?;
        worker.ears.get_mut().until = None;
        // If it does not listen any more, the first batch will find out.
        let setup = postcard::to_stdvec(setup).unwrap_or_default();
        worker.line.send(Order::Setup, &setup).ok();
        Ok(worker)
    }

    /// Waits for the greeting of this build.
    fn greet(&mut self, launcher: &Launcher, command: String) -> Result<(), StartError> {
        let own = remote::handshake();
        let (magic, identity) = own.split_at(HANDSHAKE - 16);
        let heard = after(&mut self.ears, magic).and_then(|()| {
            let mut theirs = [0; 16];
            self.ears.read_exact(&mut theirs)?;
            Ok(theirs == *identity)
        });
        match (heard, launcher.limit()) {
            (Ok(true), _) => Ok(()),
            (Ok(false), _) => Err(StartError::OtherBuild { command }),
            (Err(error), Some(limit)) if error.kind() == io::ErrorKind::TimedOut => {
                if self.ears.get_ref().until.is_some_and(|until| until > Instant::now()) {
                    return Err(StartError::Cancelled);
                }
                Err(StartError::Late { command, limit, said: self.errors.said() })
            }
            (Err(error), None) if error.kind() == io::ErrorKind::TimedOut => {
                Err(StartError::Cancelled)
            }
            (Err(_), _) => {
                let status = self.end(LEAVE_LIMIT);
                Err(StartError::Ended { command, status, said: self.errors.said() })
            }
        }
    }

    /// Has `batch` run; `None` if the worker cannot take another one.
    pub(super) fn run(mut self, mut batch: Box<dyn Batch>) -> Option<Self> {
        let payload = match self.encode(&*batch) {
            Ok(payload) => payload,
            Err(why) => {
                refuse(batch, &why);
                return Some(self);
            }
        };
        let begin = Instant::now();
        // A failure shows when the answers are awaited.
        self.line.send(Order::Batch, &payload).ok();
        drop(payload);
        let Ears { pool, feeder, .. } = self.ears.get_ref();
        pool.sent(*feeder, &self.line);
        let mut open = vec![true; batch.len() as usize];
        loop {
            match frames::read_news(&mut self.ears) {
                Ok(Some((News::Answers, records))) => deliver(&mut *batch, &mut open, &records),
                Ok(Some((News::Output, text))) => show(&mut io::stdout().lock(), &text),
                Ok(Some((News::Errors, text))) => show(&mut io::stderr().lock(), &text),
                Ok(Some((News::End, _))) => return Some(self),
                Ok(Some((News::Unable, why))) => {
                    refuse(batch, &String::from_utf8_lossy(&why));
                    return None;
                }
                Ok(None) | Err(_) => break,
            }
        }
        self.blame(&mut *batch, &open, begin);
        None
    }

    /// What the relay is told of a batch; or why it cannot be run elsewhere.
    fn encode(&mut self, batch: &dyn Batch) -> Result<Vec<u8>, String> {
        let (function, target) = remote::target_of(batch)?;
        let limit = batch
            .time_limit()
            .map_or(0, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX).max(1));
        let job = Job { function, fingerprint: target.fingerprint, limit, call: batch.call().0 };
        if self.call.as_ref().is_none_or(|(id, _)| *id != batch.call()) {
            self.used.clear();
            self.call = None;
        }
        let (_, call) = self.call.get_or_insert_with(|| (batch.call(), Arc::default()));
        let call = Arc::clone(call);
        self.line.tidy();
        let parcel = Arc::new(Parcel::new(&self.scatter, &call));
        let mut records = Vec::new();
        parcel.push_records(&mut records, batch, |_, _| Ok(()));
        let ids;
        (ids, self.used) = parcel.into_used();
        let mut payload = job.to_bytes().to_vec();
        payload.extend((ids.len() as u64).to_le_bytes());
        payload.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        payload.extend(records);
        Ok(payload)
    }

    /// Lets go of what the last call had; whether the worker still keeps something, for calls to come.
    pub(super) fn tidy(&mut self) -> bool {
        self.call = None;
        self.used.clear();
        self.line.tidy()
    }

    /// The first task without an answer gets the failure, and the others are handed back: which one
    /// ran is not known.
    fn blame(&mut self, batch: &mut dyn Batch, open: &[bool], begin: Instant) {
        let status = format!("the loss of its launcher: {}", self.end(Duration::from_secs(1)));
        let worker = self.launcher.id();
        let mut failure =
            Failure::WorkerDied { worker, status, after: begin.elapsed(), peak_memory: 0 };
        for task in (0..batch.len()).filter(|task| open[*task as usize]) {
            batch.reply(task, Err(std::mem::replace(&mut failure, Failure::NotRun)));
        }
    }

    /// Has the worker leave, and shows what it still says.
    pub(super) fn finish(mut self) {
        self.line.close();
        self.ears.get_mut().until = Instant::now().checked_add(LEAVE_LIMIT);
        while let Ok(Some((news, text))) = frames::read_news(&mut self.ears) {
            match news {
                News::Output => show(&mut io::stdout().lock(), &text),
                News::Errors => show(&mut io::stderr().lock(), &text),
                _ => {}
            }
        }
        self.end(LEAVE_LIMIT);
    }

    /// Waits up to `limit` for the launcher to end, then kills it; says how it ended.
    fn end(&mut self, limit: Duration) -> String {
        self.line.close();
        let until = Instant::now() + limit;
        let ended: io::Result<Option<ExitStatus>> = loop {
            match self.launcher.try_wait() {
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
                other => break other,
            }
        };
        match ended {
            Ok(Some(status)) => describe(status),
            _ => {
                self.launcher.kill().ok();
                self.launcher.wait().ok();
                "it did not answer and was killed".to_owned()
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.line.close();
        self.launcher.kill().ok();
        self.launcher.wait().ok();
    }
}

/// Reads up to the end of `mark`, whatever is said before it.
fn after(source: &mut impl Read, mark: &[u8]) -> io::Result<()> {
    let mut last = vec![0; mark.len()];
    source.read_exact(&mut last)?;
    for _ in 0..NOISE {
        if last == mark {
            return Ok(());
        }
        last.rotate_left(1);
        source.read_exact(&mut last[mark.len() - 1..])?;
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Passes answers on, at most one for each task.
fn deliver(batch: &mut dyn Batch, open: &mut [bool], mut records: &[u8]) {
    while let Ok(Some(record)) = Record::take(&mut records) {
        if let (Some(open), Ok(answer)) = (open.get_mut(record.task as usize), record.answer())
            && std::mem::take(open)
        {
            batch.reply(record.task, answer.map(Payload::new));
        }
    }
}

/// Prints what was printed elsewhere.
fn show(stream: &mut impl Write, text: &[u8]) {
    stream.write_all(text).and_then(|()| stream.flush()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_is_found_behind_whatever_else_was_said() {
        for (said, rest) in
            [("mark!", "!"), ("welcome\nmark!", "!"), ("mamark", ""), ("mmmark--", "--")]
        {
            let mut source = said.as_bytes();
            after(&mut source, b"mark").unwrap();
            assert_eq!(source, rest.as_bytes(), "{said}");
        }
        for said in ["", "mar", "welcome"] {
            assert!(after(&mut said.as_bytes(), b"mark").is_err(), "{said}");
        }
        assert!(after(&mut io::repeat(b'x'), b"mark").is_err(), "it reads on for ever");
    }
}
