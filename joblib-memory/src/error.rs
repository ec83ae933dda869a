//! What can go wrong with a cache.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::CallId;

/// Why a value could not be hashed, or a result not stored or found again.
///
/// Calling a cached function never fails with one of these: it warns and computes. They come from
/// asking the store directly, and from [`Shelved::get`](crate::Shelved::get).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value's own `Serialize` refused.
    #[error("hashing {what} failed: its `Serialize` refused")]
    Hash {
        /// `"a value"`, or the argument.
        what: String,
        /// What it said.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// A folder or file of the store could not be used.
    #[error("{action} `{path}` in the cache failed")]
    File {
        /// What was being done, such as `"reading"`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },

    /// A store that has no files failed.
    #[error("{action} the result of {id} failed")]
    Store {
        /// What was being done, such as `"reading"`.
        action: &'static str,
        /// The call.
        id: Box<CallId>,
        /// What the store reported.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The service behind a store failed.
    #[error("the cache in `{url}` cannot be used")]
    Service {
        /// The URL of the store.
        url: String,
        /// What was being done, and what the service reported.
        source: io::Error,
    },

    /// The address of a store is none.
    #[error("`{url}` is no address of a store: {problem}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },

    /// A result could not be turned into bytes.
    #[error("the result of {id} cannot be stored")]
    Encode {
        /// The call.
        id: Box<CallId>,
        /// What the value or the writer reported.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// What is stored is not a result of the wanted type, or was damaged.
    #[error("the stored result of {id} is damaged or of another type; it will be computed again")]
    Damaged {
        /// The call.
        id: Box<CallId>,
        /// What was found.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// A result that could not be stored could not be kept as bytes in memory either.
    #[error("a result that could not be stored cannot be held in memory as bytes either")]
    Unshelved {
        /// What the value reported.
        source: Arc<dyn StdError + Send + Sync>,
    },

    /// A shelved result is not in the store any more.
    #[error("the result of {id} is not stored any more: shelve the call again")]
    Missing {
        /// The call.
        id: Box<CallId>,
    },
}

impl Error {
    pub(crate) fn hash(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Hash { what: "a value".to_owned(), source: Box::new(source) }
    }

    pub(crate) fn hash_argument(name: &str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Hash { what: format!("argument `{name}`"), source: Box::new(source) }
    }

    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    pub(crate) fn encode(id: &CallId, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Encode { id: Box::new(id.clone()), source: source.into() }
    }

    pub(crate) fn damaged(id: &CallId, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Damaged { id: Box::new(id.clone()), source: source.into() }
    }
}

/// The result of an operation on a cache.
pub type Result<T, E = Error> = std::result::Result<T, E>;
