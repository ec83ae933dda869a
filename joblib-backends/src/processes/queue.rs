//! What the feeders of a pool share: the batches that wait, and who waits for them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::arrays::Arrays;
use super::sys;
use super::turns::Turns;
use crate::options::ArrayOptions;
use crate::{Batch, CallId};

/// What the feeders of a pool share. No batch is run or dropped while the lock is held.
pub(super) struct Queue {
    state: Mutex<State>,
    bells: Vec<Bell>,
    /// Notified when a feeder has left.
    left: Condvar,
}

struct State {
    waiting: Turns,
    /// The arrays of calls that have batches.
    calls: HashMap<CallId, Weak<Arrays>>,
    posts: Vec<Post>,
    feeders: usize,
    stage: Stage,
}

/// What is known of one feeder.
#[derive(Default)]
struct Post {
    /// It waits for a batch, with so many under way.
    waits_with: Option<usize>,
    /// Its bell has been rung since it last looked.
    rung: bool,
    /// It has sent a batch ahead, behind one that runs.
    ahead: bool,
    /// It shall take that batch back, for an idle worker.
    take_back: bool,
    /// It knows, or will when it looks, that workers are idle.
    knows_idle: bool,
    aborted: Vec<CallId>,
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

impl Stage {
    /// Why a batch is not queued; one that was `taken` before is still run while the pool closes.
    fn refusal(&self, taken: bool) -> Option<String> {
        match self {
            Stage::Open => None,
            Stage::Closing if taken => None,
            Stage::Broken(why) => Some(why.clone()),
            Stage::Closing | Stage::Killing => Some("the `processes` backend was shut down".into()),
        }
    }
}

/// A batch in the queue, and what it shares with the others of its call.
pub(super) struct Job {
    // Before the arrays: a batch that ends may submit the next one, which needs them, too.
    pub(super) batch: Box<dyn Batch>,
    pub(super) arrays: Arc<Arrays>,
}

impl Job {
    /// A batch that is not of a call.
    pub(super) fn alone(batch: Box<dyn Batch>) -> Self {
        Self { batch, arrays: Arc::new(Arrays::new(ArrayOptions::default())) }
    }
}

/// What a feeder shall do next.
pub(super) enum Next {
    Run(Job),
    Wait,
    Leave,
}

/// What a feeder is told besides.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) kill: bool,
    pub(super) take_back: bool,
    pub(super) aborted: Vec<CallId>,
}

impl Queue {
    pub(super) fn new(feeders: usize) -> io::Result<Self> {
        let bells = (0..feeders).map(|_| Bell::new()).collect::<io::Result<_>>()?;
        let state = State {
            waiting: Turns::default(),
            calls: HashMap::new(),
            posts: (0..feeders).map(|_| Post::default()).collect(),
            feeders,
            stage: Stage::Open,
        };
        Ok(Self { state: Mutex::new(state), bells, left: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs under the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn bell(&self, feeder: usize) -> &Bell {
        &self.bells[feeder]
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().stage == Stage::Open
    }

    /// Queues `batch` and wakes a feeder for it; gives it back, with the reason, if the pool takes
    /// no more. `from_feeder`: the caller is a feeder and will look at the queue anyway.
    pub(super) fn push(
        &self,
        batch: Box<dyn Batch>,
        options: &ArrayOptions,
        from_feeder: bool,
    ) -> Result<(), (Box<dyn Batch>, String)> {
        let call = batch.call();
        let mut state = self.lock();
        if let Some(why) = state.stage.refusal(false) {
            return Err((batch, why));
        }
        let arrays = state.arrays_of(call, options);
        state.waiting.push(Job { batch, arrays });
        let wakes = state.find_waiting(if from_feeder { 0 } else { usize::MAX });
        drop(state);
        if let Some(feeder) = wakes {
            self.bells[feeder].ring();
        }
        Ok(())
    }

    /// Puts a batch in front that was taken before and that no worker has begun; gives it back,
    /// with the reason, if none will.
    pub(super) fn put_back(&self, job: Job) -> Result<(), (Job, String)> {
        let mut state = self.lock();
        if let Some(why) = state.stage.refusal(true) {
            return Err((job, why));
        }
        state.waiting.put_back(job);
        let wakes = state.find_waiting(usize::MAX);
        drop(state);
        if let Some(feeder) = wakes {
            self.bells[feeder].ring();
        }
        Ok(())
    }

    /// What `feeder`, with `load` batches under way, shall do.
    pub(super) fn next(&self, feeder: usize, load: usize) -> Next {
        let mut state = self.lock();
        if state.stage == Stage::Killing {
            return Next::Leave;
        }
        let post = &mut state.posts[feeder];
        (post.waits_with, post.rung, post.ahead) = (None, false, false);
        // What idle workers can run is not sent ahead to a busy one.
        let kept = if load == 0 { 0 } else { state.idle() };
        if state.waiting.len() > kept
            && let Some(job) = state.waiting.pop()
        {
            state.posts[feeder].ahead = load > 0;
            return Next::Run(job);
        }
        if state.stage != Stage::Open && load == 0 {
            return Next::Leave;
        }
        state.posts[feeder].waits_with = Some(load);
        drop(state);
        if load == 0 {
            self.ask_for_work();
        }
        Next::Wait
    }

    /// If a worker is idle, has one of those that were sent a batch ahead give it back; if none were,
    /// has all look that work: they may have to share it.
    pub(super) fn ask_for_work(&self) {
        let mut state = self.lock();
        if state.idle() == 0 {
            return;
        }
        let asked = state.find_ahead().map_or_else(|| state.find_busy(), |feeder| vec![feeder]);
        drop(state);
        asked.into_iter().for_each(|feeder| self.bells[feeder].ring());
    }

    /// Whether workers are idle. If none are, `feeder` is woken when one is.
    pub(super) fn has_idle(&self, feeder: usize) -> bool {
        let mut state = self.lock();
        let has_idle = state.idle() > 0;
        state.posts[feeder].knows_idle = has_idle;
        has_idle
    }

    /// What `feeder` was told since it last asked.
    pub(super) fn orders(&self, feeder: usize) -> Orders {
        let mut state = self.lock();
        let kill = state.stage == Stage::Killing;
        let post = &mut state.posts[feeder];
        let take_back = std::mem::take(&mut post.take_back);
        if take_back {
            post.ahead = false;
        }
        Orders { kill, take_back, aborted: std::mem::take(&mut post.aborted) }
    }

    /// Takes the waiting batches of `call` out, and tells the feeders about it.
    #[must_use = "batches are dropped by the caller, outside the lock"]
    pub(super) fn abort(&self, call: CallId) -> Vec<Job> {
        let mut state = self.lock();
        let dropped = state.waiting.remove(call);
        let busy = |post: &Post| post.waits_with != Some(0);
        let mut told = vec![];
        for (feeder, post) in state.posts.iter_mut().enumerate().filter(|(_, post)| busy(post)) {
            post.aborted.push(call);
            told.push(feeder);
        }
        drop(state);
        told.into_iter().for_each(|feeder| self.bells[feeder].ring());
        dropped
    }

    /// No worker can be started: refuses everything from now on, for the reason `why`.
    #[must_use = "batches are refused by the caller, outside the lock"]
    pub(super) fn give_up(&self, why: String) -> Vec<Job> {
        let mut state = self.lock();
        if state.stage == Stage::Open {
            state.stage = Stage::Broken(why);
        }
        let dropped = state.waiting.take();
        drop(state);
        self.ring_all();
        dropped
    }

    /// Takes no more batches; feeders leave when nothing waits any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        if state.stage != Stage::Killing {
            state.stage = Stage::Closing;
        }
        drop(state);
        self.ring_all();
    }

    /// Tells the feeders to kill their workers and leave.
    #[must_use = "batches are dropped by the caller, outside the lock"]
    pub(super) fn kill(&self) -> Vec<Job> {
        let mut state = self.lock();
        state.stage = Stage::Killing;
        let dropped = state.waiting.take();
        drop(state);
        self.ring_all();
        dropped
    }

    /// Waits until every feeder has left, at most `limit`; says how many are left.
    pub(super) fn await_feeders(&self, limit: Duration) -> usize {
        let state = self.lock();
        let (state, _) = self
            .left
            .wait_timeout_while(state, limit, |state| state.feeders > 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.feeders
    }

    /// A feeder has left.
    pub(super) fn leave(&self) {
        self.lock().feeders -= 1;
        self.left.notify_all();
    }

    fn ring_all(&self) {
        self.bells.iter().for_each(Bell::ring);
    }
}

impl State {
    /// The arrays of `call`, which are forgotten with its last batch.
    fn arrays_of(&mut self, call: CallId, options: &ArrayOptions) -> Arc<Arrays> {
        if let Some(arrays) = self.calls.get(&call).and_then(Weak::upgrade) {
            return arrays;
        }
        self.calls.retain(|_, arrays| arrays.strong_count() > 0);
        let arrays = Arc::new(Arrays::new(options.clone()));
        self.calls.insert(call, Arc::downgrade(&arrays));
        arrays
    }

    /// The number of feeders without any batch.
    fn idle(&self) -> usize {
        self.posts.iter().filter(|post| post.waits_with == Some(0)).count()
    }

    /// Finds a feeder that has sent a batch ahead, and tells it to take that back.
    fn find_ahead(&mut self) -> Option<usize> {
        let feeder = self.posts.iter().position(|post| post.ahead && !post.take_back)?;
        self.posts[feeder].take_back = true;
        Some(feeder)
    }

    /// Finds the feeders that do not know yet that workers are idle, and have none themselves.
    fn find_busy(&mut self) -> Vec<usize> {
        let busy = |post: &Post| !post.knows_idle && post.waits_with != Some(0);
        let posts = self.posts.iter_mut().enumerate().filter(|(_, post)| busy(post));
        posts
            .map(|(feeder, post)| {
                post.knows_idle = true;
                feeder
            })
            .collect()
    }

    /// Finds a feeder to wake: an idle one, else one with at most `load` under way.
    fn find_waiting(&mut self, load: usize) -> Option<usize> {
        let posts = self.posts.iter_mut().enumerate();
        let candidates = posts.filter(|(_, post)| !post.rung);
        let (feeder, post) = candidates
            .filter_map(|(feeder, post)| Some((post.waits_with?, feeder, post)))
            .filter(|(waits_with, ..)| *waits_with <= load)
            .min_by_key(|(waits_with, ..)| *waits_with)
            .map(|(_, feeder, post)| (feeder, post))?;
        post.rung = true;
        Some(feeder)
    }
}

/// Wakes a feeder that waits for its socket and this at once.
#[derive(Debug)]
pub(super) struct Bell(File);

impl Bell {
    fn new() -> io::Result<Self> {
        sys::event_counter().map(Self)
    }

    fn ring(&self) {
        // A full counter has been rung before.
        (&self.0).write_all(&1u64.to_ne_bytes()).ok();
    }

    /// Silences the bell.
    pub(super) fn answer(&self) {
        (&self.0).read_exact(&mut [0; 8]).ok();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
