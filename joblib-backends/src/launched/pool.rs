//! What the feeders of a pool share: the batches that wait, and what each feeder is doing.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::line::Line;
use crate::waiting::Waiting;
use crate::{Batch, CallId};

/// How long a worker may take to give up a batch before its launcher is killed: the network may be
/// gone, and with it whoever could answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the feeders of a pool share. No batch is run or dropped while the lock is held.
pub(super) struct Pool {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: Waiting,
    /// How many batches that are.
    queued: usize,
    posts: Vec<Post>,
    /// Feeders that have not left.
    feeders: usize,
    /// Whether any worker was ever there.
    greeted: bool,
    stage: Stage,
}

/// What is known of one feeder.
#[derive(Default)]
struct Post {
    doing: Doing,
    /// It shall be silent no longer than that.
    deadline: Option<Instant>,
}

#[derive(Default)]
enum Doing {
    /// It has no worker.
    #[default]
    Nothing,
    Starting,
    /// It has a worker without a batch.
    Idle,
    /// It sends a batch of this call; whether that shall be given up.
    Sending {
        call: CallId,
        aborted: bool,
    },
    /// It waits for the answers.
    Receiving {
        call: CallId,
        line: Arc<Line>,
    },
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Stage {
    Open,
    /// No worker can be started, and why.
    Broken(String),
    /// What waits is still run.
    Closing,
    /// Workers are killed.
    Killing,
}

/// What a feeder shall do next.
pub(super) enum Next {
    /// Start a worker, and say so with [`Pool::started`], or leave.
    Start,
    Run(Box<dyn Batch>),
    /// End the worker: it was idle for so long.
    Rest,
    Leave,
}

impl Pool {
    pub(super) fn new(feeders: usize) -> Self {
        let state = State {
            waiting: Waiting::default(),
            queued: 0,
            posts: (0..feeders).map(|_| Post::default()).collect(),
            feeders,
            greeted: false,
            stage: Stage::Open,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().stage == Stage::Open
    }

    /// Queues `batch`; gives it back, with the reason, if the pool takes no more.
    pub(super) fn push(&self, batch: Box<dyn Batch>) -> Result<(), (Box<dyn Batch>, String)> {
        let mut state = self.lock();
        let why = match &state.stage {
            Stage::Open => {
                state.waiting.push(batch);
                state.queued += 1;
                drop(state);
                self.changed.notify_all();
                return Ok(());
            }
            Stage::Broken(why) => why.clone(),
            Stage::Closing | Stage::Killing => "the `launch` backend was shut down".to_owned(),
        };
        Err((batch, why))
    }

    /// Waits for something to do. A worker is idle for no longer than `limit`.
    pub(super) fn next(&self, feeder: usize, has_worker: bool, limit: Option<Duration>) -> Next {
        let mut state = self.lock();
        state.posts[feeder].deadline = None;
        let end = limit.filter(|_| has_worker).and_then(|limit| Instant::now().checked_add(limit));
        loop {
            if state.stage == Stage::Killing {
                return Next::Leave;
            }
            if has_worker && let Some(batch) = state.waiting.take() {
                state.queued -= 1;
                state.posts[feeder].doing = Doing::Sending { call: batch.call(), aborted: false };
                return Next::Run(batch);
            }
            state.posts[feeder].doing = Doing::Nothing;
            if !has_worker && state.queued > state.ready() {
                state.posts[feeder].doing = Doing::Starting;
                return Next::Start;
            }
            if state.stage != Stage::Open && state.queued == 0 {
                return Next::Leave;
            }
            if has_worker {
                state.posts[feeder].doing = Doing::Idle;
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Next::Rest;
            }
            state = match left {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The worker that `feeder` was to start is there.
    pub(super) fn started(&self, feeder: usize) {
        let mut state = self.lock();
        state.greeted = true;
        state.posts[feeder].doing = Doing::Nothing;
    }

    /// Whether a worker was ever there.
    pub(super) fn has_greeted(&self) -> bool {
        self.lock().greeted
    }

    /// The batch of `feeder` was sent; it is given up now if that was wanted meanwhile.
    pub(super) fn sent(&self, feeder: usize, line: &Arc<Line>) {
        let mut state = self.lock();
        let post = &mut state.posts[feeder];
        if let Doing::Sending { call, aborted } = post.doing {
            post.doing = Doing::Receiving { call, line: Arc::clone(line) };
            drop(state);
            if aborted {
                line.abort(call);
            }
        }
    }

    /// Whether the worker of `feeder` was silent for too long, or shall not be waited for.
    pub(super) fn is_overdue(&self, feeder: usize) -> bool {
        let state = self.lock();
        let post = &state.posts[feeder];
        post.deadline.is_some_and(|deadline| deadline <= Instant::now())
            || (matches!(post.doing, Doing::Starting) && state.stage == Stage::Killing)
    }

    /// Takes the waiting batches of `call` out, and has those under way given up.
    #[must_use = "batches are dropped by the caller, outside the lock"]
    pub(super) fn abort(&self, call: CallId) -> impl Sized {
        let mut state = self.lock();
        let dropped = state.waiting.take_all_of(call);
        state.queued -= dropped.as_ref().map_or(0, |all| all.len());
        let lines = state.give_up(Some(call));
        drop(state);
        lines.into_iter().for_each(|(line, call)| line.abort(call));
        dropped
    }

    /// No worker can be started: takes nothing from now on, for the reason `why`.
    #[must_use = "batches are refused by the caller, outside the lock"]
    pub(super) fn break_off(&self, why: &str) -> Vec<Box<dyn Batch>> {
        let mut state = self.lock();
        if state.stage == Stage::Open {
            state.stage = Stage::Broken(why.to_owned());
        }
        let dropped = state.take_all();
        drop(state);
        self.changed.notify_all();
        dropped
    }

    /// Takes no more batches; feeders leave when nothing waits any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        if state.stage != Stage::Killing {
            state.stage = Stage::Closing;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Has everything given up, and feeders leave.
    #[must_use = "batches are dropped by the caller, outside the lock"]
    pub(super) fn kill(&self) -> Vec<Box<dyn Batch>> {
        let mut state = self.lock();
        state.stage = Stage::Killing;
        let dropped = state.take_all();
        let lines = state.give_up(None);
        drop(state);
        self.changed.notify_all();
        lines.into_iter().for_each(|(line, call)| line.abort(call));
        dropped
    }

    /// Waits until every feeder has left, at most `limit`; says how many are left.
    pub(super) fn await_feeders(&self, limit: Duration) -> usize {
        let left = |state: &mut State| state.feeders > 0;
        let waited = self.changed.wait_timeout_while(self.lock(), limit, left);
        waited.unwrap_or_else(PoisonError::into_inner).0.feeders
    }

    /// `feeder` has left.
    pub(super) fn leave(&self, feeder: usize) {
        let mut state = self.lock();
        state.posts[feeder].doing = Doing::Nothing;
        state.feeders -= 1;
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// The number of feeders that will take a batch without being asked.
    fn ready(&self) -> usize {
        let is_ready = |post: &&Post| matches!(post.doing, Doing::Starting | Doing::Idle);
        self.posts.iter().filter(is_ready).count()
    }

    /// Marks what is under way, of `call` or of all, and says who has to be told.
    fn give_up(&mut self, of: Option<CallId>) -> Vec<(Arc<Line>, CallId)> {
        let mut lines = Vec::new();
        for post in &mut self.posts {
            let is_meant = |call: CallId| of.is_none_or(|of| of == call);
            match &mut post.doing {
                Doing::Sending { call, aborted } if is_meant(*call) => *aborted = true,
                Doing::Receiving { call, line } if is_meant(*call) => {
                    lines.push((Arc::clone(line), *call));
                }
                _ => continue,
            }
            post.deadline = Instant::now().checked_add(PATIENCE);
        }
        lines
    }

    fn take_all(&mut self) -> Vec<Box<dyn Batch>> {
        self.queued = 0;
        std::iter::from_fn(|| self.waiting.take()).collect()
    }
}
