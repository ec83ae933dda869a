//! What a task is, and the simplest one: a closure.

use std::fmt;

use joblib_backends::{Failure, Frame, Payload, Target};

/// One call that is to be made somewhere else: on another thread, in another process.
///
/// Made by the function [`delayed`] from a closure, or by the macro [`delayed!`](macro@crate::delayed)
/// from a call of a function; the latter can leave the process. Implement it yourself for a task
/// that is data: `run` is called once, on the worker's thread.
///
/// ```
/// use joblib_parallel::{Parallel, Task};
///
/// struct Square(u32);
///
/// impl Task for Square {
///     type Output = u32;
///     fn run(self) -> u32 {
///         self.0 * self.0
///     }
/// }
///
/// assert_eq!(Parallel::new().n_jobs(2).run([Square(2), Square(3)])?, [4, 9]);
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
pub trait Task: Send + Sized {
    /// What the task gives back.
    type Output: Send;

    /// Does the work. A panic becomes an error that names the task.
    fn run(self) -> Self::Output;

    /// How tasks of this type travel to another process; `None`, the default: they cannot.
    fn portable() -> Option<Wire<Self>> {
        None
    }

    /// How to copy a task, so that it can be tried again; `None`, the default: tasks of this type
    /// run once, and [`retries`](crate::Parallel::retries) are refused.
    fn again() -> Option<Again<Self>> {
        None
    }
}

/// Makes a copy of a task, or says why it has none.
pub type Again<T> = fn(&T) -> Result<T, Failure>;

/// How tasks of one type travel to another process and their results come back.
pub struct Wire<T: Task> {
    /// The function that does the work there: [`call`](Self::call), then [`write`](Self::write).
    pub target: Target,
    /// Reads the arguments of a task and does its work.
    pub call: fn(&mut Payload<'_>) -> Result<T::Output, Failure>,
    /// Appends a result.
    pub write: fn(&T::Output, &mut Frame) -> Result<(), Failure>,
    /// Appends the arguments of a task. The task stays whole and may be asked again.
    pub encode: fn(&T, &mut Frame) -> Result<(), Failure>,
    /// Reads what [`Target::call`] appended.
    pub decode: fn(&mut Payload<'_>) -> Result<T::Output, Failure>,
}

impl<T: Task> fmt::Debug for Wire<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("target", &self.target).finish_non_exhaustive()
    }
}

/// A closure to be called on another thread. Made by [`delayed`].
#[derive(Clone, Copy)]
pub struct Delayed<F>(F);

/// Makes a task of `call`, which may borrow from its surroundings.
///
/// A closure cannot leave the process; for worker processes write the call of a function,
/// [`delayed!(function(arguments))`](macro@crate::delayed).
///
/// ```
/// use joblib_parallel::{Parallel, delayed};
///
/// let rows = [[1.0, 2.0], [3.0, 4.0]];
/// let weights = [0.5, 0.25];
/// let dot = |row: &[f64; 2]| row[0] * weights[0] + row[1] * weights[1];
///
/// let sums = Parallel::new().n_jobs(2).run(rows.iter().map(|row| delayed(|| dot(row))))?;
/// assert_eq!(sums, [1.0, 2.5]);
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
pub fn delayed<F, R>(call: F) -> Delayed<F>
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    Delayed(call)
}

impl<F: Clone> Delayed<F> {
    /// The same call as a task that can be tried again, for
    /// [`retries`](crate::Parallel::retries): each attempt calls a clone of the closure. Closures that
    /// borrow can be cloned.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// use joblib_parallel::{Parallel, Retries, delayed};
    ///
    /// let attempts = AtomicU32::new(0);
    /// let flaky = || assert!(attempts.fetch_add(1, Ordering::Relaxed) > 1, "not yet");
    /// let parallel = Parallel::new().retries(Retries::new(5).panics());
    /// parallel.run([delayed(flaky).repeatable()])?;
    /// assert_eq!(attempts.into_inner(), 3);
    /// # Ok::<(), joblib_parallel::Error>(())
    /// ```
    pub fn repeatable(self) -> Repeatable<F> {
        Repeatable(self.0)
    }
}

/// A closure to be called on another thread, several times if need be. Made by
/// [`Delayed::repeatable`].
#[derive(Clone, Copy)]
pub struct Repeatable<F>(F);

impl<F, R> Task for Repeatable<F>
where
    F: FnOnce() -> R + Clone + Send,
    R: Send,
{
    type Output = R;

    fn run(self) -> R {
        (self.0)()
    }

    fn again() -> Option<Again<Self>> {
        Some(|task| Ok(task.clone()))
    }
}

impl<F> fmt::Debug for Repeatable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repeatable({})", std::any::type_name::<F>())
    }
}

impl<F, R> Task for Delayed<F>
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    type Output = R;

    fn run(self) -> R {
        (self.0)()
    }
}

impl<F> fmt::Debug for Delayed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delayed({})", std::any::type_name::<F>())
    }
}
