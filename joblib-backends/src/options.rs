//! What a user may want of the workers of a backend.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, Frame, Result, Target};

/// Arrays above this travel as memory that both sides map. As joblib 1.5 (`max_nbytes='1M'`).
const MAX_NBYTES: u64 = 1 << 20;
/// How long a worker may have nothing to do. As loky 3.5 (`idle_worker_timeout`).
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// What is wanted of workers: chosen with [`backend_by_name_with`](crate::backend_by_name_with) or
/// `Processes::shared_with`. What a backend has no use for, it ignores.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::time::Duration;
///
/// use joblib_backends::WorkerOptions;
///
/// let options = WorkerOptions::new()
///     .max_tasks_per_worker(NonZeroU32::new(100))
///     .memory_limit(Some(2 << 30))
///     .idle_timeout(Some(Duration::from_secs(10)));
/// # assert_eq!(options, options.clone());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use = "options do nothing until a backend is made with them"]
pub struct WorkerOptions {
    pub(crate) arrays: ArrayOptions,
    pub(crate) workers: Lifetime,
}

/// How arrays of arguments and results travel. May differ from call to call of one pool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ArrayOptions {
    pub(crate) max_nbytes: Option<u64>,
    pub(crate) mode: ArrayMode,
    pub(crate) folder: Option<PathBuf>,
}

impl Default for ArrayOptions {
    fn default() -> Self {
        Self { max_nbytes: Some(MAX_NBYTES), mode: ArrayMode::default(), folder: None }
    }
}

/// How workers start, live and end. Pools that differ in it are different pools.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Lifetime {
    pub(crate) inner_threads: Option<NonZeroUsize>,
    pub(crate) initializer: Option<Initializer>,
    pub(crate) max_tasks: Option<NonZeroU32>,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) idle_timeout: Option<Duration>,
}

impl Default for Lifetime {
    fn default() -> Self {
        Self {
            inner_threads: None,
            initializer: None,
            max_tasks: None,
            memory_limit: None,
            idle_timeout: Some(IDLE_TIMEOUT),
        }
    }
}

impl WorkerOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Arrays of more bytes than this, in arguments and results, travel as memory that both sides
    /// map, instead of through a socket; `None`: never. Default: 1 MiB, as joblib 1.5.
    pub fn max_nbytes(mut self, bytes: Option<u64>) -> Self {
        self.arrays.max_nbytes = bytes;
        self
    }

    /// How tasks see such arrays: the `mmap_mode` of joblib. Default: [`ArrayMode::Read`].
    pub fn mmap_mode(mut self, mode: ArrayMode) -> Self {
        self.arrays.mode = mode;
        self
    }

    /// A folder for such arrays: they then lie in files without a name on its disk. Default: in
    /// memory. For arguments that together do not fit there; no crash leaves a file behind.
    pub fn temp_folder(mut self, folder: Option<PathBuf>) -> Self {
        self.arrays.folder = folder;
        self
    }

    /// How many threads each worker may use: for parallel loops inside of tasks, and, through the
    /// variables `OMP_NUM_THREADS`, `OPENBLAS_NUM_THREADS`, `MKL_NUM_THREADS`, `BLIS_NUM_THREADS`,
    /// `VECLIB_MAXIMUM_THREADS`, `NUMBA_NUM_THREADS`, `NUMEXPR_NUM_THREADS` and
    /// `RAYON_NUM_THREADS`, in libraries.
    ///
    /// Default: one for loops; in libraries what these variables say here, else an equal share of
    /// the cores, as joblib 1.5.
    pub fn inner_max_num_threads(mut self, threads: Option<NonZeroUsize>) -> Self {
        self.workers.inner_threads = threads;
        self
    }

    /// A call that each worker makes before its first task, to set up what tasks rely on: the
    /// function and its arguments, as of a task. If it fails or ends the worker, the pool refuses
    /// all tasks, and says why.
    pub fn initializer(mut self, function: Target, arguments: impl Into<Arc<Frame>>) -> Self {
        self.workers.initializer = Some(Initializer { function, arguments: arguments.into() });
        self
    }

    /// After how many tasks a worker is replaced by a new one; `None`, the default: never. For
    /// functions that leak memory. No batch may then have more tasks than that.
    pub fn max_tasks_per_worker(mut self, tasks: Option<NonZeroU32>) -> Self {
        self.workers.max_tasks = tasks;
        self
    }

    /// How many bytes of memory of its own (heap and stacks) each worker may have; `None`, the
    /// default: no limit but the system's. An allocation beyond it fails, which ends the worker with
    /// `SIGABRT`: an error of the task, instead of a machine out of memory.
    pub fn memory_limit(mut self, bytes: Option<u64>) -> Self {
        self.workers.memory_limit = bytes;
        self
    }

    /// After how much time without a task a worker leaves; `None`: never. Default: 300 s, as
    /// loky 3.5.
    pub fn idle_timeout(mut self, time: Option<Duration>) -> Self {
        self.workers.idle_timeout = time;
        self
    }
}

/// How tasks in other processes see the large arrays of their arguments, where their type
/// (`MappedArray`) leaves the choice. Every other type is a copy of the worker's own.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ArrayMode {
    /// The memory that all workers share, for reading: `'r'`.
    #[default]
    Read,
    /// The same, but what a task writes there stays its own: `'c'`.
    Copy,
    /// Copies: `mmap_mode=None`.
    InMemory,
}

impl FromStr for ArrayMode {
    type Err = Error;

    /// Reads joblib's letters: `r`, `c`, and `none`. Its `r+` and `w+` are refused: arrays that one
    /// worker writes to while others look at them cannot be had in safe Rust.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "r" => Ok(Self::Read),
            "c" => Ok(Self::Copy),
            "none" | "None" => Ok(Self::InMemory),
            "r+" | "w+" => Err(Error::SharedWriting { text: text.to_owned() }),
            _ => Err(Error::BadArrayMode { text: text.to_owned() }),
        }
    }
}

/// The call that a worker makes before its first task.
#[derive(Clone, Debug)]
pub(crate) struct Initializer {
    pub(crate) function: Target,
    pub(crate) arguments: Arc<Frame>,
}

impl Eq for Initializer {}

impl PartialEq for Initializer {
    fn eq(&self, other: &Self) -> bool {
        // Two functions may have one address only if they do the same.
        self.function.call as usize == other.function.call as usize
            && self.function.fingerprint == other.function.fingerprint
            && self.arguments.as_bytes() == other.arguments.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_joblib_are_known_and_those_that_cannot_be_say_why() {
        let read = |text: &str| text.parse::<ArrayMode>().map_err(|error| error.to_string());
        assert_eq!(read("r"), Ok(ArrayMode::Read));
        assert_eq!(read("c"), Ok(ArrayMode::Copy));
        assert_eq!(read("none"), Ok(ArrayMode::InMemory));
        assert!(read("r+").unwrap_err().contains("return what they make"));
        assert!(read("x").unwrap_err().contains("known: `r`"));
    }
}
