//! Calls on workers that share our memory: loops that make one call after the other.

use std::time::Duration;

use joblib_backends::{CallId, Failure, Frame, Payload, Target};

use super::compute::Scoped;
use crate::clock::Start;
use crate::context;
use crate::scope::Work;

/// After so long a loop gives its place to what others have submitted, and begins anew behind it.
const SLICE: Duration = Duration::from_millis(1);

/// A loop on one worker, for as long as there are calls to make.
pub(super) struct Runner<'scope, 'env> {
    scoped: Scoped<'scope, 'env>,
    ended: bool,
}

impl<'scope, 'env> Runner<'scope, 'env> {
    pub(super) fn new(scoped: Scoped<'scope, 'env>) -> Self {
        Self { scoped, ended: false }
    }
}

impl Work for Runner<'_, '_> {
    fn call(&self) -> CallId {
        self.scoped.id()
    }

    fn len(&self) -> u32 {
        1
    }

    fn target(&self) -> Option<Target> {
        None
    }

    fn time_limit(&self) -> Option<Duration> {
        None
    }

    fn run(mut self) {
        let (scoped, state) = (self.scoped, self.scoped.state());
        let most = scoped.workers().n_jobs;
        let _inside = context::enter(scoped.nesting());
        let start = Start::now();
        let mut made = None;
        loop {
            let go_on = start.is_none_or(|start| start.elapsed() < SLICE);
            let turn = state.turn(made.take(), go_on, most);
            self.ended = turn.job.is_none();
            if turn.another {
                scoped.demand();
            }
            let Some(job) = turn.job else { break };
            made = Some(state.make(job));
        }
        scoped.wake_if_stopped();
    }

    fn encode(&self, _: u32, _: &mut Frame) -> Result<(), Failure> {
        Err(Failure::Refused { message: "a loop over calls cannot leave the process".into() })
    }

    /// The backend has not run it, whatever it says.
    fn reply(&mut self, _: u32, _: Result<Payload<'_>, Failure>) {}
}

impl Drop for Runner<'_, '_> {
    fn drop(&mut self) {
        if !self.ended {
            self.scoped.state().end();
        }
    }
}
