//! The call that a worker makes before its first task, as a batch that comes first.

use std::sync::Arc;

use super::queue::Queue;
use crate::batch::refuse;
use crate::options::Initializer;
use crate::{Batch, CallId, Failure, Frame, Payload, Target};

/// The call of an initializer. If it fails, the pool gives up.
pub(super) struct Preparation {
    pub(super) initializer: Initializer,
    pub(super) queue: Arc<Queue>,
}

impl Batch for Preparation {
    /// Of a call that nobody aborts.
    fn call(&self) -> CallId {
        CallId(u64::MAX)
    }

    fn len(&self) -> u32 {
        1
    }

    fn target(&self) -> Option<Target> {
        Some(self.initializer.function)
    }

    /// It is for workers.
    fn run(self: Box<Self>) {}

    fn encode(&self, _: u32, out: &mut Frame) -> Result<(), Failure> {
        out.bytes.extend_from_slice(self.initializer.arguments.as_bytes());
        Ok(())
    }

    fn reply(&mut self, _: u32, answer: Result<Payload<'_>, Failure>) {
        let Err(failure) = answer else { return };
        let name = self.initializer.function.name;
        let why = format!("the initializer `{name}` of a worker failed: {}", said(&failure));
        let waiting = self.queue.give_up(why.clone());
        waiting.into_iter().for_each(|job| refuse(job.batch, &why));
    }
}

/// A failure in words.
fn said(failure: &Failure) -> String {
    match failure {
        Failure::Panic { message } => format!("it panicked: {message}"),
        Failure::Codec { message } | Failure::Refused { message } => message.clone(),
        Failure::WorkerDied { status, .. } => format!("the worker ended with {status}"),
        other => format!("{other:?}"),
    }
}
