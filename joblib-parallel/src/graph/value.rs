//! Results without their types.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use joblib_backends::{Failure, Frame, Kept, Payload};
use serde::{Serialize, de::DeserializeOwned};

/// A result without its type, for all who need it.
#[derive(Clone)]
pub enum Value {
    Here(Arc<dyn Any + Send + Sync>),
    /// It stayed with the backend.
    Away(Kept),
    /// It stayed with the backend for other calls, and is here for whoever asked for it.
    Both(Arc<dyn Any + Send + Sync>, Kept),
}

impl Value {
    pub(super) fn new<R: Send + Sync + 'static>(value: R) -> Self {
        Self::Here(Arc::new(value))
    }

    /// What stands for it in calls that are made where it stayed.
    pub(super) fn kept(&self) -> Option<&Kept> {
        match self {
            Self::Here(_) => None,
            Self::Away(kept) | Self::Both(_, kept) => Some(kept),
        }
    }

    /// What is left of it when no call needs it any more.
    pub(super) fn for_the_caller(self) -> Self {
        match self {
            Self::Both(value, _) => Self::Here(value),
            other => other,
        }
    }

    /// With its type, which is the one that its node has.
    pub(super) fn typed<R: Send + Sync + 'static>(self) -> Result<Arc<R>, Failure> {
        match self {
            Self::Here(value) | Self::Both(value, _) => value.downcast().map_err(|_| Failure::Lost),
            Self::Away(_) => Err(Failure::Refused {
                message: "a backend that keeps results has to make the calls that use them".into(),
            }),
        }
    }

    /// The result itself if nobody else holds it, else a copy.
    pub(super) fn take<R>(self) -> Result<R, Failure>
    where
        R: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        Arc::try_unwrap(self.typed::<R>()?).or_else(|shared| copy(&*shared))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Self::Away(_)) { "Value(away)" } else { "Value(here)" })
    }
}

/// A copy of a result, made by writing it down and reading it again, as for another process.
fn copy<R: Serialize + DeserializeOwned>(value: &R) -> Result<R, Failure> {
    let mut frame = Frame::default();
    frame.write(value)?;
    Payload::new(frame.as_bytes()).read()
}
