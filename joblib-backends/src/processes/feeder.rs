//! A thread per worker: it starts the worker when there is something to run, feeds it and reads
//! its answers, and replaces it when it dies.

use std::cell::Cell;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::flight::discard;
use super::idle::Idle;
use super::image::Image;
use super::preparation::Preparation;
use super::process::{InnerThreads, Process, StartError};
use super::queue::{Job, Next, Queue};
use super::session::{End, Session};
use super::sys::{self, Awaited, Ready};
use super::vigil::Vigil;
use super::worker::panic_message;
use crate::Target;
use crate::batch::refuse;
use crate::codec::explain;
use crate::options::Lifetime;

/// So many workers in a row that died before they had done anything are a reason to give up.
const STILLBORN: u32 = 3;

const CLOSURE: &str = "a `delayed(closure)` task cannot leave the process: \
                       write `delayed!(path::function(a, b))`, or use the threads backend";

thread_local! {
    static FEEDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is a feeder.
pub(super) fn is_feeder() -> bool {
    FEEDING.get()
}

pub(super) struct Feeder {
    queue: Arc<Queue>,
    /// Which feeder of the queue this is.
    index: usize,
    /// The number of workers in the pool.
    workers: usize,
    lifetime: Lifetime,
    /// How many threads libraries in its workers start.
    inner_threads: InnerThreads,
    /// Where workers are while they have nothing to do.
    idle: Arc<Idle>,
    session: Option<Box<Session>>,
    vigil: Vigil,
    stillborn: u32,
}

/// Whether a feeder goes on.
enum Turn {
    Again,
    Leave,
}

impl Feeder {
    pub(super) fn new(
        queue: Arc<Queue>,
        index: usize,
        workers: usize,
        lifetime: Lifetime,
        idle: Arc<Idle>,
    ) -> Self {
        let inner_threads = InnerThreads::of(workers, lifetime.inner_threads);
        let (session, vigil) = (None, Vigil::default());
        Self { queue, index, workers, lifetime, inner_threads, idle, session, vigil, stillborn: 0 }
    }

    /// Feeds until the pool is closed.
    pub(super) fn run(mut self) {
        FEEDING.set(true);
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(Turn::Again) => {}
                Ok(Turn::Leave) => break,
                // Foreign code is caught where it is called; this is what slipped through.
                Err(panic) => {
                    log::error!("feeding a worker panicked: {}", panic_message(panic));
                    self.kill();
                }
            }
        }
        self.queue.leave();
    }

    /// Takes what there is to take, then waits for something to happen, and handles it.
    fn turn(&mut self) -> Turn {
        loop {
            if self.session.as_deref().is_some_and(Session::is_worn) {
                self.leave();
            }
            if !self.has_room() {
                break;
            }
            match self.queue.next(self.index, self.load()) {
                Next::Run(job) => self.send(job),
                Next::Wait => {
                    self.put_aside();
                    if self.session.is_none() {
                        self.idle.settle_down();
                    }
                    break;
                }
                Next::Leave => {
                    self.leave();
                    // Nobody may be left to see how long they rest.
                    self.idle.end_all();
                    return Turn::Leave;
                }
            }
        }
        self.attend();
        Turn::Again
    }

    fn load(&self) -> usize {
        self.session.as_deref().map_or(0, Session::load)
    }

    fn has_room(&self) -> bool {
        self.session.as_deref().is_none_or(Session::has_room)
    }

    /// Leaves a worker that has nothing to do to whoever needs it.
    fn put_aside(&mut self) {
        if let Some(session) = self.session.take_if(|session| session.is_idle()) {
            self.idle.put(session);
        }
    }

    /// Sends the batch to the worker; if there is none, to an idle one or a new one.
    fn send(&mut self, job: Job) {
        let Some(target) = job.batch.target() else {
            return refuse(job.batch, CLOSURE);
        };
        let Some(function) = Image::of_this_process().offset_of(target.call) else {
            return refuse(job.batch, &foreign(target.name));
        };
        let session = match self.session.take().or_else(|| self.idle.take(self.inner_threads)) {
            Some(session) => Ok(session),
            None => self.start(),
        };
        let session = match session {
            Ok(session) => self.session.insert(session),
            Err(why) => return self.give_up(Some(job), &why),
        };
        if session.accepts(job.batch.len()) {
            session.enqueue(job, function, target.fingerprint);
            session.flush();
        } else {
            put_back(&self.queue, job);
        }
    }

    /// Starts a worker, and has it prepare itself.
    fn start(&self) -> Result<Box<Session>, String> {
        let process =
            Process::start(self.workers, &self.lifetime).map_err(|error| start_failed(&error))?;
        let mut session = Box::new(Session::new(process, self.lifetime.max_tasks));
        if let Some(initializer) = &self.lifetime.initializer {
            let Target { call, fingerprint, name } = initializer.function;
            let function = Image::of_this_process().offset_of(call).ok_or_else(|| foreign(name))?;
            let queue = Arc::clone(&self.queue);
            let first = Preparation { initializer: initializer.clone(), queue };
            session.prepare(Job::alone(Box::new(first)), function, fingerprint);
            session.flush();
        }
        self.idle.end_other_than(self.inner_threads);
        Ok(session)
    }

    /// Waits until the worker, the socket or the bell has something, and handles it.
    fn attend(&mut self) {
        let bell = self.queue.bell(self.index);
        if let Some(session) = self.session.as_mut().filter(|session| session.has_much()) {
            session.share(self.queue.has_idle(self.index));
        }
        let awaited = Awaited { bell: Some(bell.as_fd()), ..Awaited::default() };
        let limit = self.lifetime.idle_timeout;
        let resting = if self.session.is_none() { self.idle.handles() } else { Vec::new() };
        let awaited = match &self.session {
            Some(session) => session.awaited(awaited),
            None => Awaited { timeout: self.idle.next_end(limit), others: &resting, ..awaited },
        };
        let look = || {
            let now = Awaited { timeout: Some(Duration::ZERO), others: &[], ..awaited };
            Some(sys::wait(now)).filter(|ready| ready.any())
        };
        let ready = self.vigil.wait(look, || sys::wait(awaited));
        if ready.other_ended {
            self.idle.bury();
        }
        if ready.rung {
            bell.answer();
            if self.obey() {
                return self.kill();
            }
        }
        if let Some(end) = self.exchange(ready) {
            self.settle(end);
        } else if let Some(limit) = limit.filter(|_| self.session.is_none()) {
            self.idle.end_after(limit);
        }
    }

    /// Does what the pool has told this feeder; true if the worker is to be killed.
    fn obey(&mut self) -> bool {
        let orders = self.queue.orders(self.index);
        let Some(session) = &mut self.session else {
            return orders.kill;
        };
        orders.aborted.into_iter().for_each(|call| session.abort(call));
        if orders.take_back {
            match session.take_back() {
                Some(job) => put_back(&self.queue, job),
                // Just begun. Perhaps another has one.
                None => self.queue.ask_for_work(),
            }
        }
        orders.kill
    }

    /// Sends and receives what can be; says if the conversation is over.
    fn exchange(&mut self, ready: Ready) -> Option<End> {
        let session = self.session.as_mut()?;
        if ready.ended {
            return Some(session.receive_rest());
        }
        if ready.writable {
            session.flush();
        }
        let received = if ready.readable { session.receive() } else { Ok(false) };
        let done = session.take_done();
        if received.is_ok() {
            // Before a call may end with these: the next one finds the worker, whoever feeds it.
            self.put_aside();
        }
        done.into_iter().for_each(discard);
        let Some(session) = self.session.as_mut() else {
            return received.err();
        };
        match received {
            Err(end) => Some(end),
            Ok(_) => {
                if session.is_overdue()
                    && let Some(ahead) = session.take_back()
                {
                    put_back(&self.queue, ahead);
                }
                session.overdue()
            }
        }
    }

    /// Takes leave of a worker that is dead or must die.
    fn settle(&mut self, end: End) {
        let Some(session) = self.session.take() else {
            return;
        };
        let settled = session.settle(end);
        match settled.stillborn {
            None => self.stillborn = 0,
            Some(status) => {
                self.stillborn += 1;
                if self.stillborn == STILLBORN {
                    let why = format!("worker processes end before they do anything: {status}");
                    self.give_up(None, &why);
                }
            }
        }
        settled.unbegun.into_iter().for_each(|job| put_back(&self.queue, job));
    }

    fn give_up(&self, job: Option<Job>, why: &str) {
        let waiting = self.queue.give_up(why.to_owned());
        job.into_iter().chain(waiting).for_each(|job| refuse(job.batch, why));
    }

    fn leave(&mut self) {
        match self.session.take() {
            Some(session) if session.load() == 0 => session.leave(),
            Some(session) => session.kill(),
            None => {}
        }
    }

    fn kill(&mut self) {
        if let Some(session) = self.session.take() {
            session.kill();
        }
    }
}

/// Leaves a batch to another worker.
fn put_back(queue: &Queue, job: Job) {
    if let Err((job, why)) = queue.put_back(job) {
        refuse(job.batch, &why);
    }
}

fn start_failed(error: &StartError) -> String {
    format!("no worker process could be started: {}", explain(error))
}

fn foreign(name: &str) -> String {
    format!(
        "`{name}` lives in a shared library and cannot be found again in a worker process: call \
         it through a function of the program, or use the threads backend"
    )
}

#[cfg(test)]
mod tests {
    use super::super::process::tests::impostor;
    use super::super::session::tests::Two;
    use super::*;
    use crate::Failure;
    use std::sync::mpsc::channel;

    fn feeder(queue: &Arc<Queue>) -> Feeder {
        Feeder::new(Arc::clone(queue), 0, 1, Lifetime::default(), Arc::default())
    }

    #[test]
    fn a_death_is_noticed_even_if_something_keeps_the_socket_open() {
        let mut feeder = feeder(&Arc::new(Queue::new(1).unwrap()));
        // What stays behind reads the socket, and ends when the session does.
        let mut session = Session::new(impostor("exec 3<&0; cat <&3 >/dev/null & exit 4"), None);
        let (answer, answers) = channel();
        session.enqueue(Job::alone(Box::new(Two(answer))), 0, 0);
        feeder.session = Some(Box::new(session));
        for _ in 0..1000 {
            if feeder.session.is_some() {
                feeder.attend();
            }
        }
        assert!(feeder.session.is_none(), "it was not noticed");
        assert!(matches!(feeder.queue.next(0, 0), Next::Run(_)), "it was not put back");
        assert!(answers.try_recv().is_err());
    }

    #[test]
    fn workers_that_die_before_they_do_anything_end_the_pool() {
        let queue = Arc::new(Queue::new(1).unwrap());
        let mut feeder = feeder(&queue);
        let (answer, answers) = channel();
        let mut job = Some(Job::alone(Box::new(Two(answer))));
        for _ in 0..STILLBORN {
            assert!(queue.is_open());
            let mut session = Session::new(impostor("exit 9"), None);
            session.enqueue(job.take().unwrap(), 0, 0);
            feeder.session = Some(Box::new(session));
            feeder.settle(End::Closed);
            if let Next::Run(again) = queue.next(0, 0) {
                job = Some(again);
            }
        }
        assert!(!queue.is_open());
        let (_, Err(Failure::Refused { message })) = answers.recv().unwrap() else {
            panic!("it was not refused");
        };
        assert!(message.contains("end before they do anything"), "{message}");
    }
}
