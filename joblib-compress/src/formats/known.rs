//! How each format is recognised. Known even where its feature is off, so that a missing feature
//! is an error with its name and not a file taken for something else.

use std::io;

use crate::{DecodeOptions, EncodeOptions, Error, Levels, Result};

/// What is fixed about a format.
#[derive(Debug)]
pub(crate) struct Known {
    /// Python joblib's name for it, and the name of the feature.
    pub(crate) name: &'static str,
    /// File extensions, without the dot.
    pub(crate) extensions: &'static [&'static str],
    /// What its streams start with.
    pub(crate) magic: &'static [&'static [u8]],
    /// Its levels; the defaults are those of Python joblib 1.5, `numpy_pickle_utils.py` and
    /// `compressor.py`, except for lz4 and zstd, which have their own library's.
    pub(crate) levels: Levels,
}

/// All formats, sorted by name.
pub(crate) const ALL: &[&Known] = &[&BZ2, &GZIP, &LZ4, &LZMA, &XZ, &ZLIB, &ZSTD];

pub(crate) const BZ2: Known = Known {
    name: "bz2",
    extensions: &["bz2"],
    magic: &[b"BZh"],
    levels: Levels { min: 1, max: 9, default: 9 },
};

pub(crate) const GZIP: Known = Known {
    name: "gzip",
    extensions: &["gz"],
    magic: &[b"\x1f\x8b"],
    levels: Levels { min: 1, max: 9, default: 3 },
};

pub(crate) const LZ4: Known = Known {
    name: "lz4",
    extensions: &["lz4"],
    magic: &[b"\x04\x22\x4d\x18"],
    levels: Levels { min: 1, max: 9, default: 1 },
};

/// The older container of xz's algorithm: its first byte holds three settings that nobody
/// changes, the next four the dictionary size, never below 4 KiB and in practice a multiple of 64 KiB.
pub(crate) const LZMA: Known = Known {
    name: "lzma",
    extensions: &["lzma"],
    magic: &[b"\x5d\x00\x00"],
    levels: Levels { min: 1, max: 9, default: 6 },
};

pub(crate) const XZ: Known = Known {
    name: "xz",
    extensions: &["xz"],
    magic: &[b"\xfd7zXZ\x00"],
    levels: Levels { min: 1, max: 9, default: 6 },
};

/// A window of 32 KiB, then the level's class and a check of both bytes: four beginnings.
pub(crate) const ZLIB: Known = Known {
    name: "zlib",
    extensions: &["z"],
    magic: &[b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"],
    levels: Levels { min: 1, max: 9, default: 3 },
};

/// The second beginning is a skippable frame, which `pzstd` writes first. (lz4 has
/// the same, but no tool starts an lz4 file so.)
pub(crate) const ZSTD: Known = Known {
    name: "zstd",
    extensions: &["zst"],
    magic: &[b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"],
    levels: Levels { min: -7, max: 22, default: 3 },
};

impl Known {
    /// The level, if a stream can be written so.
    pub(crate) fn check_encode(&self, options: &EncodeOptions) -> Result<i32> {
        self.check_threads("writing", options.threads)?;
        self.levels.check(self.name, options.level)
    }

    /// Whether a stream can be read so.
    pub(crate) fn check_decode(&self, options: &DecodeOptions) -> Result<()> {
        self.check_threads("reading", options.threads)
    }

    fn check_threads(&self, action: &'static str, threads: usize) -> Result<()> {
        match threads {
            0 => Err(Error::NoThreads { action, name: self.name.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Says that starting to write such a stream failed.
    pub(crate) fn writing(&self) -> impl Fn(io::Error) -> Error + use<> {
        let name = self.name;
        move |source| Error::Io { action: "writing", name: name.to_owned(), source }
    }

    /// Says that starting to read such a stream failed.
    pub(crate) fn reading(&self) -> impl Fn(io::Error) -> Error + use<> {
        let name = self.name;
        move |source| Error::Io { action: "reading", name: name.to_owned(), source }
    }
}
