//! Calls on workers of their own memory: batches of calls of one function.

use std::time::Duration;

use joblib_backends::{CallId, Failure, Frame, Keep, Payload, Target};

use super::compute::Scoped;
use super::order::Step;
use super::state::Job;
use crate::clock::Start;
use crate::context;
use crate::panics::{attempt, drop_quietly};
use crate::scope::Work;

/// Calls on their way.
pub(super) struct Shipment<'scope, 'env> {
    scoped: Scoped<'scope, 'env>,
    /// `None` once it is answered.
    jobs: Vec<Option<Job>>,
    target: Option<Target>,
    submitted: Option<Start>,
}

/// Whether two calls can travel in one batch.
pub(super) fn alike(first: &Step, next: &Step) -> bool {
    let target = |step: &Step| step.vertex.call.target(false);
    target(first).zip(target(next)).is_some_and(|(first, next)| {
        first.fingerprint == next.fingerprint && std::ptr::fn_addr_eq(first.call, next.call)
    })
}

impl<'scope, 'env> Shipment<'scope, 'env> {
    /// With calls that are alike.
    pub(super) fn new(scoped: Scoped<'scope, 'env>, jobs: Vec<Job>) -> Self {
        let state = scoped.state();
        let traced = state.dispatch.trace.is_some();
        let target = jobs.first().and_then(|job| state.step(job).vertex.call.target(traced));
        let jobs = jobs.into_iter().map(Some).collect();
        Self { scoped, jobs, target, submitted: scoped.batching().start() }
    }
}

impl Work for Shipment<'_, '_> {
    fn call(&self) -> CallId {
        self.scoped.id()
    }

    fn len(&self) -> u32 {
        self.jobs.len() as u32
    }

    fn target(&self) -> Option<Target> {
        self.target
    }

    fn time_limit(&self) -> Option<Duration> {
        self.scoped.state().dispatch.watch.timeout
    }

    fn keep(&self, task: u32) -> Keep {
        let job = self.jobs.get(task as usize).and_then(Option::as_ref);
        job.map_or(Keep::No, |job| self.scoped.state().keep(job))
    }

    fn run(mut self) {
        let state = self.scoped.state();
        let _inside = context::enter(self.scoped.nesting());
        for job in self.jobs.iter_mut().filter_map(Option::take) {
            if state.is_stopped() {
                drop_quietly(job);
                continue;
            }
            let (job, outcome) = state.make(job);
            state.answer(job, outcome);
        }
    }

    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure> {
        let job = self.jobs.get(task as usize).and_then(Option::as_ref).ok_or(Failure::Lost)?;
        attempt(|| self.scoped.state().step(job).vertex.call.encode(&job.inputs, out)).flatten()
    }

    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>) {
        let (state, count) = (self.scoped.state(), self.jobs.len());
        let Some(job) = self.jobs.get_mut(task as usize).and_then(Option::take) else {
            log::warn!("a backend answered task {task} of {count} twice or out of turn: ignored");
            return;
        };
        let (outcome, span) = match answer {
            Err(failure) => (Err(failure), None),
            Ok(payload) => {
                let traced = state.dispatch.trace.is_some();
                attempt(|| state.step(&job).vertex.call.decode(payload, traced))
                    .unwrap_or_else(|failure| (Err(failure), None))
            }
        };
        state.record(&job, &outcome, span);
        state.answer(job, outcome);
        self.scoped.demand();
    }
}

impl Drop for Shipment<'_, '_> {
    fn drop(&mut self) {
        let state = self.scoped.state();
        let mut lost = false;
        for job in self.jobs.iter_mut().filter_map(Option::take) {
            lost = true;
            if state.is_stopped() {
                drop_quietly(job);
            } else {
                state.answer(job, Err(Failure::Lost));
            }
        }
        if let Some(submitted) = self.submitted.filter(|_| !lost) {
            self.scoped.batching().observe(self.jobs.len(), self.jobs.len(), submitted.elapsed());
        }
        state.end();
        self.scoped.demand();
        self.scoped.wake_if_stopped();
    }
}
