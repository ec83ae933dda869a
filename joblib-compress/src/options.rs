//! What a caller can ask of a stream, and which levels a format has.

use std::fmt;
use std::io::Read;

use crate::stream::LimitedReader;
use crate::{Error, Result};

/// The compression levels of a format, from fast to small, both ends included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Levels {
    /// The fastest.
    pub min: i32,
    /// The smallest.
    pub max: i32,
    /// The one used when nobody chooses.
    pub default: i32,
}

impl Levels {
    /// `level`, if the format called `name` has it.
    ///
    /// # Errors
    ///
    /// [`Error::LevelOutOfRange`] otherwise, and for 0, which is no level but the wish not to
    /// compress at all.
    pub fn check(self, name: &str, level: i32) -> Result<i32> {
        if level != 0 && (self.min..=self.max).contains(&level) {
            return Ok(level);
        }
        Err(Error::LevelOutOfRange { name: name.to_owned(), level, levels: self })
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

/// How a stream is to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// One of the format's [`Levels`].
    pub level: i32,
    /// How many threads compress, 1 or more.
    ///
    /// 1 unless set, which is the caller's own. With more, those are started when there is work
    /// for them, at most 256, and the caller only hands over and writes. The stream is one that
    /// every reader of the format reads, and the same for every number above 1; it is up to a
    /// hundredth larger than that of one thread. lzma cannot be cut and takes one thread whatever
    /// is asked for.
    pub threads: usize,
}

impl EncodeOptions {
    /// Everything at its default but the level.
    pub fn new(level: i32) -> Self {
        Self { level, threads: 1 }
    }

    /// The same with that many [`threads`](Self::threads); 0 is refused when the stream starts.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }
}

/// How a stream is to be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// The most memory, in bytes, that a stream may demand of its reader.
    ///
    /// Streams of xz, lzma and zstd say how much of the past they refer to, up to 4 GiB; one that
    /// wants more than this is refused with [`InvalidData`](std::io::ErrorKind::InvalidData). The
    /// other formats need at most 12 MiB whatever the stream says. 128 MiB unless set: enough for
    /// every level of every format here (the most is zstd 22, which needs exactly this window).
    pub memory_limit: u64,
    /// The most bytes that a reader gives, for streams from strangers: a thousand bytes may stand
    /// for a gigabyte.
    ///
    /// A stream that holds more is refused where it does, with
    /// [`FileTooLarge`](std::io::ErrorKind::FileTooLarge). No limit unless set: readers work in
    /// memory that does not grow with the output, and what the output is for decides how much of
    /// it is too much.
    pub output_limit: Option<u64>,
    /// How many threads decompress, 1 or more.
    ///
    /// 1 unless set, which is the caller's own. More help where a file is made of parts that can
    /// be told apart, which the table of the [crate](crate#formats-and-features) tells. Each of
    /// them (at most 256) has two parts at a time, of at most 4 MiB compressed and 16 MiB
    /// decompressed.
    pub threads: usize,
}

impl DecodeOptions {
    /// Everything at its default.
    pub fn new() -> Self {
        Self { memory_limit: 128 << 20, output_limit: None, threads: 1 }
    }

    /// The same with that [`memory_limit`](Self::memory_limit).
    #[must_use]
    pub fn memory_limit(self, bytes: u64) -> Self {
        Self { memory_limit: bytes, ..self }
    }

    /// The same with that [`output_limit`](Self::output_limit).
    #[must_use]
    pub fn output_limit(self, bytes: u64) -> Self {
        Self { output_limit: Some(bytes), ..self }
    }

    /// The same with that many [`threads`](Self::threads); 0 is refused when the stream starts.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// `reader`, which gives the content of a `name` stream, made to keep to the
    /// [`output_limit`](Self::output_limit): the last thing a [`Compressor`](crate::Compressor)
    /// does to its reader.
    pub fn limit<'r>(&self, name: &str, reader: Box<dyn Read + 'r>) -> Box<dyn Read + 'r> {
        match self.output_limit {
            Some(limit) => Box::new(LimitedReader::new(name, reader, limit)),
            None => reader,
        }
    }
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_not_a_level_even_between_two_that_are() {
        let levels = Levels { min: -7, max: 22, default: 3 };
        assert_eq!(levels.check("zstd", -7).unwrap(), -7);
        assert_eq!(levels.check("zstd", 22).unwrap(), 22);
        for level in [-8, 0, 23] {
            assert!(levels.check("zstd", level).is_err(), "{level}");
        }
    }
}
