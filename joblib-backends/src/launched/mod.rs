//! Worker processes that a command starts, here or on other machines: `srun`, `ssh`, anything.
//!
//! WORKERS.md describes what is said through the pipes.

mod errors;
mod feeder;
mod frames;
mod launcher;
mod line;
mod pool;
mod relay;
mod worker;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::batch::refuse;
use crate::options::Lifetime;
use crate::pools::{self, Pools, check_workers};
use crate::processes::remote;
use crate::{
    Backend, Batch, CallId, Capabilities, Error, NJobs, Result, WorkerOptions, inside_worker,
};
use feeder::Feeder;
use frames::{Initializer, Setup};
pub use launcher::Launcher;
use pool::Pool;
pub(crate) use relay::serve as relay;

/// A batch of one task takes a fraction of a millisecond here, a network's way there and back one or two.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// How long killed workers may take to be gone.
const KILL_LIMIT: Duration = Duration::from_secs(30);

/// Runs batches in worker processes that a command starts: by `srun` on the machines of a Slurm
/// allocation, by `ssh` on any machine.
///
/// ```no_run
/// # #[cfg(target_os = "linux")] {
/// use joblib_backends::{NJobs, backend_by_name};
///
/// let slurm = backend_by_name("launch:srun -Q -n1 --exact --unbuffered", NJobs::from(-1))?;
/// let machines = backend_by_name("launch:ssh left; ssh right", NJobs::from(8))?;
/// # }
/// # Ok::<(), joblib_backends::Error>(())
/// ```
///
/// Each worker is `<prefix> env JOBLIB_WORKER=relay <this executable>`, started with the first batch
/// that needs it. The executable has to lie at the same path there
/// ([`Launcher::executable`] names another one), and to be the same build: that is
/// the first thing a worker tells, before it gets anything. Nothing else is needed on the other side, no Python,
/// no port, no service. The prefix has to pass on standard input and output as they are, unbuffered
/// (`srun` wants `--unbuffered`) and without a terminal.
///
/// Of `n_jobs`, -1 is as many workers as the allocation has tasks (`SLURM_NTASKS`) if the prefix
/// is `srun`, and as this machine has cores otherwise.
///
/// Tasks run, fail, time out and are killed as those of [`Processes`](crate::Processes), and what they
/// print appears here, because on the other side there is a relay between us and the worker. Arrays of
/// more than 1 MiB, and [`Shared`](crate::Shared) values, go through the pipe to each worker once,
/// however many tasks use them.
///
/// # What this is not
///
/// There is no queue but that of the launcher, and no tolerance against the loss of machines. The
/// first launcher that ends without a worker makes the pool refuse all batches, with its message. A launcher that
/// is lost later costs one task of its batch, which gets [`Failure::WorkerDied`](crate::Failure::WorkerDied);
/// other tasks of that batch whose answers were on the way run again. A machine that
/// vanishes without closing its connection is noticed when the launcher notices it
/// (`ssh -o ServerAliveInterval=5`). For more, there are engines: the feature `distributed`.
pub struct Launched {
    pool: Arc<Pool>,
    workers: NonZeroUsize,
    options: Lifetime,
}

impl Launched {
    /// A pool of its own, of up to `workers` processes. See [`shared`](Self::shared) for the usual way.
    ///
    /// # Errors
    ///
    /// [`Error::NoCommand`] if a prefix has no words; [`Error::InsideWorker`] in a worker;
    /// [`Error::Start`] if the system refuses threads. What the command does shows with the first batch.
    pub fn new(workers: NonZeroUsize, launcher: &Launcher) -> Result<Self> {
        Self::with_options(workers, launcher, &WorkerOptions::default())
    }

    /// The same, with workers as `options` say; those about arrays do not matter.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_options(
        workers: NonZeroUsize,
        launcher: &Launcher,
        options: &WorkerOptions,
    ) -> Result<Self> {
        check_workers("launch", workers)?;
        let launcher = launcher.clone().checked()?;
        if inside_worker() {
            return Err(Error::InsideWorker);
        }
        let options = options.workers.clone();
        let failed = |source| Error::Start { backend: "launch", workers: workers.get(), source };
        let setup = Arc::new(setup(&options).map_err(|why| failed(why.into()))?);
        let pool = Arc::new(Pool::new(workers.get()));
        for index in 0..workers.get() {
            let feeder = Feeder {
                pool: Arc::clone(&pool),
                index,
                launcher: launcher.clone(),
                setup: Arc::clone(&setup),
                idle_timeout: options.idle_timeout,
            };
            let thread = thread::Builder::new().name(format!("joblib-launch-{index}"));
            if let Err(error) = thread.spawn(move || feeder.run()) {
                drop(pool.kill());
                return Err(failed(error.into()));
            }
        }
        Ok(Self { pool, workers, options })
    }

    /// The process-wide pool of `n_jobs` such workers, made at the first request and then kept.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and [`Error::ZeroJobs`] for zero.
    pub fn shared(n_jobs: NJobs, launcher: &Launcher) -> Result<Arc<Self>> {
        Self::shared_with(n_jobs, launcher, &WorkerOptions::default())
    }

    /// The process-wide pool of such workers.
    ///
    /// # Errors
    ///
    /// As [`shared`](Self::shared).
    pub fn shared_with(
        n_jobs: NJobs,
        launcher: &Launcher,
        options: &WorkerOptions,
    ) -> Result<Arc<Self>> {
        static POOLS: Pools<(NonZeroUsize, Launcher, Lifetime), Launched> = Pools::new();
        let workers = n_jobs.resolve(launcher.all_workers())?;
        let key = (workers, launcher.clone(), options.workers.clone());
        POOLS.get(key, |(workers, launcher, _)| Self::with_options(*workers, launcher, options))
    }
}

/// What relays are told.
fn setup(options: &Lifetime) -> Result<Setup, String> {
    let initializer = options.initializer.as_ref().map(|initializer| {
        let function = initializer.function;
        Ok::<_, String>(Initializer {
            function: remote::offset_of(function.call)
                .ok_or_else(|| format!("`{}` lies in a shared library", function.name))?,
            fingerprint: function.fingerprint,
            arguments: initializer.arguments.as_bytes().to_vec(),
        })
    });
    Ok(Setup {
        inner_threads: options.inner_threads,
        max_tasks: options.max_tasks,
        memory_limit: options.memory_limit,
        initializer: initializer.transpose()?,
    })
}

impl pools::Pool for Launched {
    fn is_open(&self) -> bool {
        self.pool.is_open()
    }
}

impl std::fmt::Debug for Launched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launched").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl Backend for Launched {
    fn name(&self) -> &str {
        "launch"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            shared_memory: false,
            kill: true,
            timeout: true,
            max_batch_len: self.options.max_tasks,
            batch_time: Some(BATCH_TIME),
            keeps_results: false,
        }
    }

    /// As many as asked for, but no more than the pool has.
    fn effective_n_jobs(&self, requested: NJobs) -> Result<NonZeroUsize> {
        Ok(requested.resolve(self.workers)?.min(self.workers))
    }

    fn submit(&self, batch: Box<dyn Batch>) {
        if let Err((batch, why)) = self.pool.push(batch) {
            refuse(batch, &why);
        }
    }

    fn help(&self, _call: CallId) -> bool {
        false
    }

    /// What runs is killed by its relay; a launcher that does not answer within ten seconds, with it.
    fn abort(&self, call: CallId) {
        drop(self.pool.abort(call));
    }

    /// Queued batches have until `grace` is over, too; then they are dropped.
    ///
    /// # Errors
    ///
    /// [`Error::StillRunning`] if a launcher could not even be killed within thirty seconds.
    fn shutdown(&self, grace: Duration) -> Result<()> {
        self.pool.close();
        if self.pool.await_feeders(grace) == 0 {
            return Ok(());
        }
        drop(self.pool.kill());
        match self.pool.await_feeders(KILL_LIMIT) {
            0 => Ok(()),
            batches => Err(Error::StillRunning { backend: "launch", batches }),
        }
    }
}

impl Drop for Launched {
    /// Ends the workers without waiting: a batch may be what holds the last reference.
    fn drop(&mut self) {
        drop(self.pool.kill());
    }
}
