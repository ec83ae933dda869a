//! The pipe to a relay, into which its feeder and whoever aborts a call write.

use std::io;
use std::process::ChildStdin;
use std::sync::{Mutex, PoisonError};

use super::frames::{self, Order};
use crate::CallId;

/// The pipe to a relay.
pub(super) struct Line(Mutex<Option<ChildStdin>>);

impl Line {
    pub(super) fn new(pipe: ChildStdin) -> Self {
        Self(Mutex::new(Some(pipe)))
    }

    pub(super) fn send(&self, order: Order, payload: &[u8]) -> io::Result<()> {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        frames::write_order(pipe, order, payload)
    }

    /// Has the relay give up what is under way for `call`.
    pub(super) fn abort(&self, call: CallId) {
        // Whoever reads the answers sees the end of a relay that cannot be told.
        self.send(Order::Abort, &call.0.to_le_bytes()).ok();
    }

    /// Tells the relay that nothing comes any more.
    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
