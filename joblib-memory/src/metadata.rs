//! What is noted beside a result.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::notes::Notes;
use crate::sketch::Sketch;
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
    /// Parts of each argument, to compare other calls with; nothing where the text says it all.
    #[serde(default)]
    pub(crate) parts: Vec<Vec<(String, Part)>>,
    /// When the result was stored, in nanoseconds since 1970; 0 if that is not known.
    #[serde(default)]
    pub(crate) moment: u64,
}

/// A part of an argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Part {
    /// As text.
    Text(String),
    /// What is noted of an array.
    Array(Sketch),
}

impl Metadata {
    pub(crate) fn new(id: &CallId, notes: &Notes, duration: Duration) -> Self {
        let since_1970 = clock::now().and_then(|now| now.duration_since(UNIX_EPOCH).ok());
        Self {
            function: id.function.path().to_owned(),
            version: id.function.version().map(str::to_owned),
            arguments: notes.texts.clone(),
            duration,
            stored: since_1970.map_or(0, |time| time.as_secs()),
            parts: notes.parts.clone(),
            moment: since_1970.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(0)),
        }
    }
}
