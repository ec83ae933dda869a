//! Why serde was stopped: an error, or because nothing is left to do.

use std::fmt;

use crate::error::{Error, ErrorKind};

/// The serializer's error. `None` stops a type's `Serialize` after its announcement was enough to
/// write the whole array; only the types in the table of arrays ever see it, and they hand it
/// through.
pub(crate) struct Stop(pub(super) Option<Error>);

impl Stop {
    /// Stops a `Serialize` whose announcement was enough.
    pub(crate) fn done() -> Self {
        Stop(None)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.0.is_none()
    }

    /// The error, unless it was [`done`](Self::done).
    pub(crate) fn into_error(self) -> Option<Error> {
        self.0
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop(Some(error))
    }
}

impl serde::ser::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Stop(Some(Error::new(ErrorKind::Value(message.to_string()))))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(error) => error.fmt(f),
            None => f.write_str("the array is written already"),
        }
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Stop {}
