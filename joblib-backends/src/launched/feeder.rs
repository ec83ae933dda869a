//! One thread for each worker: takes batches from the pool, and starts the worker when it needs it.

use std::sync::Arc;
use std::time::Duration;

use super::frames::Setup;
use super::launcher::Launcher;
use super::pool::{Next, Pool};
use super::worker::{StartError, Worker};
use crate::batch::refuse;

/// How often a worker that is idle is told what it need not keep any more.
const TIDY: Duration = Duration::from_secs(1);

/// What feeds one worker.
pub(super) struct Feeder {
    pub(super) pool: Arc<Pool>,
    pub(super) index: usize,
    pub(super) launcher: Launcher,
    pub(super) setup: Arc<Setup>,
    pub(super) idle_timeout: Option<Duration>,
}

impl Feeder {
    /// Works until the pool is shut down.
    pub(super) fn run(self) {
        let mut worker: Option<Worker> = None;
        // For how long the worker has been idle, and whether there may be something to tidy up.
        let (mut idle, mut untidy) = (Duration::ZERO, false);
        loop {
            let left = self.idle_timeout.map(|limit| limit.saturating_sub(idle));
            let limit = if untidy { Some(left.map_or(TIDY, |left| left.min(TIDY))) } else { left };
            match self.pool.next(self.index, worker.is_some(), limit) {
                Next::Start => match self.start() {
                    Some(started) => worker = Some(started),
                    None => break,
                },
                // There is a worker, or there would be no batch.
                Next::Run(batch) => {
                    worker = worker.and_then(|worker| worker.run(batch));
                    (idle, untidy) = (Duration::ZERO, true);
                }
                Next::Rest if limit != left => {
                    idle += TIDY;
                    untidy = worker.as_mut().is_some_and(Worker::tidy);
                }
                Next::Rest => worker.take().into_iter().for_each(Worker::finish),
                Next::Leave => break,
            }
        }
        worker.into_iter().for_each(Worker::finish);
        self.pool.leave(self.index);
    }

    /// `None` if this feeder is of no use any more.
    fn start(&self) -> Option<Worker> {
        let started = Worker::start(&self.launcher, &self.pool, self.index, &self.setup);
        // Until this feeder leaves, it counts as one that starts: nobody tries the same meanwhile.
        let why = match started {
            Ok(worker) => {
                self.pool.started(self.index);
                return Some(worker);
            }
            Err(StartError::Cancelled) => return None,
            // A queue may have no room for as many workers as were asked for.
            Err(late @ StartError::Late { .. }) if self.pool.has_greeted() => {
                log::warn!("the pool goes on with fewer workers: {late}");
                return None;
            }
            Err(error) => error.to_string(),
        };
        let waiting = self.pool.break_off(&why);
        waiting.into_iter().for_each(|batch| refuse(batch, &why));
        None
    }
}
