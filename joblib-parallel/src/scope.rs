//! Batches that borrow from the stack of a call which waits for all of them.
//!
//! Backends take `Box<dyn Batch>`, that is, `'static`: they keep batches in queues and threads of
//! their own. The tasks of a call borrow from the caller. This module bridges the two, as
//! [`std::thread::scope`] does for threads; it is the only place where a lifetime is erased.
//!
//! # Why this is sound, whatever a backend does
//!
//! * A batch leaves [`Scope::submit`] inside a [`Submitted`], whose last field is a [`Ticket`]. Fields
//!   are dropped in order, so when the ticket goes, tasks, answers and references are gone.
//! * [`scope`] arms its guard before the first batch can be submitted, and the guard does not let
//!   it end, neither by returning nor by unwinding, before every ticket was dropped.
//! * A backend cannot copy a batch, only run, answer or drop it: each ends with the ticket. If it
//!   *leaks* one, the ticket stays and the call waits for ever, which is sound.
//! * A ticket touches only the latch, which it shares ownership of: the last one may be dropped
//!   while `scope` is already returning.
//! * `'scope` is invariant and outlives the closure given to `scope`, while what the closure's own
//!   frame holds does not live for `'scope`: a batch can only borrow what was there before.
//!
//! Two programs look for holes in it: `cargo test -p joblib-schedules` runs calls and streams in some
//! thousand orders of their threads, and `cargo xtask miri` interprets the tests of borrowed tasks, with
//! the memory orders above taken at their word.

#![allow(unsafe_code, reason = "erases the lifetime of batches, see above")]

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use joblib_backends::{Backend, Batch, CallId, Failure, Frame, Keep, Payload, Target};

use crate::clock::{Deadline, Start};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread::{self, Thread};

/// For so long a call looks before it sleeps.
const MOMENT: Duration = Duration::from_micros(50);

/// Counts the batches that exist.
struct Latch {
    live: AtomicUsize,
    owner: Thread,
}

/// Keeps the scope open.
struct Ticket(Arc<Latch>);

impl Ticket {
    fn new(latch: &Arc<Latch>) -> Self {
        // Relaxed: whoever makes a ticket is inside the scope's frame, or holds another one.
        latch.live.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(latch))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Release: all that was done with the batch happens before the guard sees zero.
        if self.0.live.fetch_sub(1, Ordering::Release) == 1 {
            self.0.owner.unpark();
        }
    }
}

/// Lets batches borrow what lives for `'scope`.
pub(crate) struct Scope<'scope, 'env: 'scope> {
    latch: Arc<Latch>,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Hands a batch to `backend`.
    pub(crate) fn submit(&self, backend: &dyn Backend, batch: impl Work + 'scope) {
        let ticket = Some(Ticket::new(&self.latch));
        let batch: Box<dyn Batch + 'scope> = Box::new(Submitted { batch, ticket });
        // SAFETY: only the lifetime changes. What the batch may touch lives for `'scope`, and
        // `scope` does not end before the batch's ticket was dropped; see the head of the module.
        let batch = unsafe {
            std::mem::transmute::<Box<dyn Batch + 'scope>, Box<dyn Batch + 'static>>(batch)
        };
        backend.submit(batch);
    }

    /// Makes the waiting thread look again: at `stop`, or for batches to help with.
    pub(crate) fn wake(&self) {
        self.latch.owner.unpark();
    }
}

/// Hands a batch that borrows nothing to `backend`.
pub(crate) fn submit_owned(backend: &dyn Backend, batch: impl Work + 'static) {
    backend.submit(Box::new(Submitted { batch, ticket: None }));
}

/// Calls `body` with a scope, and then waits until every batch submitted to it is gone.
///
/// While it waits, it helps with batches of `call`, and calls the backend's `abort` once `stopped`
/// says so; it asks again when woken, and at the end of the `deadline`.
pub(crate) fn scope<'env, R>(
    backend: &dyn Backend,
    call: CallId,
    stopped: &dyn Fn() -> bool,
    deadline: Option<Deadline>,
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
) -> R {
    let latch = Arc::new(Latch { live: AtomicUsize::new(0), owner: thread::current() });
    let scope = Scope { latch: Arc::clone(&latch), scope: PhantomData, env: PhantomData };
    let _guard = Guard { latch: &latch, backend, call, stopped, deadline };
    body(&scope)
}

struct Guard<'a> {
    latch: &'a Latch,
    backend: &'a dyn Backend,
    call: CallId,
    stopped: &'a dyn Fn() -> bool,
    deadline: Option<Deadline>,
}

impl Guard<'_> {
    fn is_open(&self) -> bool {
        // Acquire: pairs with the release of the last ticket.
        self.latch.live.load(Ordering::Acquire) != 0
    }

    /// Looks again and again for a moment: to be woken takes longer than a call of few small tasks.
    fn linger(&self) {
        let start = Start::now();
        while self.is_open() && start.is_some_and(|start| start.elapsed() < MOMENT) {
            // Its tasks may need this processor.
            thread::yield_now();
        }
    }

    fn wait(&self) {
        let mut aborted = false;
        let mut lingers = cfg!(not(shuttle));
        while self.is_open() {
            if !aborted && (self.stopped)() {
                aborted = true;
                self.backend.abort(self.call);
            }
            // A batch that helps may swallow a wake-up: hence the second look at the latch.
            if !self.backend.help(self.call) && self.is_open() {
                if std::mem::take(&mut lingers) {
                    self.linger();
                    continue;
                }
                match self.deadline.filter(|_| !aborted) {
                    Some(deadline) => thread::park_timeout(deadline.left()),
                    None => thread::park(),
                }
            }
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        /// The scope must not end early, and a backend is foreign code: if it panics in `help` or
        /// `abort`, the wait goes on without it.
        struct Bare<'a>(&'a Latch);
        impl Drop for Bare<'_> {
            fn drop(&mut self) {
                while self.0.live.load(Ordering::Acquire) != 0 {
                    thread::park();
                }
            }
        }
        let _bare = Bare(self.latch);
        self.wait();
    }
}

/// What a batch is made of; see [`Batch`].
pub(crate) trait Work: Send {
    fn call(&self) -> CallId;
    fn len(&self) -> u32;
    fn target(&self) -> Option<Target>;
    fn time_limit(&self) -> Option<Duration>;
    fn patience(&self) -> Option<Duration> {
        None
    }
    fn keep(&self, _task: u32) -> Keep {
        Keep::No
    }
    fn run(self);
    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure>;
    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>);
}

/// A batch in the hands of a backend. The order of its fields is part of the argument above.
struct Submitted<W> {
    batch: W,
    /// `None` for a batch that borrows nothing.
    ticket: Option<Ticket>,
}

impl<W: Work> Batch for Submitted<W> {
    fn call(&self) -> CallId {
        self.batch.call()
    }

    fn len(&self) -> u32 {
        self.batch.len()
    }

    fn target(&self) -> Option<Target> {
        self.batch.target()
    }

    fn time_limit(&self) -> Option<Duration> {
        self.batch.time_limit()
    }

    fn patience(&self) -> Option<Duration> {
        self.batch.patience()
    }

    fn keep(&self, task: u32) -> Keep {
        self.batch.keep(task)
    }

    fn run(self: Box<Self>) {
        let Self { batch, ticket } = *self;
        // By value: if this unwinds, the batch is gone before the ticket.
        batch.run();
        drop(ticket);
    }

    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure> {
        self.batch.encode(task, out)
    }

    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>) {
        self.batch.reply(task, answer);
    }
}
