//! An entry's bytes: the result, then its metadata; both in one stream of its compressor if the
//! memory compresses.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Cursor, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use joblib_compress::{DecodeOptions, Registry};
use joblib_persist::__private::load_opened;
use joblib_persist::{ErrorKind, LoadOptions, dump_to, load_from, seek_last};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::metadata::Metadata;
use crate::options::Options;
use crate::store::{Stored, StoredStream};
use crate::{CallId, Error, Result};

/// Files up to this size are read in one piece, which saves system calls; from larger ones, arrays
/// are read straight into their memory, or mapped.
const SMALL: u64 = 64 * 1024;

/// Writes an entry.
pub(crate) fn write<T: Serialize>(
    value: &T,
    metadata: &Metadata,
    options: &Options,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let compressor = options.compression.resolve(&Registry::global(), None);
    let Some((compressor, options)) = compressor.map_err(io::Error::other)? else {
        return write_both(value, metadata, writer);
    };
    let encoder = compressor.encoder(Box::new(writer), &options);
    let mut encoder = encoder.map_err(io::Error::other)?;
    write_both(value, metadata, &mut encoder)?;
    encoder.finish()
}

fn write_both<T: Serialize>(
    value: &T,
    metadata: &Metadata,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let mut gathered = Gathered(BufWriter::new(writer));
    dump_to(value, &mut gathered).map_err(io::Error::other)?;
    dump_to(metadata, &mut gathered).map_err(io::Error::other)?;
    gathered.0.flush()
}

/// Makes one write of two small values, the first of which is flushed. Large arrays pass through.
struct Gathered<W: Write>(BufWriter<W>);

impl<W: Write> Write for Gathered<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An entry that is being read.
pub(crate) enum Content {
    /// All of it.
    Bytes(Arc<[u8]>),
    /// A file of which the arrays are read straight into their memory, or mapped.
    File(File, PathBuf),
    /// What is fetched while it is read.
    Stream(RefCell<StoredStream>),
}

impl Content {
    /// Reads it, if it is small.
    pub(crate) fn of(stored: Stored) -> Result<Self> {
        match stored {
            Stored::Bytes(bytes) => Ok(Self::Bytes(bytes)),
            Stored::File { file, bytes, path } if bytes <= SMALL => {
                let mut content = vec![0; usize::try_from(bytes).unwrap_or(0)];
                (&file).read_exact(&mut content).map_err(Error::file("reading", path))?;
                Ok(Self::Bytes(content.into()))
            }
            Stored::File { file, path, .. } => Ok(Self::File(file, path)),
            Stored::Stream(stream) => Ok(Self::Stream(RefCell::new(stream))),
        }
    }

    /// The result.
    pub(crate) fn value<T: DeserializeOwned>(&self, id: &CallId, options: &Options) -> Result<T> {
        match self {
            Self::Bytes(bytes) => load_from(&bytes[..]),
            Self::File(file, path) => {
                let mut file = file.try_clone().map_err(Error::file("reading", path))?;
                file.rewind().map_err(Error::file("reading", path))?;
                load_opened(&LoadOptions::new().mmap_mode(options.mmap_mode), file, path)
            }
            Self::Stream(stream) => return value_in(&mut stream.borrow_mut(), id),
        }
        .map_err(|error| Error::damaged(id, error))
    }

    /// What is noted beside the result, all of it or some fields.
    pub(crate) fn metadata<M: DeserializeOwned>(&self, id: &CallId) -> Result<M> {
        match self {
            Self::Bytes(bytes) => metadata_in(Cursor::new(bytes), false),
            Self::File(file, _) => metadata_in(BufReader::new(file), false),
            Self::Stream(stream) => metadata_in(BufReader::new(&mut *stream.borrow_mut()), false),
        }
        .and_then(|found| found.ok_or_else(|| "it does not end with metadata".into()))
        .map_err(|error| Error::damaged(id, error))
    }

    /// How long the computation took, if that can be told without decompressing everything.
    pub(crate) fn duration(&self) -> Option<Duration> {
        #[derive(Deserialize)]
        struct Took {
            duration: Duration,
        }
        let took: Result<Option<Took>, _> = match self {
            Self::Bytes(bytes) => metadata_in(Cursor::new(bytes), true),
            Self::File(file, _) => metadata_in(BufReader::with_capacity(1024, file), true),
            // Two requests more, which is not cheap.
            Self::Stream(_) => return None,
        };
        took.ok().flatten().map(|took| took.duration)
    }
}

/// Reads the metadata of an entry.
pub(crate) fn read_metadata(stored: Stored, id: &CallId) -> Result<Metadata> {
    Content::of(stored)?.metadata(id)
}

/// Reads an entry to its end, and compares it with its checksums.
pub(crate) fn verify(stored: Stored, id: &CallId) -> Result<()> {
    let content = Content::of(stored)?;
    content.value::<IgnoredAny>(id, &Options::default())?;
    content.metadata::<Metadata>(id).map(drop)
}

/// The result in a stream. That this cannot be read does not mean that it is damaged.
fn value_in<T: DeserializeOwned>(stream: &mut StoredStream, id: &CallId) -> Result<T> {
    let reading = |source| Error::Store { action: "reading", id: Box::new(id.clone()), source };
    stream.rewind().map_err(|error| reading(error.into()))?;
    load_from(BufReader::new(stream)).map_err(|error| match error.kind() {
        ErrorKind::Io { .. } => reading(error.into()),
        _ => Error::damaged(id, error),
    })
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// The last value of an entry. With `cheaply`, nothing if all of it would have to be decompressed.
fn metadata_in<M: DeserializeOwned>(
    mut reader: impl BufRead + Seek,
    cheaply: bool,
) -> Result<Option<M>, AnyError> {
    let registry = Registry::global();
    let mut head = vec![0; registry.longest_magic()];
    reader.rewind()?;
    let length = reader.read(&mut head)?;
    if registry.by_magic(&head[..length])?.is_none() {
        seek_last(&mut reader)?;
        return Ok(Some(load_from(reader)?));
    }
    if cheaply {
        return Ok(None);
    }
    reader.rewind()?;
    let decoder = registry.decoder_for(Box::new(&mut reader), &DecodeOptions::new())?;
    let mut values = BufReader::new(decoder.reader);
    load_from::<IgnoredAny>(&mut values)?;
    Ok(Some(load_from(values)?))
}

/// A result alone, for a place that has no store.
pub(crate) fn to_bytes<T: Serialize>(value: &T) -> joblib_persist::Result<Arc<[u8]>> {
    Ok(dump_to(value, Vec::new())?.into())
}

/// What [`to_bytes`] made.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> joblib_persist::Result<T> {
    load_from(bytes)
}
