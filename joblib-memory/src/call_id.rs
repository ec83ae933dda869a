//! What a stored result is the result of.

use std::fmt;

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

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {}, arguments {})", self.function, self.code, self.arguments)
    }
}
