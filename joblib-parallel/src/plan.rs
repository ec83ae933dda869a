//! Where a call runs, and with how many workers.

use std::sync::Arc;

use joblib_backends::{Backend, NJobs, backend_by_name, cpu_count, inside_worker};

use crate::Result;
use crate::config::{BackendChoice, Choice, Settings};
use crate::context::{self, Level, Nesting};

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

/// Settings in force for a call with these `arguments`, and where it runs.
pub(crate) fn resolve(arguments: Settings) -> Result<(Settings, Plan)> {
    let context = context::current();
    let mut settings = arguments.or(context.settings);
    if context.nesting.is_none() && !inside_worker() {
        settings = settings.or(Settings::from_environment(|name| std::env::var(name).ok())?);
    }
    let n_jobs = settings.n_jobs.unwrap_or(NJobs::from(1));
    let backend = settings.backend.clone();
    let plan = match (&context.nesting, inside_worker()) {
        (None, false) => outermost(backend, n_jobs)?,
        (Some(nesting), false) => nested(backend, n_jobs, nesting.level())?,
        (_, true) => nested(backend, n_jobs, None)?,
    };
    Ok((settings, plan))
}

fn outermost(backend: Option<BackendChoice>, requested: NJobs) -> Result<Plan> {
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
    Ok(Plan::On(Workers::of(backend_by_name(&name, requested)?, requested)?))
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
