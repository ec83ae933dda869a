//! What can go wrong when a backend is chosen, started or stopped.

/// Why a backend could not be had or stopped. What happens to single tasks is a
/// [`Failure`](crate::Failure).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `n_jobs` was zero.
    #[error("`n_jobs = 0` has no meaning (1 runs in sequence, -1 uses all cores)")]
    ZeroJobs,

    /// More workers were wanted than anybody can mean.
    #[error(
        "{workers} workers of the `{backend}` backend are more than the {most} it starts at most"
    )]
    TooManyWorkers {
        /// The backend.
        backend: &'static str,
        /// How many workers were wanted.
        workers: usize,
        /// How many there can be.
        most: usize,
    },

    /// A number of workers was written as something else.
    #[error(
        "`{text}` is no number of workers (a positive number, -1 for all cores, -2 for all but one, …)"
    )]
    BadNJobs {
        /// What was written.
        text: String,
    },

    /// Arrays that workers share were to be written to.
    #[error(
        "arrays cannot be seen as `{text}`: a worker would write to them while others look at them \
         (use `c`, with which each task writes to its own, and have tasks return what they make)"
    )]
    SharedWriting {
        /// What was written.
        text: String,
    },

    /// A way to see arrays was written as something else.
    #[error("`{text}` is no way to see arrays (known: `r` to read, `c` to copy on write, `none`)")]
    BadArrayMode {
        /// What was written.
        text: String,
    },

    /// The folder for large arrays cannot be used.
    #[error(
        "arrays cannot be put into the temporary folder `{}` (choose one that exists and may be \
         written to, on a disk that knows files without a name)", .folder.display()
    )]
    TempFolder {
        /// The folder.
        folder: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// No backend of that name is registered.
    #[error("no backend named `{name}` (known: {})", .known.join(", "))]
    UnknownBackend {
        /// The name that was asked for.
        name: String,
        /// Every name that is registered, sorted.
        known: Vec<String>,
    },

    /// The workers could not be started.
    #[error("starting {workers} workers of the `{backend}` backend failed")]
    Start {
        /// The backend.
        backend: &'static str,
        /// How many workers were wanted.
        workers: usize,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// A worker process asked for worker processes.
    #[error(
        "a worker process cannot start worker processes: run this call in sequence or on threads"
    )]
    InsideWorker,

    /// An engine could not be reached.
    #[error("the engine at `{address}` could not be reached")]
    Engine {
        /// The address that was asked for.
        address: String,
        /// What is missing.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// An address has a part that is no option.
    #[error("`{option}` in the address `{address}` is no option (write `key=value`)")]
    BadOption {
        /// The whole address.
        address: String,
        /// The part.
        option: String,
    },

    /// There is no command to start workers with.
    #[error(
        "no command to start workers with (write `launch:srun -Q -n1 --exact --unbuffered`, or \
         `launch:ssh left; ssh right` for several machines)"
    )]
    NoCommand,

    /// The backend does not work here.
    #[error("the `{backend}` backend is not available: {reason}")]
    Unsupported {
        /// The backend.
        backend: &'static str,
        /// Why not.
        reason: &'static str,
    },

    /// The time given to a shutdown was over before the work was.
    #[error(
        "the `{backend}` backend was shut down, but {batches} batches still run and cannot be killed"
    )]
    StillRunning {
        /// The backend.
        backend: &'static str,
        /// How many batches run on.
        batches: usize,
    },
}

/// The result of asking for or stopping a backend.
pub type Result<T, E = Error> = std::result::Result<T, E>;
