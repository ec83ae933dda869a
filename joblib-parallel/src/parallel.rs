//! The parallel loop and its settings.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use joblib_backends::{ArrayMode, NJobs, WorkerOptions};

use crate::collect::Collected;
use crate::config::{BackendChoice, Settings};
use crate::dispatch::{self, Dispatch};
use crate::hook::{Hook, ProgressUpdate};
use crate::plan::{self, Plan};
use crate::pre_dispatch::PreDispatch;
use crate::progress::{Outline, Progress};
use crate::scope::scope;
use crate::stream::{InPlace, Results, Shared, Submit, Window};
use crate::trace::{Recorder, Title};
use crate::watch::{Rules, Watch};
use crate::wishes::{Prefer, Require, Setup};
use crate::{Error, Fold, Result, Retries, Task, TaskError, TryError, in_place, reduce};

/// A parallel loop: settings, and methods that run tasks with them.
///
/// What is not set comes from the surrounding [`ParallelConfig`](crate::ParallelConfig), then from the
/// environment (`JOBLIB_BACKEND`, `JOBLIB_N_JOBS`, `JOBLIB_VERBOSE`), then the default holds.
///
/// # Workers
///
/// Without [`n_jobs`](Self::n_jobs) there is one, and the tasks run in sequence on the caller's
/// thread. So they do with `n_jobs(1)` and a backend of our own chosen by name, even `"processes"`,
/// as in joblib 1.5; a backend given as a value is always used, whatever the number.
///
/// # Nested calls
///
/// A task may run a parallel loop itself. It is the outermost call that says how many workers there
/// are: on threads a loop inside shares its threads and never uses more than those; in a
/// worker process it runs in sequence. As everywhere, a loop inside without `n_jobs` runs in
/// sequence. Neither `ParallelConfig` around the outer call nor the environment reach into tasks.
///
/// # Panics
///
/// A task's panic is an error. A panic of the input (the iterator that makes the tasks) passes
/// through to the caller, after the tasks under way have ended.
#[derive(Clone, Debug, Default)]
#[must_use = "a loop does nothing until it is given tasks"]
pub struct Parallel {
    settings: Settings,
    batch_size: Option<usize>,
    pre_dispatch: PreDispatch,
    watch: Watch,
    total_timeout: Option<Duration>,
    hook: Option<Hook>,
    trace: Option<PathBuf>,
    #[cfg(feature = "progress")]
    progress: bool,
}

impl Parallel {
    /// A loop with nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tasks run at once: a number, which may exceed that of the cores, or counted from
    /// all cores: -1 all, -2 all but one, … but at least one. Default: 1. Zero is an error when the
    /// loop runs.
    pub fn n_jobs(mut self, n_jobs: impl Into<NJobs>) -> Self {
        self.settings.n_jobs = Some(n_jobs.into());
        self
    }

    /// Where tasks run: a name (`"threads"`, `"processes"`, `"sequential"`, one that was
    /// registered) or an `Arc` of a backend. Default: `"threads"`, because they start at once and
    /// tasks may borrow.
    pub fn backend(mut self, backend: impl Into<BackendChoice>) -> Self {
        self.settings.backend = Some(backend.into());
        self
    }

    /// How many tasks are handed over together. Default: one at first, then doubled for as long as
    /// batches take less than about 200 µs (2 ms between processes).
    ///
    /// Fix it when sums of floating-point results must not depend on timing, or when tasks take
    /// very different times. Zero is an error when the loop runs.
    pub fn batch_size(mut self, tasks: usize) -> Self {
        self.batch_size = Some(tasks);
        self
    }

    /// How many batches are read from the input ahead of the workers: `"all"`, a number, or an
    /// expression such as the default `"2 * n_jobs"`, which keeps each worker supplied with one
    /// batch while it runs another.
    ///
    /// Joblib 1.5 counts the first tasks instead of batches, and loses every task if the value is
    /// zero; here zero or less is an error when the loop runs.
    pub fn pre_dispatch(mut self, pre_dispatch: impl Into<PreDispatch>) -> Self {
        self.pre_dispatch = pre_dispatch.into();
        self
    }

    /// How often a task is tried again: a number, which counts the death of its worker and time-outs,
    /// or [`Retries`] for panics and errors, too. Default: never. The last failure is
    /// reported, with the number of attempts.
    ///
    /// Tasks must be repeatable: calls made by [`delayed!`](macro@crate::delayed), closures with
    /// [`repeatable`](crate::Delayed::repeatable). Each attempt gets the arguments anew; what an
    /// earlier one did to files, say, stays done.
    pub fn retries(mut self, retries: impl Into<Retries>) -> Self {
        self.watch.retries = retries.into();
        self
    }

    /// How long each task may take, counted from its own start; joblib 1.5 counts from the moment
    /// when somebody waits for it. Default: as long as it takes.
    ///
    /// A task that takes longer has failed, with
    /// [`Failure::TimedOut`](crate::Failure::TimedOut). In a worker process it is killed on time.
    /// On a thread nothing can stop it, because it may borrow: it is reported when it ends.
    /// Zero is an error when the loop runs.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.watch.timeout = Some(limit);
        self
    }

    /// How long the whole call may take. Default: as long as it takes.
    ///
    /// After that no further task begins, those that run are killed where the backend can, else
    /// waited for, and the call is an [`Error::OutOfTime`]; that is the last item of a stream.
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.total_timeout = Some(limit);
        self
    }

    /// How much is printed: 0, the default, nothing; from 1 on lines with the number of tasks done,
    /// the more often the higher, above 10 at every batch, and from 10 on when the size of batches
    /// changes. As joblib 1.5: to the standard error below 50, else to the standard output.
    pub fn verbose(mut self, verbose: u32) -> Self {
        self.settings.verbose = Some(verbose);
        self
    }

    /// Calls `hook` whenever tasks are done, on every backend and with one worker too.
    ///
    /// It is called by the thread that took a batch's answers, hence sometimes by several at once and
    /// out of order, and once more at the end of a loop that came to its end. A panic in it is logged.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// let done = Arc::new(AtomicUsize::new(0));
    /// let seen = Arc::clone(&done);
    /// let parallel = Parallel::new().n_jobs(2).on_progress(move |update| {
    ///     seen.fetch_max(update.done, Ordering::Relaxed);
    /// });
    /// parallel.run((0..100).map(|i| delayed(move || i)))?;
    /// assert_eq!(done.load(Ordering::Relaxed), 100);
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn on_progress(mut self, hook: impl Fn(&ProgressUpdate) + Send + Sync + 'static) -> Self {
        self.hook = Some(Hook::new(hook));
        self
    }

    /// Writes a picture of what ran where and when, after each loop: to a name in `.json` in the Chrome
    /// trace format, for Perfetto or `chrome://tracing`; to one in `.html` as a page that needs nothing
    /// else, with workers as rows, tasks as bars, idle time, batch sizes and memory. Default: none.
    ///
    /// Each loop replaces the file, also one that fails or a stream that is dropped; loops inside of
    /// tasks are not part of it. The time is taken where a task runs, in worker processes too, and the
    /// memory (on Linux) at most every 10 ms. Neighbours in a batch that take less than 20 µs together
    /// are one bar, and after a million bars tasks are only counted. A group of
    /// [`reduce`](Self::reduce) on several workers is one bar.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("run.html");
    /// let parallel = Parallel::new().n_jobs(2).trace(&path);
    /// parallel.run((0..100).map(|i| delayed(move || i)))?;
    /// assert!(std::fs::read_to_string(&path)?.starts_with("<!doctype html>"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace(mut self, path: impl Into<PathBuf>) -> Self {
        self.trace = Some(path.into());
        self
    }

    /// Draws a bar with the rate and the time left on the standard error. If that is no terminal, the
    /// lines of [`verbose(5)`](Self::verbose) take its place. Default: no.
    #[cfg(feature = "progress")]
    pub fn progress(mut self, progress: bool) -> Self {
        self.progress = progress;
        self
    }

    /// Which workers to use where neither this loop nor the region around nor the environment chooses
    /// a backend. A hint: closures stay on threads, and so does everything where there are no worker
    /// processes. Default: threads.
    pub fn prefer(mut self, prefer: Prefer) -> Self {
        self.settings.prefer = Some(prefer);
        self
    }

    /// What this loop cannot do without. It goes before a backend that the region around or the
    /// environment choose, whereupon threads are used (joblib 1.5 then uses one; here the number
    /// stays), and contradicts a backend given here, which is an error. Default: nothing.
    pub fn require(mut self, require: Require) -> Self {
        self.settings.require = Some(require);
        self
    }

    /// Arrays of more bytes than this travel to worker processes as memory that both sides map;
    /// `None`: never. Default: 1 MiB, as joblib 1.5. Heeded by `"processes"` chosen by name, as are the
    /// other settings of workers.
    pub fn max_nbytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.settings.workers.max_nbytes = Some(bytes.into());
        self
    }

    /// How tasks in worker processes see such arrays. Default: [`ArrayMode::Read`].
    pub fn mmap_mode(mut self, mode: ArrayMode) -> Self {
        self.settings.workers.mmap_mode = Some(mode);
        self
    }

    /// A folder on whose disk such arrays lie, as files without a name; it must exist. Default: that of
    /// `JOBLIB_TEMP_FOLDER`, else in memory.
    pub fn temp_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.settings.workers.temp_folder = Some(folder.into());
        self
    }

    /// How many threads each worker process may use, for loops inside of tasks and in libraries; see
    /// [`WorkerOptions::inner_max_num_threads`].
    pub fn inner_max_num_threads(mut self, threads: NonZeroUsize) -> Self {
        self.settings.workers.inner_threads = Some(threads);
        self
    }

    /// A call that each worker process makes before its first task, to set up what tasks rely on:
    /// `delayed!(function(arguments))`. Its result is dropped. If it panics or ends the worker, no task
    /// runs, and the error says why. Default: none, as the `initializer` of loky 3.5.
    ///
    /// Loops with the same call share their workers.
    #[cfg_attr(all(feature = "processes", target_os = "linux"), doc = "```")]
    #[cfg_attr(not(all(feature = "processes", target_os = "linux")), doc = "```ignore")]
    /// use std::sync::OnceLock;
    ///
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// static UNIT: OnceLock<String> = OnceLock::new();
    ///
    /// fn set_unit(unit: &str) {
    ///     UNIT.get_or_init(|| unit.to_owned());
    /// }
    ///
    /// fn label(length: u32) -> String {
    ///     format!("{length} {}", UNIT.get().map_or("", String::as_str))
    /// }
    ///
    /// let parallel = Parallel::new().n_jobs(2).backend("processes");
    /// let parallel = parallel.initializer(delayed!(set_unit("km")));
    /// assert_eq!(parallel.run([1, 2].map(|n| delayed!(label(n))))?, ["1 km", "2 km"]);
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn initializer<T: Task>(mut self, call: T) -> Self {
        self.settings.workers.initializer = Some(Setup::of(&call));
        self
    }

    /// Everything else about worker processes: how many tasks, how much memory and how much idle time
    /// they have. The five settings above go before what stands here.
    pub fn worker_options(mut self, options: WorkerOptions) -> Self {
        self.settings.workers.options = Some(options);
        self
    }

    /// Runs all tasks and returns their results in the order of the tasks.
    ///
    /// Tasks may borrow. The input is read as workers become free, a little ahead of them (see
    /// [`pre_dispatch`](Self::pre_dispatch)), by one thread at a time but not always the same: hence
    /// `Send`. It should not wait for results of this loop.
    ///
    /// After a failure no further task begins, those that run are waited for (killed, where the
    /// backend can), and the error names the first failed task of those that were seen.
    ///
    /// # Errors
    ///
    /// [`Error::Task`] if a task panicked or its worker died, [`Error::Backend`] if the backend is
    /// unknown, cannot start, or zero workers were asked for, [`Error::NotPortable`] for closures
    /// on workers without shared memory, and the errors of the other settings.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// let roots: Vec<f64> =
    ///     Parallel::new().n_jobs(2).run((0..3).map(|i| delayed!(f64::sqrt(f64::from(i * i)))))?;
    /// assert_eq!(roots, [0.0, 1.0, 2.0]);
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn run<I>(&self, tasks: I) -> Result<Vec<<I::Item as Task>::Output>>
    where
        I: IntoIterator<IntoIter: Send, Item: Task>,
    {
        self.collect(tasks.into_iter(), false, |rules| rules)?.all()
    }

    /// Runs all tasks, whatever becomes of them, and returns for each its result or its error, in
    /// the order of the tasks.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run) that concern the loop as a whole, before any task has begun.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// let tasks = [6, 0].map(|divisor| delayed(move || 12 / divisor));
    /// let [two, failed] = &Parallel::new().n_jobs(2).run_each(tasks)?[..] else { unreachable!() };
    /// assert_eq!(two, &Ok(2));
    /// assert_eq!(
    ///     failed.as_ref().unwrap_err().to_string(),
    ///     "task 1: panicked: attempt to divide by zero"
    /// );
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn run_each<I>(&self, tasks: I) -> Result<Vec<Result<<I::Item as Task>::Output, TaskError>>>
    where
        I: IntoIterator<IntoIter: Send, Item: Task>,
    {
        self.collect(tasks.into_iter(), true, |rules| rules)?.each()
    }

    /// Runs tasks that return a [`Result`](std::result::Result): gives their values in the order of
    /// the tasks, or the error of the first task that was seen to fail.
    ///
    /// After an error no further task begins, as after a panic in [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// [`TryError::Task`] if a task returned an error, [`TryError::Loop`] for everything that would
    /// be an error of [`run`](Self::run).
    ///
    /// ```
    /// use joblib_parallel::{Parallel, TryError, delayed};
    ///
    /// let parse = |text: &'static str| delayed(move || text.parse::<u8>());
    /// let parallel = Parallel::new().n_jobs(2);
    /// assert_eq!(parallel.try_run(["1", "2"].map(parse))?, [1, 2]);
    ///
    /// let error = parallel.try_run(["1", "300"].map(parse)).unwrap_err();
    /// assert_eq!(error.to_string(), "task 1: number too large to fit in target type");
    /// # Ok::<(), TryError<std::num::ParseIntError>>(())
    /// ```
    pub fn try_run<I, R, E>(&self, tasks: I) -> Result<Vec<R>, TryError<E>>
    where
        I: IntoIterator<IntoIter: Send, Item: Task<Output = Result<R, E>>>,
        R: Send,
        E: Send,
    {
        let is_error = |result: &Result<R, E>| result.is_err();
        self.collect(tasks.into_iter(), false, |rules| rules.ending_at(is_error))?.all_good()
    }

    /// Runs all tasks and folds their results into one value, where the tasks run: no results but
    /// the values of groups of neighbours are kept, or travel from other processes, and these are
    /// merged in the order of the tasks.
    ///
    /// The groups are the batches. One that turns out slow ends early, for other workers to share its rest;
    /// with a fixed [`batch_size`](Self::batch_size) none does, and groups, and with them sums of
    /// floating-point results, do not depend on timing or on the number of workers. With
    /// [`timeout`](Self::timeout) or [`retries`](Self::retries), tasks in other processes make groups
    /// of one. If a worker dies, the first task of the group it had is blamed.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run); [`Error::NotPortable`] also for a fold of closures on workers without
    /// shared memory: make it with [`fold!`](macro@crate::fold). A fold that panics is a failure of the
    /// task whose result it was given.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed, fold};
    ///
    /// let largest = fold(|| f64::MIN, f64::max, f64::max);
    /// let sines = (0..1000).map(|n| delayed(move || f64::from(n).sin()));
    /// let top = Parallel::new().n_jobs(2).reduce(sines, largest)?;
    /// assert!((0.9999..=1.0).contains(&top));
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn reduce<I, F>(&self, tasks: I, fold: F) -> Result<F::Output>
    where
        I: IntoIterator<IntoIter: Send, Item: Task>,
        F: Fold<<I::Item as Task>::Output>,
    {
        let tasks = tasks.into_iter();
        let Ready { plan, dispatch, progress } = self.prepare(&tasks, false)?;
        let progress = progress.as_ref();
        let value = match &plan {
            Plan::InPlace => reduce::in_place(dispatch, tasks, &fold, progress)?,
            Plan::On(workers) => {
                if !workers.backend.capabilities().shared_memory && F::portable().is_none() {
                    return Err(Error::NotPortable { backend: workers.backend.name().to_owned() });
                }
                reduce::on(workers, dispatch, tasks, &fold, progress)?
            }
        };
        if let Some(progress) = progress {
            progress.finished();
        }
        Ok(value)
    }

    /// Computes nodes: results of calls that have results of other calls among their arguments.
    ///
    /// Each node that is needed runs once in this computation, on any backend, as soon as its arguments
    /// are there; nothing else runs. A result is dropped when nobody needs it any more; another
    /// computation makes it anew. Workers without shared memory are sent batches of calls of one
    /// function, and results travel through this process.
    ///
    /// `wanted` is `&node`, a list `&nodes`, or a tuple of those. See [`Node`](crate::Node).
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run). Tasks are numbered in the order in which one worker runs them,
    /// values included: arguments before calls, from the first to the last.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// let base = delayed!((|n: u32| f64::from(n))(10)).node();
    /// let root = delayed!(f64::sqrt(base.clone())).node();
    /// let square = delayed!(f64::powi(base, 2)).node();
    /// let (root, square) = Parallel::new().n_jobs(2).compute((&root, &square))?;
    /// assert_eq!((root, square), (10_f64.sqrt(), 100.0));
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    #[cfg(feature = "processes")]
    pub fn compute<W: crate::Wanted>(&self, wanted: W) -> Result<W::Results> {
        let calls = Calls { function: Some("compute"), repeatable: true, number: (0, None) };
        let Ready { plan, dispatch, progress } = self.prepare_for(calls, false)?;
        let results = crate::graph::compute(&plan, dispatch, &wanted, progress.as_ref())?;
        if let Some(progress) = progress {
            progress.finished();
        }
        Ok(results)
    }

    /// The number of workers this loop would have here.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] as for [`run`](Self::run), [`Error::BadVariable`].
    pub fn effective_n_jobs(&self) -> Result<usize> {
        Ok(plan::resolve(self.settings.clone(), true)?.1.n_jobs())
    }

    /// Starts the tasks and gives their results in order, one by one, while later tasks run.
    ///
    /// Tasks may not borrow, because a stream that is forgotten cannot wait for them; see
    /// [`stream_scope`](Self::stream_scope) for those that do. The first tasks start at once (with one
    /// worker: each when its result is asked for, on the consumer's thread). The input is read, and new
    /// tasks start, inside `next`: no more than [`pre_dispatch`](Self::pre_dispatch) batches are under
    /// way or unread, so a slow consumer holds the workers back instead of filling the memory, where
    /// joblib 1.5 runs ahead. Settings that `run` would refuse are the stream's only item.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// let squares = (1..).map(|i: u64| delayed!(u64::pow(i, 2)));
    /// let mut sum = 0;
    /// for square in Parallel::new().n_jobs(2).stream(squares) {
    ///     sum += square?;
    ///     if sum > 100 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(sum, 140);
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn stream<'a, I>(&self, tasks: I) -> Results<'a, <I::Item as Task>::Output>
    where
        I: IntoIterator<Item: Task<Output: 'static> + 'static, IntoIter: 'a>,
    {
        self.open(tasks.into_iter(), true)
    }

    /// As [`stream`](Self::stream), but each result as soon as it is there.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// let tasks = (0..9).map(|i| delayed(move || i));
    /// let mut results =
    ///     Parallel::new().n_jobs(2).stream_unordered(tasks).collect::<Result<Vec<_>, _>>()?;
    /// results.sort();
    /// assert!(results.into_iter().eq(0..9));
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn stream_unordered<'a, I>(&self, tasks: I) -> Results<'a, <I::Item as Task>::Output>
    where
        I: IntoIterator<Item: Task<Output: 'static> + 'static, IntoIter: 'a>,
    {
        self.open(tasks.into_iter(), false)
    }

    /// As [`stream`](Self::stream) for tasks that borrow: `body` reads the results, and when it is
    /// done, what has not begun is dropped and what runs is waited for.
    ///
    /// # Errors
    ///
    /// Those of [`run`](Self::run) that concern the loop as a whole, before any task has begun.
    ///
    /// ```
    /// use joblib_parallel::{Parallel, delayed};
    ///
    /// let words = ["one", "three", "five"];
    /// let lengths = words.iter().map(|word| delayed(|| word.len()));
    /// let longest =
    ///     Parallel::new().n_jobs(2).stream_scope(lengths, |results| results.flatten().max())?;
    /// assert_eq!(longest, Some(5));
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn stream_scope<I, R>(
        &self,
        tasks: I,
        body: impl FnOnce(&mut Results<'_, <I::Item as Task>::Output>) -> R,
    ) -> Result<R>
    where
        I: IntoIterator<Item: Task>,
    {
        let tasks = tasks.into_iter();
        let Ready { plan, dispatch, progress } = self.prepare(&tasks, true)?;
        let workers = match plan {
            Plan::InPlace => {
                return Ok(body(&mut Results::new(InPlace::new(tasks, dispatch, progress))));
            }
            Plan::On(workers) => workers,
        };
        let window = dispatch.window;
        let shared = Shared::new(workers, dispatch, progress);
        let stopped = || shared.is_stopped();
        Ok(scope(shared.backend(), shared.id(), &stopped, None, |scope| {
            let submit = Submit::Scoped(scope);
            let window = Window::open(Arc::clone(&shared), submit, window, true, tasks);
            body(&mut Results::new(window))
        }))
    }

    fn open<'a, T, I>(&self, tasks: I, ordered: bool) -> Results<'a, T::Output>
    where
        T: Task<Output: 'static> + 'static,
        I: Iterator<Item = T> + 'a,
    {
        match self.prepare(&tasks, true) {
            Err(error) => Results::failed(error),
            Ok(Ready { plan: Plan::InPlace, dispatch, progress }) => {
                Results::new(InPlace::new(tasks, dispatch, progress))
            }
            Ok(Ready { plan: Plan::On(workers), dispatch, progress }) => {
                let window = dispatch.window;
                let shared = Shared::new(workers, dispatch, progress);
                Results::new(Window::open(shared, Submit::owned(), window, ordered, tasks))
            }
        }
    }

    fn collect<T: Task>(
        &self,
        tasks: impl Iterator<Item = T> + Send,
        keep_going: bool,
        with: impl FnOnce(Rules<T::Output>) -> Rules<T::Output>,
    ) -> Result<Collected<T::Output>> {
        let Ready { plan, dispatch, progress } = self.prepare(&tasks, keep_going)?;
        let (progress, rules) = (progress.as_ref(), with(dispatch.watch.into()));
        let collected = match &plan {
            Plan::InPlace => in_place::run(dispatch, tasks, &rules, progress),
            Plan::On(workers) => dispatch::run(workers, dispatch, tasks, &rules, progress),
        };
        let whole = collected.ended.failures.is_empty() || keep_going;
        if let Some(progress) = progress.filter(|_| whole) {
            progress.finished();
        }
        Ok(collected)
    }

    /// Checks all settings, before any task begins.
    fn prepare<T: Task>(&self, tasks: &impl Iterator<Item = T>, keep_going: bool) -> Result<Ready> {
        let calls = Calls {
            function: T::portable().map(|wire| wire.target.name),
            repeatable: T::again().is_some(),
            number: tasks.size_hint(),
        };
        self.prepare_for(calls, keep_going)
    }

    fn prepare_for(&self, calls: Calls, keep_going: bool) -> Result<Ready> {
        let portable = calls.function.is_some();
        let (settings, plan) = plan::resolve(self.settings.clone(), portable)?;
        let n_jobs = plan.n_jobs();
        let ahead = self.pre_dispatch.batches(n_jobs)?;
        let mut dispatch = Dispatch {
            batch_size: self.fixed_size()?,
            window: ahead,
            keep_going,
            watch: self.watch,
            total_timeout: self.total_timeout,
            trace: None,
        };
        if self.watch.timeout == Some(Duration::ZERO) {
            return Err(Error::ZeroTimeout);
        }
        if self.watch.retries.are_wanted() && !calls.repeatable {
            return Err(Error::NotRepeatable);
        }
        if let Plan::On(workers) = &plan {
            if !workers.backend.capabilities().shared_memory && !portable {
                return Err(Error::NotPortable { backend: workers.backend.name().to_owned() });
            }
            if workers.capped {
                dispatch.window = ahead.min(NonZeroUsize::new(n_jobs).unwrap_or(NonZeroUsize::MIN));
            }
        }
        dispatch.trace =
            self.trace.as_deref().map(|path| recorder(path, &plan, calls.function)).transpose()?;
        let progress = self.outline(&settings, &plan, ahead, calls.number);
        Ok(Ready { plan, dispatch, progress })
    }

    /// How much to print, and the bar if one is wanted and can be seen.
    #[cfg(feature = "progress")]
    fn shown(&self, verbose: u32) -> (u32, Option<Hook>) {
        /// The cadence of the lines that stand in for the bar.
        const LINES: u32 = 5;
        match self.progress.then(crate::bar::hook) {
            Some(None) => (verbose.max(LINES), None),
            bar => (verbose, bar.flatten()),
        }
    }

    #[cfg(not(feature = "progress"))]
    fn shown(&self, verbose: u32) -> (u32, Option<Hook>) {
        (verbose, None)
    }

    fn fixed_size(&self) -> Result<Option<NonZeroUsize>> {
        match self.batch_size {
            None => Ok(None),
            Some(size) => NonZeroUsize::new(size).map(Some).ok_or(Error::ZeroBatchSize),
        }
    }

    /// `None` for a call that nobody wants to be told of.
    fn outline(
        &self,
        settings: &Settings,
        plan: &Plan,
        ahead: NonZeroUsize,
        (least, most): (usize, Option<usize>),
    ) -> Option<Progress> {
        let (verbose, bar) = self.shown(settings.verbose.unwrap_or(0));
        let hooks: Vec<_> = self.hook.clone().into_iter().chain(bar).collect();
        if verbose == 0 && hooks.is_empty() {
            return None;
        }
        let progress = Progress::new(Outline {
            verbose,
            hooks,
            n_jobs: settings.n_jobs.unwrap_or(NJobs::from(1)).to_string(),
            total: most.filter(|most| *most == least),
            pre_dispatch: ahead.get(),
        });
        if let Plan::On(workers) = plan {
            progress.started(workers.backend.name(), workers.n_jobs);
        }
        Some(progress)
    }
}

fn recorder(path: &Path, plan: &Plan, function: Option<&'static str>) -> Result<Arc<Recorder>> {
    let backend = match plan {
        Plan::InPlace => "sequential",
        Plan::On(workers) => workers.backend.name(),
    };
    let title = Title { backend: backend.to_owned(), n_jobs: plan.n_jobs(), function };
    Ok(Arc::new(Recorder::create(path, title)?))
}

/// What is known of the tasks of a call before any is made.
struct Calls {
    /// The function they call, if they can leave the process.
    function: Option<&'static str>,
    /// They can be tried again.
    repeatable: bool,
    /// At least so many, and at most.
    number: (usize, Option<usize>),
}

/// A call whose settings are in order.
struct Ready {
    plan: Plan,
    dispatch: Dispatch,
    progress: Option<Progress>,
}

/// The number of workers a loop with this `n_jobs` would have here: on the backend the surrounding
/// [`ParallelConfig`](crate::ParallelConfig) or the environment choose, inside the call around.
///
/// As `joblib.effective_n_jobs` (joblib 1.5); for the configured number of workers ask
/// [`Parallel::new().effective_n_jobs()`](Parallel::effective_n_jobs).
///
/// # Errors
///
/// [`Error::Backend`] for zero or an unknown backend, [`Error::BadVariable`].
///
/// ```
/// # #[cfg(feature = "threads")]
/// assert_eq!(joblib_parallel::effective_n_jobs(3)?, 3);
/// assert!(joblib_parallel::effective_n_jobs(-1)? >= 1);
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
pub fn effective_n_jobs(n_jobs: impl Into<NJobs>) -> Result<usize> {
    Parallel::new().n_jobs(n_jobs).effective_n_jobs()
}
