//! Where a call runs, and with how many workers.

use std::sync::Arc;

use joblib_backends::{
    Backend, NJobs, backend_by_name, backend_by_name_with, cpu_count, inside_worker, worker_cores,
};

use crate::config::{BackendChoice, Choice, Settings};
use crate::context::{self, Level, Nesting};
use crate::wishes::{Prefer, Require, WorkerWishes};
use crate::{Error, Result};

/// The decision for one call.
#[derive(Debug)]
pub(crate) enum Plan {
    /// In sequence, on the caller's thread.
    InPlace,
    /// On a backend.
    On(Workers),
}

/// Workers of a backend.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) n_jobs: usize,
    /// The pool may have more workers than this call may use.
    pub(crate) capped: bool,
    /// The caller is one of the workers: it helps while it waits.
    pub(crate) nested: bool,
}

impl Workers {
    fn of(backend: Arc<dyn Backend>, requested: NJobs) -> Result<Self> {
        let n_jobs = backend.effective_n_jobs(requested)?.get();
        let all = backend.effective_n_jobs(NJobs::from(i32::MAX))?.get();
        Ok(Self { backend, n_jobs, capped: n_jobs < all, nested: false })
    }

    /// What the tasks may use for calls of their own.
    ///
    /// Only of our own threads is it known that they help while they wait; any other pool could be
    /// full of tasks that wait for one another. And if the pool is larger than the outermost call
    /// may use, nothing but the window keeps it to its number.
    pub(crate) fn nesting(&self) -> Nesting {
        if self.backend.name() == "threads" && (self.nested || !self.capped) {
            Nesting::shared(Arc::clone(&self.backend), self.n_jobs)
        } else {
            Nesting::sequential()
        }
    }
}

impl Plan {
    pub(crate) fn n_jobs(&self) -> usize {
        match self {
            Self::InPlace => 1,
            Self::On(workers) => workers.n_jobs,
        }
    }
}

/// Settings in force for a call with these `arguments`, and where it runs. `portable`: its tasks can
/// leave the process.
pub(crate) fn resolve(arguments: Settings, portable: bool) -> Result<(Settings, Plan)> {
    let chosen = arguments.backend.is_some();
    let context = context::current();
    let mut settings = arguments.or(context.settings());
    if context.nesting.is_none() && !inside_worker() {
        settings = settings.or(Settings::from_environment(|name| std::env::var(name).ok())?);
    }
    let n_jobs = settings.n_jobs.unwrap_or(NJobs::from(1));
    let backend = match settings.backend.clone() {
        Some(backend) if !lacks_memory(&settings, &backend) => Some(backend),
        Some(backend) if chosen => {
            return Err(Error::NoSharedMemory { backend: backend.name().to_owned() });
        }
        // A region or the environment chose it: what the call cannot do without goes before that.
        Some(_) => None,
        None => preferred(&settings, portable),
    };
    let plan = match (&context.nesting, worker_cores()) {
        (None, None) => outermost(backend, n_jobs, &settings.workers)?,
        (Some(nesting), None) => nested(backend, n_jobs, nesting.level())?,
        (None, Some(cores)) => in_worker(backend, n_jobs, cores.get())?,
        (Some(nesting), Some(_)) => nested(backend, n_jobs, nesting.level())?,
    };
    Ok((settings, plan))
}

/// True if a call that requires shared memory would not have it there. What was registered is not
/// started to find out.
fn lacks_memory(settings: &Settings, backend: &BackendChoice) -> bool {
    settings.require == Some(Require::SharedMemory)
        && match &backend.0 {
            Choice::Value(backend) => !backend.capabilities().shared_memory,
            Choice::Name(name) => !matches!(canonical(name), "threads" | "sequential"),
        }
}

/// The backend where nobody chose one. Tasks that cannot leave the process do not.
fn preferred(settings: &Settings, portable: bool) -> Option<BackendChoice> {
    let processes = settings.prefer == Some(Prefer::Processes)
        && settings.require.is_none()
        && portable
        && cfg!(all(feature = "processes", target_os = "linux"));
    processes.then(|| BackendChoice::from("processes"))
}

fn outermost(
    backend: Option<BackendChoice>,
    requested: NJobs,
    workers: &WorkerWishes,
) -> Result<Plan> {
    let name = match backend {
        Some(BackendChoice(Choice::Value(backend))) => {
            return Ok(Plan::On(Workers::of(backend, requested)?));
        }
        Some(BackendChoice(Choice::Name(name))) => name,
        None => Arc::from(if cfg!(feature = "threads") { "threads" } else { "sequential" }),
    };
    // One worker of our own needs no pool, as in joblib; for other backends «one» may be elsewhere.
    let one = requested.resolve(cpu_count())?.get() == 1;
    if canonical(&name) == "sequential" || (one && is_local(&name)) {
        return Ok(Plan::InPlace);
    }
    let backend = backend_by_name_with(&name, requested, &workers.clone().options()?)?;
    Ok(Plan::On(Workers::of(backend, requested)?))
}

/// A call made by a task of a worker process that may use `cores`: on threads.
fn in_worker(backend: Option<BackendChoice>, requested: NJobs, cores: usize) -> Result<Plan> {
    let n_jobs = requested.resolve(cpu_count())?.get().min(cores);
    let sequential = matches!(&backend, Some(choice) if canonical(choice.name()) == "sequential");
    if n_jobs == 1 || sequential || !cfg!(feature = "threads") {
        return nested(backend, requested, None);
    }
    let asked = NJobs::from(i32::try_from(n_jobs).unwrap_or(i32::MAX));
    match backend {
        Some(BackendChoice(Choice::Value(_))) => nested(backend, asked, None),
        _ => Ok(Plan::On(Workers::of(backend_by_name("threads", asked)?, asked)?)),
    }
}

/// A call made by a task: never more workers than the call around has.
fn nested(backend: Option<BackendChoice>, requested: NJobs, level: Option<&Level>) -> Result<Plan> {
    let requested = requested.resolve(cpu_count())?.get();
    let n_jobs = requested.min(level.map_or(1, |level| level.workers));
    let asked = NJobs::from(i32::try_from(n_jobs).unwrap_or(i32::MAX));
    let name = match backend {
        Some(BackendChoice(Choice::Value(backend))) => {
            return Ok(Plan::On(Workers::of(backend, asked)?));
        }
        Some(BackendChoice(Choice::Name(name))) => Some(name),
        None => None,
    };
    let Some(level) = level.filter(|_| n_jobs > 1) else {
        return Ok(Plan::InPlace);
    };
    match name {
        Some(name) if canonical(&name) == "sequential" => Ok(Plan::InPlace),
        Some(name) if canonical(&name) != level.backend.name() => {
            Ok(Plan::On(Workers::of(backend_by_name(&name, asked)?, asked)?))
        }
        _ => {
            let workers = Workers::of(Arc::clone(&level.backend), asked)?;
            Ok(Plan::On(Workers { nested: true, ..workers }))
        }
    }
}

fn is_local(name: &str) -> bool {
    matches!(canonical(name), "threads" | "processes")
}

/// Our name for what Python's users call otherwise.
fn canonical(name: &str) -> &str {
    match name {
        "threading" => "threads",
        "loky" | "multiprocessing" => "processes",
        name => name,
    }
}
