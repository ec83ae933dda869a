//! What is noted beside a result.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::{CallId, clock};

/// How a stored result came to be. For people and for later decisions: nothing here takes part in
/// finding the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Metadata {
    /// The path of the function.
    pub function: String,
    /// The version of the function's crate, if known.
    pub version: Option<String>,
    /// Name and readable value of each argument that counts; long values end in `…`.
    pub arguments: Vec<(String, String)>,
    /// How long the function took.
    pub duration: Duration,
    /// When the result was stored, in whole seconds since 1970; 0 if there was no clock.
    pub stored: u64,
}

impl Metadata {
    pub(crate) fn new(id: &CallId, arguments: &[(String, String)], duration: Duration) -> Self {
        let since_1970 = clock::now().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
        Self {
            function: id.function.path().to_owned(),
            version: id.function.version().map(str::to_owned),
            arguments: arguments.to_vec(),
            duration,
            stored: since_1970.map_or(0, |time| time.as_secs()),
        }
    }
}
