//! How results become one: the folds given to `reduce`.

use std::fmt;

use joblib_backends::{Failure, Frame, Payload};

/// How the results of a loop become one value; for [`Parallel::reduce`](crate::Parallel::reduce).
///
/// Made by the function [`fold`] from closures, or by the macro [`fold!`](macro@crate::fold) from
/// functions, which can leave the process. Results are folded, in their order, where tasks run: from
/// [`start`](Self::start) on with [`step`](Self::step), a group of neighbours each; the groups are put
/// together by [`merge`](Self::merge), in their order. So `merge` has to be associative, and `start` to
/// change nothing, or the value depends on the groups.
pub trait Fold<T>: Sync {
    /// The value.
    type Output: Send;

    /// The value of no results.
    fn start(&self) -> Self::Output;

    /// A value with one more result.
    fn step(&self, sum: Self::Output, result: T) -> Self::Output;

    /// The value of two neighbours.
    fn merge(&self, left: Self::Output, right: Self::Output) -> Self::Output;

    /// How it travels to another process; `None`, the default: it cannot.
    fn portable() -> Option<FoldWire<Self, Self::Output>>
    where
        Self: Sized,
    {
        None
    }
}

/// How folds of one type travel to another process, and their values come back.
pub struct FoldWire<F, A> {
    /// Differs between types.
    pub fingerprint: u64,
    /// Makes the fold there.
    pub again: fn() -> F,
    /// Appends a value.
    pub write: fn(&A, &mut Frame) -> Result<(), Failure>,
    /// Reads a value.
    pub read: fn(&mut Payload<'_>) -> Result<A, Failure>,
}

impl<F, A> fmt::Debug for FoldWire<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FoldWire").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// A fold of closures. Made by [`fold`].
#[derive(Clone, Copy)]
pub struct Folding<S, P, M> {
    start: S,
    step: P,
    merge: M,
}

impl<S, P, M> fmt::Debug for Folding<S, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folding").finish_non_exhaustive()
    }
}

/// A fold of closures, which may borrow, for loops in this process: the value of no results, a value
/// with one more result, the value of two neighbours.
///
/// ```
/// use joblib_parallel::{Parallel, delayed, fold};
///
/// let words = ["one", "three", "five"];
/// let lengths = words.iter().map(|word| delayed(|| word.len()));
/// let total = Parallel::new().n_jobs(2).reduce(lengths, fold(|| 0, |sum, n| sum + n, |a, b| a + b))?;
/// assert_eq!(total, 12);
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
pub fn fold<A, T, S, P, M>(start: S, step: P, merge: M) -> Folding<S, P, M>
where
    S: Fn() -> A + Sync,
    P: Fn(A, T) -> A + Sync,
    M: Fn(A, A) -> A + Sync,
{
    Folding { start, step, merge }
}

impl<A, T, S, P, M> Fold<T> for Folding<S, P, M>
where
    A: Send,
    S: Fn() -> A + Sync,
    P: Fn(A, T) -> A + Sync,
    M: Fn(A, A) -> A + Sync,
{
    type Output = A;

    fn start(&self) -> A {
        (self.start)()
    }

    fn step(&self, sum: A, result: T) -> A {
        (self.step)(sum, result)
    }

    fn merge(&self, left: A, right: A) -> A {
        (self.merge)(left, right)
    }
}
