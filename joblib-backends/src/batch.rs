//! Tasks that travel together, without their types.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::{CallId, Keep, Kept};

/// Tasks that travel together, without their types.
///
/// A backend either calls [`run`](Self::run), or ships what [`encode`](Self::encode) writes and
/// feeds the answers to [`reply`](Self::reply), one per task. What was not answered when the
/// batch is dropped is lost, and reported so.
#[expect(clippy::len_without_is_empty, reason = "a batch has at least one task")]
pub trait Batch: Send {
    /// The call this batch belongs to.
    fn call(&self) -> CallId;

    /// The number of tasks, at least one.
    fn len(&self) -> u32;

    /// The function every task of this batch calls; `None` if the tasks cannot leave the process.
    fn target(&self) -> Option<Target>;

    /// How long each task may take, counted from its own start; without a limit if not overridden.
    ///
    /// Kept by backends with the capability [`timeout`](crate::Capabilities::timeout): a task that
    /// takes longer is stopped and answered with [`Failure::TimedOut`].
    fn time_limit(&self) -> Option<Duration> {
        None
    }

    /// How long a worker may keep the tasks to itself that it has not begun while others are idle;
    /// without end if not overridden.
    ///
    /// A backend that ships batches may then answer those tasks with [`Failure::NotRun`].
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// Whether the result of task `task` stays where it was made; not if not overridden.
    ///
    /// Heeded by backends with the capability [`keeps_results`](crate::Capabilities::keeps_results),
    /// whose answer is then a payload [with](Payload::with_kept) what stands for the result.
    fn keep(&self, task: u32) -> Keep {
        let _ = task;
        Keep::No
    }

    /// Runs the tasks here, on this thread. Panics of tasks are caught and become answers.
    fn run(self: Box<Self>);

    /// Appends the arguments of task `task` to `out`. May be asked again, for a retry.
    ///
    /// # Errors
    ///
    /// If an argument cannot be written down.
    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure>;

    /// Takes the answer of task `task`: the encoded result, or why there is none.
    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>);
}

/// Runs one task in a worker: checks the fingerprint, reads the arguments from the payload,
/// calls the function, and appends the result to the frame. Panics are not caught here.
pub type CallFn = fn(u64, &mut Payload<'_>, &mut Frame) -> Result<(), Failure>;

/// The function that the tasks of a batch call in a worker.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The trampoline: one function per task type, found again in the worker by its offset.
    pub call: CallFn,
    /// A digest of the types of function, arguments and result; checked by the trampoline.
    pub fingerprint: u64,
    /// The function's name for messages.
    pub name: &'static str,
}

/// Why a task has no result.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "processes", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Failure {
    /// The task panicked.
    Panic {
        /// What it said.
        message: String,
    },
    /// An argument or a result could not be encoded or decoded.
    Codec {
        /// What was being done, with which value, and what went wrong.
        message: String,
    },
    /// The backend cannot run such a task at all.
    Refused {
        /// Why, and what to do instead.
        message: String,
    },
    /// The worker process that ran the task died.
    WorkerDied {
        /// The process id of the worker.
        worker: u32,
        /// How it ended, such as `signal 9 (SIGKILL)` or `exit code 3`.
        status: String,
        /// How long the task had been running.
        after: Duration,
        /// The most memory it was seen to have, in bytes; 0 if it ended before anyone looked.
        peak_memory: u64,
    },
    /// The task took longer than its [limit](Batch::time_limit), and was stopped.
    TimedOut {
        /// The process id of the worker that was killed for it; `None` if it ran on a thread, whose
        /// end was waited for.
        worker: Option<u32>,
        /// How long it had been running.
        after: Duration,
    },
    /// The engine that the batch was given to could not run it.
    Engine {
        /// What the engine said.
        message: String,
    },
    /// The task had not begun: it may be submitted again at no loss.
    NotRun,
    /// The backend dropped the task without an answer.
    Lost,
}

/// Runs `batch`. Panics of tasks are caught in [`Batch::run`]; one from a batch's own code must not end
/// the thread. Its call sees lost tasks, because the batch was dropped on the way.
pub(crate) fn run(batch: Box<dyn Batch>) {
    if catch_unwind(AssertUnwindSafe(|| batch.run())).is_err() {
        log::error!("a batch panicked outside its tasks");
    }
}

/// Answers every task of `batch` with a refusal.
pub(crate) fn refuse(mut batch: Box<dyn Batch>, why: &str) {
    for task in 0..batch.len() {
        let message = why.to_owned();
        batch.reply(task, Err(Failure::Refused { message }));
    }
}

/// Encoded arguments or results on their way to another process.
#[derive(Debug, Default)]
pub struct Frame {
    pub(crate) bytes: Vec<u8>,
    /// Results that belong at these places.
    pub(crate) gaps: Vec<(usize, Kept)>,
    /// Pairs of an id in the arguments and the place where it is, for a worker whose arguments were
    /// written elsewhere.
    #[cfg(all(feature = "processes", target_os = "linux"))]
    pub(crate) places: Vec<u8>,
    /// What takes large arrays out.
    #[cfg(all(feature = "processes", target_os = "linux"))]
    pub(crate) carrier: Option<crate::processes::Carrier>,
}

/// Encoded arguments or results that came from another process.
pub struct Payload<'a> {
    pub(crate) bytes: &'a [u8],
    /// What stands for a result that stays.
    pub(crate) kept: Option<Kept>,
    /// Where the arrays are that were taken out.
    #[cfg(all(feature = "processes", target_os = "linux"))]
    pub(crate) fetch: Option<Fetch<'a>>,
}

/// Finds an array that was taken out of a frame, by its number.
#[cfg(all(feature = "processes", target_os = "linux"))]
pub(crate) type Fetch<'a> = &'a dyn Fn(u64) -> std::io::Result<joblib_persist::message::Carried>;

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Frame {
    /// Empties the frame and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.gaps.clear();
    }

    /// The bytes written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'a> Payload<'a> {
    /// Wraps what [`Frame::as_bytes`] gave on the other side.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            kept: None,
            #[cfg(all(feature = "processes", target_os = "linux"))]
            fetch: None,
        }
    }

    /// What has not been read yet.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
    }
}
