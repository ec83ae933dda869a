//! The backend of worker processes: the same executable, started again.
//!
//! WORKERS.md describes the protocol and the life of a worker.

mod arrays;
mod entry;
pub(crate) mod far;
mod feeder;
mod fetched;
mod flight;
mod idle;
mod image;
mod inbox;
mod kept;
mod peak;
mod place;
mod preparation;
mod process;
mod queue;
mod region;
pub(crate) mod remote;
mod result_files;
mod segment;
mod session;
mod status;
mod sys;
mod turns;
mod vigil;
mod wire;
mod worker;

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::batch::refuse;
use crate::options::Lifetime;
use crate::pools::{Pool, Pools, check_workers};
use crate::{
    Backend, Batch, CallId, Capabilities, Error, NJobs, Result, WorkerOptions, cpu_count,
    inside_worker,
};
pub(crate) use arrays::Carrier;
use feeder::Feeder;
use idle::Idle;
pub(crate) use kept::read as read_kept;
pub(crate) use place::Place;
use queue::Queue;
pub(crate) use segment::{Segment, shared_at};

/// How long killed workers may take to be gone.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Runs batches in worker processes: this executable, started again.
///
/// There is nothing to set up. A worker starts with the first batch that needs it (about 2 ms),
/// takes over before `main` and never gets there; it is kept for later calls, and ends with this
/// process, whatever ends that. Statics, hooks and arguments that `main` sets up are not there.
/// Its standard input is empty; what tasks print goes where this process prints.
///
/// Tasks travel as the place of their function in the executable, so it must be one made with
/// `delayed!`; closures that capture, and functions of shared libraries, are refused.
///
/// A worker that dies costs the task it was running, which gets
/// [`Failure::WorkerDied`](crate::Failure::WorkerDied); what had not begun is handed back as
/// [`Failure::NotRun`](crate::Failure::NotRun), and another worker takes the place.
///
/// [`abort`](Backend::abort) lets running tasks go on for 100 ms and then kills their workers, so
/// that short tasks leave the pool warm and long ones do not hold it.
pub struct Processes {
    queue: Arc<Queue>,
    workers: NonZeroUsize,
    options: WorkerOptions,
}

impl Processes {
    /// A pool of its own, of up to `workers` processes. See [`shared`](Self::shared) for the usual
    /// way.
    ///
    /// # Errors
    ///
    /// [`Error::InsideWorker`] in a worker; [`Error::Unsupported`] if this code does not lie in
    /// the main executable; [`Error::TooManyWorkers`] for more than 4096; [`Error::Start`] if the system
    /// refuses threads or descriptors.
    pub fn new(workers: NonZeroUsize) -> Result<Self> {
        Self::with_options(workers, &WorkerOptions::default())
    }

    /// The same, with workers as `options` say.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_options(workers: NonZeroUsize, options: &WorkerOptions) -> Result<Self> {
        Self::with_idle(workers, options, &Arc::default())
    }

    fn with_idle(workers: NonZeroUsize, options: &WorkerOptions, idle: &Arc<Idle>) -> Result<Self> {
        if inside_worker() || entry::Invitation::of_this_process().is_some() {
            return Err(Error::InsideWorker);
        }
        if !entry::is_in_executable() {
            return Err(Error::Unsupported {
                backend: "processes",
                reason: "this library is not part of the main executable, which a worker would \
                         have to be",
            });
        }
        check_workers("processes", workers)?;
        let queue = start(workers.get(), &options.workers, idle).map_err(|error| Error::Start {
            backend: "processes",
            workers: workers.get(),
            source: Box::new(error),
        })?;
        Ok(Self { queue, workers, options: options.clone() })
    }

    /// The process-wide pool of `workers` processes, made at the first request and then kept.
    ///
    /// Pools of different sizes have their idle workers in common: a larger one starts only those
    /// that are missing, and those that a smaller one does not need leave when they have been idle
    /// for long. Where the size changes how many threads libraries in a worker are to start, workers are
    /// replaced, because libraries do not change that: say
    /// [`inner_max_num_threads`](WorkerOptions::inner_max_num_threads), and it does not.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn shared(workers: NonZeroUsize) -> Result<Arc<Self>> {
        Self::shared_with(workers, &WorkerOptions::default())
    }

    /// The process-wide pool of such workers.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); [`Error::TempFolder`] if the folder for arrays cannot be used now. Should that
    /// be so later, arrays travel through a socket, with a warning.
    pub fn shared_with(workers: NonZeroUsize, options: &WorkerOptions) -> Result<Arc<Self>> {
        static POOLS: Pools<(NonZeroUsize, WorkerOptions), Processes> = Pools::new();
        arrays::check(&options.arrays)?;
        POOLS.get((workers, options.clone()), |(workers, options)| {
            Self::with_idle(*workers, options, &Idle::shared(&options.workers))
        })
    }
}

/// Starts the feeders. Workers start when they are needed.
fn start(workers: usize, lifetime: &Lifetime, idle: &Arc<Idle>) -> io::Result<Arc<Queue>> {
    let queue = Arc::new(Queue::new(workers)?);
    for index in 0..workers {
        let (queue_again, idle) = (Arc::clone(&queue), Arc::clone(idle));
        let feeder = Feeder::new(queue_again, index, workers, lifetime.clone(), idle);
        let thread = thread::Builder::new().name(format!("joblib-feeder-{index}"));
        if let Err(error) = thread.spawn(move || feeder.run()) {
            drop(queue.kill());
            return Err(error);
        }
    }
    Ok(queue)
}

impl Pool for Processes {
    fn is_open(&self) -> bool {
        self.queue.is_open()
    }
}

impl std::fmt::Debug for Processes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Processes").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl Backend for Processes {
    fn name(&self) -> &str {
        "processes"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            shared_memory: false,
            kill: true,
            timeout: true,
            max_batch_len: self.options.workers.max_tasks,
            batch_time: None,
            keeps_results: false,
        }
    }

    /// As many as asked for, but no more than the pool has.
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        Ok(requested.resolve(cpu_count())?.min(self.workers))
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        if let Err((batch, why)) = self.queue.push(batch, &self.options.arrays, feeder::is_feeder())
        {
            refuse(batch, &why);
        }
    }

    fn help(&self, _call: CallId) -> bool {
        false
    }

    fn abort(&self, call: CallId) {
        drop(self.queue.abort(call));
    }

    /// Queued batches have until `grace` is over, too; then they are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::StillRunning`] if a worker could not even be killed within five seconds.
    fn shutdown(&self, grace: Duration) -> Result<()> {
        self.queue.close();
        if self.queue.await_feeders(grace) == 0 {
            return Ok(());
        }
        drop(self.queue.kill());
        match self.queue.await_feeders(KILL_LIMIT) {
            0 => Ok(()),
            batches => Err(Error::StillRunning { backend: "processes", batches }),
        }
    }
}

impl Drop for Processes {
    /// Kills the workers without waiting: a batch may be what holds the last reference.
    fn drop(&mut self) {
        drop(self.queue.kill());
    }
}
