//! Where a call's settings come from: its own arguments, the region around, the environment.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use joblib_backends::{ArrayMode, Backend, NJobs, WorkerOptions};

use crate::wishes::{Prefer, Require, WorkerWishes};
use crate::{Error, Result, context};

/// Which backend was chosen: by name, or as a value.
#[derive(Clone, Debug)]
pub struct BackendChoice(pub(crate) Choice);

#[derive(Clone)]
pub(crate) enum Choice {
    Name(Arc<str>),
    Value(Arc<dyn Backend>),
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?}"),
            Self::Value(backend) => backend.fmt(f),
        }
    }
}

impl BackendChoice {
    pub(crate) fn name(&self) -> &str {
        match &self.0 {
            Choice::Name(name) => name,
            Choice::Value(backend) => backend.name(),
        }
    }
}

impl From<&str> for BackendChoice {
    fn from(name: &str) -> Self {
        Self(Choice::Name(name.into()))
    }
}

impl From<String> for BackendChoice {
    fn from(name: String) -> Self {
        Self(Choice::Name(name.into()))
    }
}

impl From<Arc<dyn Backend>> for BackendChoice {
    fn from(backend: Arc<dyn Backend>) -> Self {
        Self(Choice::Value(backend))
    }
}

impl<B: Backend + 'static> From<Arc<B>> for BackendChoice {
    fn from(backend: Arc<B>) -> Self {
        Self(Choice::Value(backend))
    }
}

/// What a region of code may set for the calls inside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) backend: Option<BackendChoice>,
    pub(crate) n_jobs: Option<NJobs>,
    pub(crate) verbose: Option<u32>,
    pub(crate) prefer: Option<Prefer>,
    pub(crate) require: Option<Require>,
    pub(crate) workers: WorkerWishes,
}

impl Settings {
    /// These settings, with gaps filled from `outer`.
    pub(crate) fn or(self, outer: Self) -> Self {
        Self {
            backend: self.backend.or(outer.backend),
            n_jobs: self.n_jobs.or(outer.n_jobs),
            verbose: self.verbose.or(outer.verbose),
            prefer: self.prefer.or(outer.prefer),
            require: self.require.or(outer.require),
            workers: self.workers.or(outer.workers),
        }
    }

    /// What `JOBLIB_BACKEND`, `JOBLIB_N_JOBS` and `JOBLIB_VERBOSE` say; empty means not set.
    pub(crate) fn from_environment(
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        Ok(Self {
            backend: set("JOBLIB_BACKEND").map(BackendChoice::from),
            n_jobs: number::<i32>("JOBLIB_N_JOBS", set("JOBLIB_N_JOBS"))?.map(NJobs::from),
            verbose: number("JOBLIB_VERBOSE", set("JOBLIB_VERBOSE"))?,
            workers: WorkerWishes {
                temp_folder: set("JOBLIB_TEMP_FOLDER").map(PathBuf::from),
                ..WorkerWishes::default()
            },
            ..Self::default()
        })
    }
}

fn number<N: std::str::FromStr>(
    variable: &'static str,
    value: Option<String>,
) -> Result<Option<N>> {
    value
        .map(|value| {
            value.trim().parse().map_err(|_| Error::BadVariable {
                variable,
                value,
                expected: "a whole number",
            })
        })
        .transpose()
}

/// Settings for every parallel call inside a region of code, on this thread.
///
/// An argument of the call itself goes before the innermost region that sets it, that before the
/// outer ones, these before the environment (`JOBLIB_BACKEND`, `JOBLIB_N_JOBS`,
/// `JOBLIB_TEMP_FOLDER`, `JOBLIB_VERBOSE`). As
/// `joblib.parallel_config` (joblib 1.5), but the region is the closure given to
/// [`scope`](Self::scope), nothing changes before. Tasks that run on other threads or in other
/// processes do not see it: what they start obeys the rules for nested calls, see
/// [`Parallel`](crate::Parallel).
///
/// ```
/// # #[cfg(feature = "threads")] {
/// use joblib_parallel::{Parallel, ParallelConfig};
///
/// let three = ParallelConfig::new().backend("threads").n_jobs(3);
/// assert_eq!(three.scope(|| Parallel::new().effective_n_jobs())?, 3);
/// # }
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "settings apply inside `scope`"]
pub struct ParallelConfig(Settings);

impl ParallelConfig {
    /// Settings that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The backend for calls that do not choose one.
    pub fn backend(mut self, backend: impl Into<BackendChoice>) -> Self {
        self.0.backend = Some(backend.into());
        self
    }

    /// The number of workers for calls that do not ask for one.
    pub fn n_jobs(mut self, n_jobs: impl Into<NJobs>) -> Self {
        self.0.n_jobs = Some(n_jobs.into());
        self
    }

    /// How much calls print that do not say so themselves.
    pub fn verbose(mut self, verbose: u32) -> Self {
        self.0.verbose = Some(verbose);
        self
    }

    /// As [`Parallel::prefer`](crate::Parallel::prefer).
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.0.prefer = Some(prefer);
        self
    }

    /// As [`Parallel::require`](crate::Parallel::require).
    pub fn require(mut self, require: Require) -> Self {
        self.0.require = Some(require);
        self
    }

    /// As [`Parallel::max_nbytes`](crate::Parallel::max_nbytes).
    pub fn max_nbytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.0.workers.max_nbytes = Some(bytes.into());
        self
    }

    /// As [`Parallel::mmap_mode`](crate::Parallel::mmap_mode).
    pub fn mmap_mode(mut self, mode: ArrayMode) -> Self {
        self.0.workers.mmap_mode = Some(mode);
        self
    }

    /// As [`Parallel::temp_folder`](crate::Parallel::temp_folder).
    pub fn temp_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.0.workers.temp_folder = Some(folder.into());
        self
    }

    /// As [`Parallel::inner_max_num_threads`](crate::Parallel::inner_max_num_threads).
    pub fn inner_max_num_threads(mut self, threads: NonZeroUsize) -> Self {
        self.0.workers.inner_threads = Some(threads);
        self
    }

    /// As [`Parallel::worker_options`](crate::Parallel::worker_options).
    pub fn worker_options(mut self, options: WorkerOptions) -> Self {
        self.0.workers.options = Some(options);
        self
    }

    /// Calls `body` with these settings in force.
    pub fn scope<R>(&self, body: impl FnOnce() -> R) -> R {
        let _inside = context::configure(self.0.clone().or(context::current().settings()));
        body()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(n_jobs: &'static str) -> Result<Settings> {
        Settings::from_environment(|name| (name == "JOBLIB_N_JOBS").then(|| n_jobs.to_owned()))
    }

    #[test]
    fn the_environment_sets_what_it_names() {
        let settings = environment(" -2").unwrap();
        assert_eq!(settings.n_jobs, Some(NJobs::from(-2)));
        assert!(settings.backend.is_none() && settings.verbose.is_none());
    }

    #[test]
    fn the_environment_says_where_arrays_lie() {
        let set = |name| (name == "JOBLIB_TEMP_FOLDER").then(|| "/scratch".to_owned());
        let settings = Settings::from_environment(set).unwrap();
        assert_eq!(settings.workers.temp_folder, Some(PathBuf::from("/scratch")));
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        assert_eq!(environment("").unwrap().n_jobs, None);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        assert_eq!(
            environment("all").unwrap_err().to_string(),
            "the environment variable `JOBLIB_N_JOBS` is `all`, not a whole number"
        );
    }
}
