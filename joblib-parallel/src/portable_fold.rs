//! Folds that can leave the process: three functions without captures, made again from their types.

#![allow(unsafe_code, reason = "functions, which have no size, are made again from their types")]

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

use crate::Fold;
#[cfg(feature = "processes")]
use crate::fold::FoldWire;
use crate::portable::Sizeless;
#[cfg(feature = "processes")]
use crate::portable::fingerprint;

/// A fold of functions, made by [`fold!`](macro@crate::fold). It can leave the process.
#[derive(Clone, Copy)]
pub struct PortableFold<S, P, M> {
    start: S,
    step: P,
    merge: M,
}

impl<S, P, M> fmt::Debug for PortableFold<S, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortableFold").finish_non_exhaustive()
    }
}

impl<S: Copy, P: Copy, M: Copy> PortableFold<S, P, M> {
    /// The functions, for the macro to check that they capture nothing.
    #[doc(hidden)]
    pub fn functions(&self) -> (S, P, M) {
        (self.start, self.step, self.merge)
    }
}

/// What the macro expands to.
#[doc(hidden)]
pub fn portable_fold<A, T, S, P, M>(start: S, step: P, merge: M) -> PortableFold<S, P, M>
where
    S: Fn() -> A + Copy + Sync + 'static,
    P: Fn(A, T) -> A + Copy + Sync + 'static,
    M: Fn(A, A) -> A + Copy + Sync + 'static,
{
    Sizeless::of(&start);
    Sizeless::of(&step);
    Sizeless::of(&merge);
    PortableFold { start, step, merge }
}

impl<A, T, S, P, M> Fold<T> for PortableFold<S, P, M>
where
    A: Serialize + DeserializeOwned + Send + 'static,
    S: Fn() -> A + Copy + Sync + 'static,
    P: Fn(A, T) -> A + Copy + Sync + 'static,
    M: Fn(A, A) -> A + Copy + Sync + 'static,
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

    #[cfg(feature = "processes")]
    fn portable() -> Option<FoldWire<Self, A>> {
        Some(FoldWire {
            fingerprint: fingerprint::<(S, P, M, A)>(),
            // SAFETY: who has this type had a `PortableFold` of it, which holds the three, in a
            // process that runs this executable; a worker finds the function that calls this by its
            // offset and checks the fingerprint before.
            again: || unsafe {
                Self {
                    start: Sizeless::<S>::again(),
                    step: Sizeless::<P>::again(),
                    merge: Sizeless::<M>::again(),
                }
            },
            write: |sum, out| out.write(sum),
            read: |payload| payload.read(),
        })
    }
}

/// Makes a fold of functions or of closures that capture nothing, which may travel to another
/// process: the value of no results, a value with one more result, the value of two neighbours. Only the
/// values travel back, which must be serializable.
///
/// ```
/// # #[cfg(feature = "processes")]
/// # {
/// use joblib_parallel::{Parallel, delayed, fold};
///
/// let squares = (0..100).map(|n: u64| delayed!(u64::pow(n, 2)));
/// let total = Parallel::new()
///     .n_jobs(2)
///     .backend("processes")
///     .reduce(squares, fold!(|| 0, |sum: u64, square| sum + square, |left, right| left + right))?;
/// assert_eq!(total, 328_350);
/// # }
/// # Ok::<(), joblib_parallel::Error>(())
/// ```
#[macro_export]
macro_rules! fold {
    ($start:expr, $step:expr, $merge:expr $(,)?) => {
        match $crate::__private::portable_fold($start, $step, $merge) {
            fold => {
                // Only closures without captures become function pointers.
                let (start, step, merge) = fold.functions();
                $crate::__private::captured_variables_must_be_passed_as_arguments::<fn() -> _>(
                    start,
                );
                $crate::__private::captured_variables_must_be_passed_as_arguments::<fn(_, _) -> _>(
                    step,
                );
                $crate::__private::captured_variables_must_be_passed_as_arguments::<fn(_, _) -> _>(
                    merge,
                );
                fold
            }
        }
    };
}
