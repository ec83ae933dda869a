//! The seam: what a compression format is, and what a stream being written is.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use crate::{DecodeOptions, EncodeOptions, Levels, Result};

/// One compression format.
///
/// Implementors hold no per-stream state: one value serves every stream, from any thread. What
/// differs between two streams lives in the [`Encoder`] or reader that is handed out. Those need
/// not be `Send`, so that any writer and any reader will do; to compress on another thread, share
/// the compressor and make the encoder there.
///
/// There are no default methods, on purpose: a wrapper that forgot to forward one would silently
/// behave differently from what it wraps. A new implementation is finished when the
/// `conformance` suite passes.
pub trait Compressor: fmt::Debug + Send + Sync + 'static {
    /// The name users pass when writing, such as `"gzip"`.
    ///
    /// Unique in a registry; not empty and without `:`, which separates a name from a level.
    fn name(&self) -> &str;

    /// File extensions that ask for this format, without the dot, such as `["gz"]`. May be empty.
    fn extensions(&self) -> &[&str];

    /// The first bytes of its streams: every stream starts with one of these.
    ///
    /// A list because some formats write their settings first (zlib has four beginnings). Neither
    /// the list nor an entry may be empty: streams are recognised by nothing else.
    fn magic(&self) -> &[&[u8]];

    /// The levels it has. Never asked for level 0, which means no compression everywhere.
    fn levels(&self) -> Levels;

    /// Starts a stream whose compressed bytes go to `sink`.
    ///
    /// The encoder buffers: callers may write one byte or a gigabyte at a time.
    ///
    /// # Errors
    ///
    /// [`Error::LevelOutOfRange`](crate::Error::LevelOutOfRange), or
    /// [`Error::Io`](crate::Error::Io) if the codec cannot be set up or `sink` refuses a header.
    fn encoder<'w>(
        &self,
        sink: Box<dyn Write + 'w>,
        options: &EncodeOptions,
    ) -> Result<Box<dyn Encoder + 'w>>;

    /// Reads a stream that starts at the current position of `source`, to the end of `source`.
    ///
    /// Streams one after the other read as one. The reader keeps to the
    /// [`output_limit`](DecodeOptions::output_limit), for which there is
    /// [`DecodeOptions::limit`]; and more than one thread is a wish, here and when writing. It copies straight into the caller's
    /// buffer; wrap it in a [`BufReader`](std::io::BufReader) to read a few bytes at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) if the codec cannot be set up. Data that is damaged, cut
    /// or followed by anything else is reported by the reader this returns
    /// ([`InvalidData`](io::ErrorKind::InvalidData),
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof)), never as an early end.
    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>>;
}

/// A stream being compressed.
///
/// `flush` passes on what the codec has put out so far; it does not end a block, so the last
/// bytes written may stay inside until [`finish`](Self::finish).
pub trait Encoder: Write {
    /// Writes the rest of the stream and flushes the sink.
    ///
    /// Dropping an encoder instead leaves a truncated stream behind.
    ///
    /// # Errors
    ///
    /// If the sink refuses the last bytes.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
