//! What a caller can ask of a stream, and which levels a format has.

use std::fmt;

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
}

impl EncodeOptions {
    /// Everything at its default but the level.
    pub fn new(level: i32) -> Self {
        Self { level }
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
}

impl DecodeOptions {
    /// Everything at its default.
    pub fn new() -> Self {
        Self { memory_limit: 128 << 20 }
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
