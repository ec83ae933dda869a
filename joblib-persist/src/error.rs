//! What can go wrong, and where.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::array::DType;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a value could not be dumped or loaded: what happened ([`kind`](Self::kind)), in which file
/// and at which place inside the value.
///
/// One pointer wide, so that the results that travel through every level of a value stay small.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    /// From the inside out: each level adds its segment while the error passes through it.
    segments: Vec<Segment>,
    file: Option<(Action, PathBuf)>,
}

/// What was being done with a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    Dumping,
    Loading,
    Inspecting,
    Verifying,
}

/// A step from a value to one inside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Segment {
    Field(Box<str>),
    Index(u64),
}

/// What went wrong.
///
/// Each message says what this crate was doing and with which value; the cause is in
/// [`source`](std::error::Error::source) and is not repeated in the message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The reader or writer below failed: a full disk, a missing file, a broken connection.
    #[error("{action} failed")]
    Io {
        /// Such as `"writing"`.
        action: &'static str,
        /// What the system reported.
        source: io::Error,
    },

    /// The bytes do not begin like a value.
    #[error(
        "not a joblib file (it starts with {found:02x?}, a native file with {:02x?})",
        crate::format::MAGIC
    )]
    Foreign {
        /// The first bytes.
        found: Vec<u8>,
    },

    /// A newer version of the format.
    #[error(
        "written in version {found} of the format, this library reads up to {}: update it",
        crate::format::VERSION
    )]
    Newer {
        /// The version that the file names.
        found: u16,
    },

    /// The bytes end before the value does.
    #[error("the data ends too early, in {place}: the file was cut or not written completely")]
    Truncated {
        /// Which part of the format was being read.
        place: &'static str,
    },

    /// A checksum does not match, or the bytes cannot be what a writer writes.
    #[error("the data is damaged: {detail}")]
    Damaged {
        /// What does not fit.
        detail: String,
    },

    /// The value is of another type.
    #[error("{found} found, {wanted} wanted")]
    Mismatch {
        /// In the file.
        found: String,
        /// In the program.
        wanted: String,
    },

    /// An array is not of the wanted element type.
    #[error("array of {found} found, {wanted} wanted")]
    DType {
        /// In the file.
        found: DType,
        /// In the program.
        wanted: DType,
    },

    /// An array does not have the wanted number of axes.
    #[error("array of shape {shape:?} found, {wanted} axes wanted")]
    Axes {
        /// In the file.
        shape: Vec<u64>,
        /// In the program.
        wanted: usize,
    },

    /// The array is mapped for reading.
    #[error("the array is mapped for reading only: load it with `MmapMode::ReadWrite` or `Copy`")]
    ReadOnly,

    /// The file is mapped in this process, for writing or to be mapped for writing.
    #[error("this process has mapped the file already: a file mapped for writing is mapped once")]
    Mapped,

    /// The value goes deeper than is written or read.
    #[error("nested deeper than {} levels", crate::format::MAX_DEPTH)]
    TooDeep,

    /// There is no memory for an array.
    #[error("no memory for an array of {bytes} bytes")]
    OutOfMemory {
        /// Its size.
        bytes: u64,
    },

    /// The value takes more memory than the caller allows.
    #[error(
        "more than the {limit} bytes that are allowed: raise `LoadOptions::memory_limit` if you \
         trust where it comes from"
    )]
    MemoryLimit {
        /// What [`LoadOptions::memory_limit`](crate::LoadOptions::memory_limit) was given.
        limit: u64,
    },

    /// A Python file refers to something outside of it, or is newer than what is known.
    #[error("{0}")]
    Python(String),

    /// The value cannot be written: its `Serialize` breaks a rule, or the format has no room for it.
    #[error("{detail}")]
    Unwritable {
        /// Which rule.
        detail: String,
    },

    /// The value's own `Serialize` or `Deserialize` reported this.
    #[error("{0}")]
    Value(String),

    /// The compression below failed, or is not known.
    #[error("{action} compressed data failed")]
    Compression {
        /// `"reading"` or `"writing"`.
        action: &'static str,
        /// What the compressor reported.
        source: joblib_compress::Error,
    },
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Error(Box::new(Inner { kind, segments: Vec::new(), file: None }))
    }

    #[cold]
    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged { detail: detail.into() })
    }

    #[cold]
    pub(crate) fn mismatch(found: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self::new(ErrorKind::Mismatch { found: found.into(), wanted: wanted.into() })
    }

    #[cold]
    pub(crate) fn unwritable(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unwritable { detail: detail.into() })
    }

    #[cold]
    pub(crate) fn io(action: &'static str, source: io::Error) -> Self {
        Self::new(ErrorKind::Io { action, source })
    }

    /// A failed read: the end of the data where more was needed is its own kind.
    #[cold]
    pub(crate) fn reading(place: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::new(ErrorKind::Truncated { place }),
            _ => Self::io("reading", source),
        }
    }

    /// Says in which part of the value it happened; called from the inside out.
    #[cold]
    pub(crate) fn within(mut self, segment: Segment) -> Self {
        self.0.segments.push(segment);
        self
    }

    #[cold]
    pub(crate) fn in_file(mut self, action: Action, path: &Path) -> Self {
        self.0.file.get_or_insert_with(|| (action, path.to_owned()));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The file, if a function that was given a path failed.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_ref().map(|(_, path)| path.as_path())
    }

    /// The place inside the value, such as `inner.[0].coef`; empty if it is the value itself or
    /// the place is not known.
    pub fn place(&self) -> String {
        let segments: Vec<String> = self.0.segments.iter().rev().map(Segment::to_string).collect();
        segments.join(".")
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Segment::Field(name) => f.write_str(name),
            Segment::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Dumping => "dumping to",
            Action::Loading => "loading",
            Action::Inspecting => "inspecting",
            Action::Verifying => "verifying",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((action, path)) = &self.0.file {
            write!(f, "{action} `{}`: ", path.display())?;
        }
        if !self.0.segments.is_empty() {
            write!(f, "at `{}`: ", self.place())?;
        }
        self.0.kind.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("place", &self.place())
            .field("file", &self.file())
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(ErrorKind::Value(message.to_string()))
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(ErrorKind::Value(message.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn names_file_and_place() {
        let kind = ErrorKind::DType { found: DType::F64, wanted: DType::F32 };
        let error = Error::new(kind)
            .within(Segment::Field("b".into()))
            .within(Segment::Index(0))
            .within(Segment::Field("inner".into()));
        assert_eq!(error.to_string(), "at `inner.[0].b`: array of f64 found, f32 wanted");
        let error = error.in_file(Action::Loading, Path::new("model.jbl"));
        assert_eq!(
            error.to_string(),
            "loading `model.jbl`: at `inner.[0].b`: array of f64 found, f32 wanted"
        );
        assert_eq!(error.file(), Some(Path::new("model.jbl")));
    }
}
