//! Why a compressor could not be chosen, registered or started.

use std::io;

use crate::Levels;

/// Why a compressor could not be chosen, registered or started.
///
/// What goes wrong later, inside a stream, is an [`io::Error`] like that of every reader and
/// writer: [`InvalidData`](io::ErrorKind::InvalidData) for a damaged stream,
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) for one that was cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No compressor of that name is registered.
    #[error("no compressor named `{name}` (registered: {})", .known.join(", "))]
    UnknownName {
        /// The name that was asked for.
        name: String,
        /// Every name the registry holds, sorted.
        known: Vec<String>,
    },

    /// The format is one of this crate's, but its feature is switched off.
    #[error("compressor `{name}` is not part of this build: enable the feature `{name}`")]
    NotBuiltIn {
        /// The format, which is also the name of the feature.
        name: &'static str,
    },

    /// The format has no such level.
    #[error("`{name}` has no level {level}: choose from {levels}, or 0 for no compression")]
    LevelOutOfRange {
        /// The format.
        name: String,
        /// The level that was asked for.
        level: i32,
        /// The levels it has.
        levels: Levels,
    },

    /// Nobody would do the work.
    #[error("{action} a `{name}` stream with 0 threads is not possible: choose 1 or more")]
    NoThreads {
        /// `"writing"` or `"reading"`.
        action: &'static str,
        /// The format.
        name: String,
    },

    /// A text is neither a name nor a name with a level.
    #[error("`{setting}` names no compression: write a name, or a name and a level as in `xz:6`")]
    BadSetting {
        /// The text.
        setting: String,
    },

    /// Another compressor already answers to that name, extension or magic.
    #[error("compressor `{name}` clashes with `{existing}`: both have the {what}")]
    Clash {
        /// The one being registered.
        name: String,
        /// The one already there.
        existing: String,
        /// What they share, such as ``extension `gz` ``.
        what: String,
    },

    /// The compressor could be registered but never be found again.
    #[error("compressor `{name}` cannot be registered: {reason}")]
    Unfit {
        /// The one being registered.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A stream could not be started.
    #[error("{action} a `{name}` stream failed at its start")]
    Io {
        /// `"writing"` or `"reading"`.
        action: &'static str,
        /// The format.
        name: String,
        /// What the reader, the writer or the codec reported.
        source: io::Error,
    },
}

/// The result of choosing, registering or starting a compressor.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Error> for io::Error {
    /// Keeps the kind of an I/O failure; everything else is `InvalidInput`.
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error)
    }
}
