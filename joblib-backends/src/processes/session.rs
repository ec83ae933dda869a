//! The parent's conversation with one worker: batches out, answers in, and what is left of them
//! when the worker dies.

use std::collections::VecDeque;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arrays::Carrier;
use super::flight::{Flight, deliver, discard, encode};
use super::inbox::{Inbox, KEEP};
use super::process::{InnerThreads, Process};
use super::queue::Job;
use super::sys::{self, Awaited, Mode};
use super::wire::{BatchHeader, Garbage};
use crate::{CallId, Frame};

/// Batches under way to one worker: the one that runs and one to go on with.
const DEPTH: usize = 2;
/// How long the running task of an aborted call may go on before its worker is killed.
const ABORT_GRACE: Duration = Duration::from_millis(100);

/// Why a conversation ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The worker closed its socket.
    Closed,
    /// The worker said something that makes no sense.
    Garbage(Garbage),
    /// The running call was aborted.
    Aborted,
    /// The running task takes longer than it may.
    TimedOut,
}

/// One worker and what is under way to it.
pub(super) struct Session {
    process: Process,
    flights: VecDeque<Flight>,
    /// Batches that were answered.
    done: Vec<Job>,
    sent: u64,
    outbox: Frame,
    written: usize,
    inbox: Inbox,
    /// Whether the worker has ever answered.
    answered: bool,
    /// Whether its first batch is its preparation, and not one of the pool's.
    prepares: bool,
    wear: Wear,
}

/// How many tasks the worker was given, and may be.
#[derive(Clone, Copy, Debug)]
struct Wear {
    tasks: u32,
    limit: Option<NonZeroU32>,
    /// The next batch would have been too much.
    full: bool,
}

impl Session {
    /// With a worker that may be given so many tasks.
    pub(super) fn new(process: Process, max_tasks: Option<NonZeroU32>) -> Self {
        Self {
            process,
            flights: VecDeque::with_capacity(DEPTH),
            done: Vec::new(),
            sent: 0,
            outbox: Frame::default(),
            written: 0,
            inbox: Inbox::default(),
            answered: false,
            prepares: false,
            wear: Wear { tasks: 0, limit: max_tasks, full: false },
        }
    }

    /// What to wait for, besides `others`.
    pub(super) fn awaited<'a>(&'a self, others: Awaited<'a>) -> Awaited<'a> {
        let doom = self.doom().map(|(left, _)| left);
        let share = self.running().and_then(Flight::share_left);
        Awaited {
            socket: Some(self.process.socket()),
            output: self.has_output(),
            process: Some(self.process.handle().as_fd()),
            timeout: [doom, share, others.timeout].into_iter().flatten().min(),
            ..others
        }
    }

    /// How many batches are under way.
    pub(super) fn load(&self) -> usize {
        self.flights.len()
    }

    /// Whether a further batch may be sent. Behind one that was taken back none is sent while
    /// another runs: the worker tells only two consecutive numbers apart.
    pub(super) fn has_room(&self) -> bool {
        if self.wear.full || self.is_preparing() {
            return false;
        }
        let last = self.flights.back().map(|flight| flight.number);
        last.is_none_or(|last| last == self.sent && self.flights.len() < DEPTH)
    }

    fn is_preparing(&self) -> bool {
        self.prepares && self.flights.front().is_some_and(|flight| flight.number == 1)
    }

    /// Whether a batch of `len` tasks may be sent: not to a worker that is preparing itself, nor to
    /// one that would have run too many. A new one runs any.
    pub(super) fn accepts(&mut self, len: u32) -> bool {
        if self.is_preparing() {
            return false;
        }
        let (tasks, limit) = (self.wear.tasks, self.wear.limit.map_or(u32::MAX, NonZeroU32::get));
        self.wear.full = tasks > 0 && tasks.saturating_add(len) > limit;
        !self.wear.full
    }

    /// Whether the worker is to be replaced now.
    pub(super) fn is_worn(&self) -> bool {
        let used_up = self.wear.limit.is_some_and(|limit| self.wear.tasks >= limit.get());
        self.flights.is_empty() && (used_up || self.wear.full)
    }

    /// Sends what the worker shall do before its first batch.
    pub(super) fn prepare(&mut self, job: Job, function: u64, fingerprint: u64) {
        self.prepares = true;
        self.enqueue(job, function, fingerprint);
        self.wear.tasks = 0;
    }

    /// Whether the worker could be left to another feeder. It could not while it is sent what was taken
    /// back meanwhile.
    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty() && !self.has_output() && !self.is_worn()
    }

    fn has_output(&self) -> bool {
        self.written < self.outbox.bytes.len()
    }

    /// Writes a batch into the outbox. What cannot be encoded travels as its own answer, so that
    /// answers come in order.
    pub(super) fn enqueue(&mut self, job: Job, function: u64, fingerprint: u64) {
        let Job { batch, arrays } = &job;
        self.sent += 1;
        self.wear.tasks = self.wear.tasks.saturating_add(batch.len());
        self.process.page.offer(self.sent);
        let out = &mut self.outbox;
        let start = out.bytes.len();
        let body = start + BatchHeader::LEN;
        out.bytes.resize(body, 0);
        out.carrier = Some(Carrier::ToWorker { arrays: Arc::clone(arrays), used: Vec::new() });
        for task in 0..batch.len() {
            encode(&**batch, task, out);
        }
        let carrier = out.carrier.take();
        let header = BatchHeader {
            len: (out.bytes.len() - body) as u64,
            batch: self.sent,
            function,
            fingerprint,
            max_nbytes: arrays.max_nbytes(),
            mode: arrays.mode(),
        };
        out.bytes[start..body].copy_from_slice(&header.to_bytes());
        self.flights.push_back(Flight::new(job, carrier, self.sent));
    }

    /// Sends as much of the outbox as the socket takes.
    pub(super) fn flush(&mut self) {
        while self.has_output() {
            let rest = &self.outbox.bytes[self.written..];
            match sys::send(self.process.socket(), rest, Mode::NoWait) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The worker is dead. Its last answers may still wait to be read, so that it is
                // reading that finds the end.
                Err(_) => break,
            }
        }
        self.written = 0;
        self.outbox.bytes.clear();
    }

    /// Gives large buffers back while nothing is under way.
    pub(super) fn rest(&mut self) {
        self.inbox.rest();
        if !self.has_output() && self.outbox.bytes.capacity() > KEEP {
            self.outbox = Frame::default();
        }
    }

    /// Reads what has arrived and answers tasks with it; false if nothing has.
    pub(super) fn receive(&mut self) -> Result<bool, End> {
        match self.inbox.receive(self.process.socket(), Mode::NoWait) {
            Ok(0) => return Err(End::Closed),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {
                return Err(End::Garbage(Garbage("an array without a free descriptor here")));
            }
            Err(_) => return Err(End::Closed),
        }
        let (mut rest, files) = self.inbox.content();
        let all = rest.len();
        let done = &mut self.done;
        let result = deliver(&mut self.flights, &mut rest, files, &self.process.page, done);
        let used = all - rest.len();
        self.answered |= used > 0;
        self.inbox.consume(used);
        result.map(|()| true).map_err(End::Garbage)
    }

    /// Takes the batches that were answered. To drop them may end their call.
    pub(super) fn take_done(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.done)
    }

    /// Reads what a process that has ended left in the socket.
    pub(super) fn receive_rest(&mut self) -> End {
        loop {
            match self.receive() {
                Ok(true) => {}
                Ok(false) => return End::Closed,
                Err(end) => return end,
            }
        }
    }

    /// Gives up the batches of `call`. The worker begins nothing more of them.
    pub(super) fn abort(&mut self, call: CallId) {
        let flights = std::mem::take(&mut self.flights);
        for mut flight in flights {
            if flight.job.batch.call() != call {
                self.flights.push_back(flight);
            } else if self.process.page.take_back(flight.number) {
                discard(flight.job);
            } else {
                self.process.page.stop(flight.number);
                flight.deadline.get_or_insert(Instant::now() + ABORT_GRACE);
                self.flights.push_back(flight);
            }
        }
    }

    /// Takes back the batch that was sent ahead, unless the worker has begun it.
    pub(super) fn take_back(&mut self) -> Option<Job> {
        let ahead = self.flights.get(1)?.number;
        let unbegun = self.process.page.take_back(ahead);
        unbegun.then(|| self.flights.remove(1)).flatten().map(|flight| flight.job)
    }

    /// Whether what runs could be shared.
    pub(super) fn has_much(&self) -> bool {
        let much = |flight: &Flight| flight.len > 1 && !flight.shared;
        self.running().is_some_and(|flight| much(flight) && flight.job.batch.patience().is_some())
    }

    /// Workers are `idle`, or not. If they are for as long as the batch allows that runs, the worker
    /// hands back the tasks that it has not begun.
    pub(super) fn share(&mut self, idle: bool) {
        let Some(number) = self.running().map(|flight| flight.number) else { return };
        let Some(flight) = self.flights.iter_mut().find(|flight| flight.number == number) else {
            return;
        };
        if !idle {
            flight.share_at = None;
        } else if flight.share_at.is_none() {
            let patience = flight.job.batch.patience();
            flight.share_at = patience.map(|patience| Instant::now() + patience);
        } else if flight.share_left() == Some(Duration::ZERO) {
            (flight.share_at, flight.shared) = (None, true);
            self.process.page.stop(number);
        }
    }

    /// When the worker is to be killed, as far as is known now, and why.
    fn doom(&self) -> Option<(Duration, End)> {
        let flight = self.running()?;
        if let Some(deadline) = flight.deadline {
            return Some((deadline.saturating_duration_since(Instant::now()), End::Aborted));
        }
        // A task that has not begun yet has all its time; so much later is early enough to look.
        let limit = flight.limit?;
        let ran = flight.running_for(&self.process).unwrap_or_default();
        Some((limit.saturating_sub(ran), End::TimedOut))
    }

    /// The batch that the worker is at: the one sent ahead as soon as it has come to it, although
    /// the last answers of the one before may still be on their way.
    fn running(&self) -> Option<&Flight> {
        let at = self.process.page.activity().batch;
        self.flights.iter().find(|flight| flight.number == at).or(self.flights.front())
    }

    /// Whether the time of what runs is over. What was sent ahead is then to be taken back first,
    /// lest it begin just before the worker is killed and die for the fault of another.
    pub(super) fn is_overdue(&self) -> bool {
        self.doom().is_some_and(|(left, _)| left.is_zero())
    }

    /// Why the worker is to be killed now, unless it has gone on to what was sent ahead.
    pub(super) fn overdue(&self) -> Option<End> {
        let number = |flight: &Flight| flight.number;
        let runs_last = self.running().map(number) == self.flights.back().map(number);
        self.doom().filter(|(left, _)| runs_last && left.is_zero()).map(|(_, end)| end)
    }

    /// Whether the worker has not ended.
    pub(super) fn lives(&self) -> bool {
        let process = Some(self.process.handle().as_fd());
        let timeout = Some(Duration::ZERO);
        !sys::wait(Awaited { process, timeout, ..Awaited::default() }).ended
    }

    /// What tells the end of the worker.
    pub(super) fn handle(&self) -> &Arc<OwnedFd> {
        self.process.handle()
    }

    /// How many threads libraries in the worker start.
    pub(super) fn inner_threads(&self) -> InnerThreads {
        self.process.inner_threads()
    }

    #[cfg(test)]
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks the idle worker to leave.
    pub(super) fn leave(self) {
        self.process.leave();
    }

    /// Kills the worker and drops what was under way.
    pub(super) fn kill(mut self) {
        self.process.kill();
        self.done.into_iter().for_each(discard);
        self.flights.into_iter().for_each(|flight| discard(flight.job));
    }

    /// Settles what was under way to a worker that is dead or must die: answers that were ready
    /// are delivered, the running task is blamed, the others are handed back.
    pub(super) fn settle(mut self, end: End) -> Settled {
        let mut status = self.process.kill();
        if let End::Garbage(garbage) = end {
            status = format!("killed, because it answered nonsense: {garbage}");
        } else {
            // What it had sent before it was killed still counts.
            self.receive_rest();
        }
        self.take_done().into_iter().for_each(discard);
        let page = &self.process.page;
        let (unbegun, begun) =
            self.flights.drain(..).partition::<Vec<_>, _>(|flight| page.take_back(flight.number));
        let stillborn = begun.is_empty() && !self.answered;
        for flight in begun {
            flight.settle(&self.process, &status, end);
        }
        Settled {
            unbegun: unbegun.into_iter().map(|flight| flight.job).collect(),
            stillborn: stillborn.then_some(status),
        }
    }
}

/// What is left of a conversation with a dead worker.
pub(super) struct Settled {
    /// Batches that it had not begun, for another worker.
    pub(super) unbegun: Vec<Job>,
    /// How it ended, if it did so before it had done anything.
    pub(super) stillborn: Option<String>,
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::process::tests::impostor;
    use super::super::wire::{Kind, RecordHeader};
    use super::*;
    use crate::{Batch, Failure, Payload, Target};
    use std::sync::mpsc::{Sender, channel};

    /// Two tasks that send their answers on.
    pub(in super::super) struct Two(pub(in super::super) Sender<(u32, Answer)>);

    pub(in super::super) type Answer = Result<Vec<u8>, Failure>;

    impl Batch for Two {
        fn call(&self) -> CallId {
            CallId(1)
        }
        fn len(&self) -> u32 {
            2
        }
        fn target(&self) -> Option<Target> {
            None
        }
        fn patience(&self) -> Option<Duration> {
            Some(Duration::from_secs(3600))
        }
        fn run(self: Box<Self>) {}
        fn encode(&self, _: u32, _: &mut Frame) -> Result<(), Failure> {
            Ok(())
        }
        fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>) {
            self.0.send((task, answer.map(|payload| payload.as_bytes().to_vec()))).unwrap();
        }
    }

    #[test]
    fn a_worker_that_has_gone_on_is_not_killed_for_what_it_left() {
        let mut session = Session::new(impostor("exec cat"), None);
        let (answer, _answers) = channel();
        session.enqueue(Job::alone(Box::new(Two(answer.clone()))), 0, 0);
        session.enqueue(Job::alone(Box::new(Two(answer))), 0, 0);
        let page = |session: &Session, batch| {
            assert!(session.process.page.claim(batch));
            session.process.page.begin_batch(batch);
        };
        page(&session, 1);
        assert!(!session.is_overdue(), "nobody has aborted it");
        session.flights[0].deadline = Some(Instant::now());
        assert!(session.is_overdue());
        assert!(session.overdue().is_none(), "the next batch might begin");
        page(&session, 2);
        assert!(!session.is_overdue(), "the aborted batch runs no more");
        assert!(session.take_back().is_none());
        assert!(session.overdue().is_none());
        session.flights[1].deadline = Some(Instant::now());
        assert!(matches!(session.overdue(), Some(End::Aborted)));
        session.kill();
    }

    #[test]
    fn a_batch_is_shared_when_its_patience_is_over_and_not_before() {
        let mut session = Session::new(impostor("exec cat"), None);
        let (answer, _answers) = channel();
        session.enqueue(Job::alone(Box::new(Two(answer))), 0, 0);
        assert!(session.process.page.claim(1));
        session.process.page.begin_batch(1);
        assert!(session.has_much());
        session.share(true);
        session.share(true);
        assert!(session.awaited(Awaited::default()).timeout.is_some_and(|left| !left.is_zero()));
        session.flights[0].share_at = Some(Instant::now());
        session.share(false);
        session.share(true);
        assert!(!session.process.page.is_stopped(1), "nobody was idle meanwhile");
        session.flights[0].share_at = Some(Instant::now());
        assert_eq!(session.awaited(Awaited::default()).timeout, Some(Duration::ZERO));
        session.share(true);
        assert!(session.process.page.is_stopped(1) && !session.has_much());
        session.kill();
    }

    /// What two tasks are answered if the worker, having begun both, sends the bytes `said`.
    fn answers_after(said: &[u8]) -> Vec<(u32, Answer)> {
        let escaped: String = said.iter().map(|byte| format!("\\{byte:03o}")).collect();
        let mut session = Session::new(impostor(&format!("printf '{escaped}' >&0")), None);
        let (answer, answers) = channel();
        session.enqueue(Job::alone(Box::new(Two(answer))), 0, 0);
        assert!(session.process.page.claim(1));
        session.process.page.begin_task(1);
        let end = loop {
            let socket = Some(session.process.socket());
            sys::wait(Awaited { socket, ..Awaited::default() });
            if let Err(end) = session.receive() {
                break end;
            }
        };
        let settled = session.settle(end);
        assert!(settled.unbegun.is_empty());
        answers.iter().collect()
    }

    fn record(task: u32, text: &str) -> Vec<u8> {
        let header = RecordHeader { task, kind: Kind::Value, files: 0, len: text.len() as u64 };
        [&header.to_bytes(), text.as_bytes()].concat()
    }

    #[track_caller]
    fn blames_the_second(said: &[u8], why: &str) {
        let answers = answers_after(said);
        assert_eq!(answers[0], (0, Ok(b"first".to_vec())));
        let (1, Err(Failure::WorkerDied { status, .. })) = &answers[1] else {
            panic!("{answers:?}");
        };
        assert!(status.contains(why), "{status}");
    }

    #[test]
    fn nonsense_ends_the_worker_and_blames_the_task_in_question() {
        let first = record(0, "first");
        blames_the_second(&[first.clone(), vec![255; 40]].concat(), "the kind of a record");
        blames_the_second(&[first.clone(), record(7, "x")].concat(), "the order of answers");
        blames_the_second(&[first, record(1, "cut")[..17].to_vec()].concat(), "exit code 0");
    }

    #[test]
    fn an_answer_too_many_is_nonsense() {
        let said = [record(0, "a"), record(1, "b"), record(2, "c")].concat();
        let answers = answers_after(&said);
        assert_eq!(answers, [(0, Ok(b"a".to_vec())), (1, Ok(b"b".to_vec()))]);
    }
}
