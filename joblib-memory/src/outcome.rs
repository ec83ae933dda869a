//! What of a function's return value is stored.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Shelved;

/// How a return type is stored and given back: everything of it ([`Whole`]), the `Ok` of a
/// `Result`, or the `Some` of an `Option`. It says what the functions of a [`CachedFn`](crate::CachedFn) return.
pub trait Outcome {
    /// What the function returns.
    type Returned;
    /// What is stored of it.
    type Stored: Serialize + DeserializeOwned;
    /// What shelving a call returns.
    type Shelved;

    /// The part that is stored; nothing for a failure, which is never stored.
    fn stored(returned: &Self::Returned) -> Option<&Self::Stored>;

    /// The return value that was stored.
    fn restore(stored: Self::Stored) -> Self::Returned;

    /// A reference to what was stored.
    fn shelved(reference: Shelved<Self::Stored>) -> Self::Shelved;

    /// The value, shelved by `keep`, or the failure.
    fn shelve(
        returned: Self::Returned,
        keep: impl FnOnce(Self::Stored) -> Shelved<Self::Stored>,
    ) -> Self::Shelved;
}

/// A return type of which everything is stored.
#[derive(Debug)]
pub struct Whole<R>(PhantomData<R>);

impl<R: Serialize + DeserializeOwned> Outcome for Whole<R> {
    type Returned = R;
    type Stored = R;
    type Shelved = Shelved<R>;

    fn stored(returned: &R) -> Option<&R> {
        Some(returned)
    }

    fn restore(stored: R) -> R {
        stored
    }

    fn shelved(reference: Shelved<R>) -> Shelved<R> {
        reference
    }

    fn shelve(returned: R, keep: impl FnOnce(R) -> Shelved<R>) -> Shelved<R> {
        keep(returned)
    }
}

/// Of a `Result` the `Ok` is stored, as joblib stores what is returned and not what is raised.
impl<T: Serialize + DeserializeOwned, E> Outcome for Result<T, E> {
    type Returned = Self;
    type Stored = T;
    type Shelved = Result<Shelved<T>, E>;

    fn stored(returned: &Self) -> Option<&T> {
        returned.as_ref().ok()
    }

    fn restore(stored: T) -> Self {
        Ok(stored)
    }

    fn shelved(reference: Shelved<T>) -> Self::Shelved {
        Ok(reference)
    }

    fn shelve(returned: Self, keep: impl FnOnce(T) -> Shelved<T>) -> Self::Shelved {
        returned.map(keep)
    }
}

/// Of an `Option` the `Some` is stored.
impl<T: Serialize + DeserializeOwned> Outcome for Option<T> {
    type Returned = Self;
    type Stored = T;
    type Shelved = Option<Shelved<T>>;

    fn stored(returned: &Self) -> Option<&T> {
        returned.as_ref()
    }

    fn restore(stored: T) -> Self {
        Some(stored)
    }

    fn shelved(reference: Shelved<T>) -> Self::Shelved {
        Some(reference)
    }

    fn shelve(returned: Self, keep: impl FnOnce(T) -> Shelved<T>) -> Self::Shelved {
        returned.map(keep)
    }
}

/// A return type in the hands of an expansion, which cannot see through aliases.
#[derive(Debug)]
pub struct Returned<R>(PhantomData<R>);

impl<R> Returned<R> {
    /// Stands for `R`.
    #[expect(clippy::new_without_default, reason = "called by expansions only")]
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T, E> Returned<Result<T, E>> {
    /// Never compiles: the expansion took the alias for a plain value.
    pub fn is_written_as_result(&self)
    where
        Self: WrittenAsResult,
    {
    }
}

impl<T> Returned<Option<T>> {
    /// Never compiles: the expansion took the alias for a plain value.
    pub fn is_written_as_result(&self)
    where
        Self: WrittenAsResult,
    {
    }
}

/// Chosen where the methods above do not exist: for everything that is no `Result` and
/// no `Option`.
pub trait NotAResult {
    /// Nothing is wrong.
    fn is_written_as_result(&self) {}
}

impl<R> NotAResult for Returned<R> {}

/// Implemented by nothing.
///
/// ```compile_fail,E0277
/// use joblib_memory::{Memory, cache};
///
/// static MEMORY: std::sync::LazyLock<Memory> = std::sync::LazyLock::new(Memory::none);
///
/// type Outcome<T> = Result<T, String>;
///
/// #[cache(MEMORY)]
/// fn root(x: f64) -> Outcome<f64> {
///     if x < 0.0 { Err("negative".to_owned()) } else { Ok(x.sqrt()) }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`#[cache]` does not see that this is a `Result` or `Option`, and would store its errors",
    label = "another name for a `Result` or `Option`",
    note = "write the return type as `Result<..>` or `Option<..>`, so that only `Ok` and `Some` are stored, \
            or add `cache_errors`"
)]
pub trait WrittenAsResult {}
