//! Compressors for files and streams, found by name when writing and by magic bytes when reading.
//!
//! ```
//! # #[cfg(not(feature = "gzip"))]
//! # fn main() {}
//! # #[cfg(feature = "gzip")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use joblib_compress::{DecodeOptions, EncodeOptions, Registry};
//! use std::io::{Read, Write};
//!
//! let registry = Registry::builtin();
//!
//! let mut file = Vec::new();
//! let options = EncodeOptions::new(3);
//! let mut encoder = registry.by_name("gzip")?.encoder(Box::new(&mut file), &options)?;
//! encoder.write_all(b"three floats")?;
//! encoder.finish()?;
//!
//! // Nobody has to remember the compressor: the first bytes of the file name it.
//! let mut text = String::new();
//! let mut found = registry.decoder_for(Box::new(&file[..]), &DecodeOptions::new())?;
//! found.reader.read_to_string(&mut text)?;
//! assert_eq!(text, "three floats");
//! # Ok(())
//! # }
//! ```
//!
//! # Scope
//!
//! This crate knows byte streams and nothing about what is in them. Streams are compressed and
//! decompressed in memory that does not grow with their length, on the calling thread unless
//! [`threads`](EncodeOptions::threads) asks for more. Every
//! stream is an ordinary file of its format, which the command-line tools and Python's modules
//! read; theirs are read here, several one after the other included. A stream that is damaged, cut
//! or followed by something else is an error, never a shorter result.
//!
//! # Formats and features
//!
//! Each format is one feature, named as in Python's `joblib.dump`:
//!
//! | feature | extension | levels (default) | codec | on |
//! | --- | --- | --- | --- | --- |
//! | `zlib` | `.z` | 1 to 9 (3) | zlib-rs | by default |
//! | `gzip` | `.gz` | 1 to 9 (3) | zlib-rs | by default |
//! | `bz2` | `.bz2` | 1 to 9 (9) | libbz2-rs | |
//! | `lzma` | `.lzma` | 1 to 9 (6) | liblzma, C | |
//! | `xz` | `.xz` | 1 to 9 (6) | liblzma, C | |
//! | `lz4` | `.lz4` | 1 to 9 (1), all alike | lz4_flex | |
//! | `zstd` | `.zst` | -7 to 22 (3) | zstd, C | |
//!
//! Level 0 means no compression everywhere. What several threads write is an ordinary stream too,
//! and several threads read what can be cut into parts without being decompressed:
//!
//! | format | written by several threads | read by several threads |
//! | --- | --- | --- |
//! | bz2 | a stream for each block of the level, as `pbzip2` | every file, block by block |
//! | gzip | blocks of 256 KiB that refer to the one before, as `pigz` | members that say how long they are, as `bgzip` writes them; others are as long as decompression finds |
//! | lz4 | the frame's blocks of 1 MiB; the same bytes as from one thread | files of several frames |
//! | lzma | not at all: the format has no parts | no |
//! | xz | blocks as long as the dictionary (at least 1 MiB) | what `xz -T` or this crate wrote by several |
//! | zlib | as gzip | no: a stream does not say where it ends |
//! | zstd | in jobs of 1 MiB, above level 5 as `zstd -T` | files of several frames, as `pzstd` writes them; in a frame, blocks refer to those before |
//!
//! Threads change neither what is read nor the error. A part of more than 4 MiB is not waited for:
//! one thread reads it and what follows.
//!
//! A stream from a stranger may stand for a thousand times its length, or ask for gigabytes:
//! [`DecodeOptions`] has a limit for either.  `conformance` exposes the test-suite every
//! [`Compressor`] must pass; it is not covered by semver.

#![forbid(unsafe_code)]

mod compression;
mod compressor;
mod error;
mod formats;
mod options;
mod registry;
#[allow(dead_code, unused_imports, reason = "each format uses its part; formats can be off")]
mod stream;
#[allow(dead_code, unused_imports, reason = "each format uses its part; formats can be off")]
mod threads;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use compression::Compression;
pub use compressor::{Compressor, Encoder};
pub use error::{Error, Result};
#[cfg(feature = "bz2")]
pub use formats::Bz2;
#[cfg(feature = "gzip")]
pub use formats::Gzip;
#[cfg(feature = "lz4")]
pub use formats::Lz4;
#[cfg(feature = "lzma")]
pub use formats::Lzma;
#[cfg(feature = "xz")]
pub use formats::Xz;
#[cfg(feature = "zlib")]
pub use formats::Zlib;
#[cfg(feature = "zstd")]
pub use formats::Zstd;
pub use options::{DecodeOptions, EncodeOptions, Levels};
pub use registry::{Detected, Registry, register_compressor};
