//! The pipe to a relay, into which its feeder and whoever aborts a call write.

use std::io::{self, BufWriter, Write};
use std::process::ChildStdin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::frames::{self, Order};
use crate::CallId;
use crate::scatter::Outlet;

/// The pipe to a relay.
pub(super) struct Line {
    pipe: Mutex<Option<ChildStdin>>,
    kept: Mutex<Kept>,
}

/// What the relay keeps.
#[derive(Default)]
struct Kept {
    count: usize,
    /// What it need not keep any more, and has not been told so.
    dropped: Vec<u64>,
}

impl Line {
    pub(super) fn new(pipe: ChildStdin) -> Self {
        Self { pipe: Mutex::new(Some(pipe)), kept: Mutex::default() }
    }

    pub(super) fn send(&self, order: Order, payload: &[u8]) -> io::Result<()> {
        self.with(|pipe| frames::write_order(pipe, order, payload))
    }

    fn with<R>(&self, action: impl FnOnce(&mut ChildStdin) -> io::Result<R>) -> io::Result<R> {
        let mut pipe = lock(&self.pipe);
        action(pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?)
    }

    /// Tells the relay what it need not keep any more; whether it keeps something still.
    pub(super) fn tidy(&self) -> bool {
        let (dropped, left) = {
            let mut kept = lock(&self.kept);
            (std::mem::take(&mut kept.dropped), kept.count > 0)
        };
        // As for `abort`.
        dropped.iter().try_for_each(|id| self.send(Order::Drop, &id.to_le_bytes())).ok();
        left
    }

    /// Has the relay give up what is under way for `call`.
    pub(super) fn abort(&self, call: CallId) {
        // Whoever reads the answers sees the end of a relay that cannot be told.
        self.send(Order::Abort, &call.0.to_le_bytes()).ok();
    }

    /// Tells the relay that nothing comes any more.
    pub(super) fn close(&self) {
        lock(&self.pipe).take();
    }
}

impl Outlet for Line {
    fn put(
        &self,
        id: u64,
        len: usize,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        lock(&self.kept).count += 1;
        self.with(|pipe| {
            // Parts may be small.
            let mut pipe = BufWriter::with_capacity(1 << 16, pipe);
            frames::begin(&mut pipe, Order::Put, 8 + len)?;
            pipe.write_all(&id.to_le_bytes())?;
            write(&mut pipe)?;
            pipe.flush()
        })
    }

    /// The relay is told when the feeder comes by: the pipe may be full.
    fn forget(&self, id: u64) {
        let mut kept = lock(&self.kept);
        kept.count -= 1;
        kept.dropped.push(id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
