//! The digest of a call's arguments.

use serde::Serialize;

use super::accumulator::Accumulator;
use super::serializer::{Place, feed};
use crate::{Algorithm, Digest, Error, Result};

/// Gathers the arguments of one call by name.
pub struct Arguments {
    out: Accumulator,
    refused: Option<Error>,
}

impl Arguments {
    /// No arguments yet.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self { out: Accumulator::new(algorithm), refused: None }
    }

    /// A type the function is generic over: it decides what is computed without being a value.
    #[must_use]
    pub fn type_parameter(mut self, name: &str) -> Self {
        self.out.tag(b't');
        self.out.text(name.as_bytes());
        self
    }

    /// An argument's name and value.
    #[inline]
    #[must_use]
    pub fn argument<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        self.out.tag(b'a');
        self.out.text(name.as_bytes());
        if let Err(stop) = feed(value, Place::Value(&mut self.out)) {
            self.refused = Some(Error::hash_argument(name, stop));
        }
        self
    }

    /// The digest of all of them.
    pub(crate) fn digest(mut self) -> Result<Digest> {
        match self.refused {
            None => Ok(self.out.take_digest()),
            Some(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arguments").field("refused", &self.refused).finish_non_exhaustive()
    }
}
