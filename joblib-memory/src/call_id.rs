//! What a stored result is the result of.

use std::fmt;

use crate::layout::keys::{self, Role};
use crate::{Digest, Function};

/// One call: a function, its code, its arguments. Under this a store keeps the result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallId {
    /// Which function.
    pub function: Function,
    /// The digest of its code.
    pub code: Digest,
    /// The digest of its arguments by name.
    pub arguments: Digest,
}

impl CallId {
    /// A text for stores that keep things by name: another one for every call, of lower-case letters,
    /// digits and `_-~%./`, with no more than 143 characters between two `/`. It is the path of the
    /// entry's file in a [`FolderStore`](crate::FolderStore).
    ///
    /// ```
    /// use joblib_memory::{CallId, Digest, Function};
    ///
    /// let [code, arguments] = [1, 2].map(Digest::from_u128);
    /// let id = CallId { function: Function::new("model::Fit"), code, arguments };
    /// assert!(id.to_key().starts_with("joblib/model/%46it/0000"));
    /// assert_eq!(CallId::from_key(&id.to_key()), Some(id));
    /// ```
    #[must_use]
    pub fn to_key(&self) -> String {
        keys::entry(self)
    }

    /// The call with this [key](Self::to_key); nothing if there is none.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        keys::read(key).filter(|(_, role)| *role == Role::Entry).map(|(id, _)| id)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {}, arguments {})", self.function, self.code, self.arguments)
    }
}
