//! A computation from its start to its results.

use std::sync::atomic::{AtomicUsize, Ordering};

use joblib_backends::CallId;

use super::order::Order;
use super::runner::Runner;
use super::shipment::{Shipment, alike};
use super::state::{Ended, State};
use super::wanted::Wanted;
use crate::batching::Batching;
use crate::context::Nesting;
use crate::dispatch::Dispatch;
use crate::ids::next_call;
use crate::plan::{Plan, Workers};
use crate::progress::Progress;
use crate::scope::{Scope, scope};
use crate::{Error, Result, TaskError};

/// Computes what is `wanted`, and all it needs.
pub(crate) fn compute<W: Wanted>(
    plan: &Plan,
    dispatch: Dispatch,
    wanted: &W,
    progress: Option<&Progress>,
) -> Result<W::Results> {
    let mut order = Order::default();
    wanted.vertices(&mut |vertex| order.want(vertex));
    let steps = std::mem::take(&mut order.steps);
    let state = State::new(steps, dispatch, progress);
    match plan {
        Plan::InPlace => in_place(&state),
        Plan::On(workers) => on(workers, &state),
    }
    match state.into_results(&order) {
        Ended::Done(values) => wanted
            .results(&mut values.into_iter())
            .map_err(|failure| TaskError::new(order.wanted[0] as usize, None, failure).into()),
        Ended::Failed { step, function, fault } => {
            Err(TaskError::new(step as usize, Some(function), fault).into())
        }
        Ended::OutOfTime { limit, done } => Err(Error::OutOfTime { limit, done }),
    }
}

/// One call after the other, on the caller's thread.
fn in_place(state: &State<'_>) {
    state.begin();
    let mut made = None;
    while let Some(job) = state.turn(made.take(), true, 1).job {
        made = Some(state.make(job));
    }
}

fn on(workers: &Workers, state: &State<'_>) {
    let capabilities = workers.backend.capabilities();
    let shared_memory = capabilities.shared_memory;
    let most = if shared_memory { workers.n_jobs } else { state.dispatch.window.get() };
    let course = Course {
        id: next_call(),
        workers,
        nesting: workers.nesting(),
        batching: Batching::new(state.dispatch.batch_size, capabilities),
        state,
        shared_memory,
        most,
        wanted: AtomicUsize::new(0),
    };
    let stopped = || state.is_stopped();
    let deadline = state.deadline();
    scope(&*workers.backend, course.id, &stopped, deadline, |scope| {
        if shared_memory {
            state.begin();
        }
        Scoped { course: &course, scope }.demand();
    });
}

/// A computation on workers.
struct Course<'a> {
    id: CallId,
    workers: &'a Workers,
    nesting: Nesting,
    batching: Batching,
    state: &'a State<'a>,
    shared_memory: bool,
    /// How many batches may be under way.
    most: usize,
    /// How often somebody has asked for batches to be submitted.
    wanted: AtomicUsize,
}

/// A computation together with its scope: what its batches carry.
#[derive(Clone, Copy)]
pub(super) struct Scoped<'scope, 'env> {
    course: &'env Course<'env>,
    scope: &'scope Scope<'scope, 'env>,
}

impl<'scope, 'env> Scoped<'scope, 'env> {
    pub(super) fn id(self) -> CallId {
        self.course.id
    }

    pub(super) fn state(self) -> &'env State<'env> {
        self.course.state
    }

    pub(super) fn workers(self) -> &'env Workers {
        self.course.workers
    }

    pub(super) fn nesting(self) -> &'env Nesting {
        &self.course.nesting
    }

    pub(super) fn batching(self) -> &'env Batching {
        &self.course.batching
    }

    pub(super) fn wake_if_stopped(self) {
        if self.state().is_stopped() {
            self.scope.wake();
        }
    }

    /// Submits a loop, or all batches that can be cut.
    ///
    /// One thread submits at a time, and does what others demand meanwhile: a backend that completes
    /// a batch inside `submit` demands from within, and nothing recurses.
    pub(super) fn demand(self) {
        let Course { wanted, workers, .. } = self.course;
        if wanted.fetch_add(1, Ordering::AcqRel) != 0 {
            return;
        }
        loop {
            let seen = wanted.load(Ordering::Acquire);
            if self.course.shared_memory {
                (0..seen).for_each(|_| self.scope.submit(&*workers.backend, Runner::new(self)));
            } else {
                self.ship();
            }
            if workers.nested {
                // The caller is a worker, too, and may sleep.
                self.scope.wake();
            }
            if wanted.fetch_sub(seen, Ordering::AcqRel) == seen {
                return;
            }
        }
    }

    fn ship(self) {
        let Course { state, batching, workers, most, .. } = self.course;
        loop {
            let jobs = state.cut(batching.size(), workers.n_jobs, *most, alike);
            if jobs.is_empty() {
                return;
            }
            self.scope.submit(&*workers.backend, Shipment::new(self, jobs));
        }
    }
}
