//! An entry's bytes: the result, then its metadata; both in one stream of its compressor if the
//! memory compresses.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Cursor, Read, Seek, Write};
use std::sync::Arc;

use joblib_compress::{DecodeOptions, Registry};
use joblib_persist::{LoadOptions, dump_to, load_from, seek_last};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::memory::Options;
use crate::metadata::Metadata;
use crate::store::Stored;
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

/// Reads the result of an entry.
pub(crate) fn read<T: DeserializeOwned>(
    stored: Stored,
    id: &CallId,
    options: &Options,
) -> Result<T> {
    let damaged = |error| Error::damaged(id, error);
    match stored {
        Stored::Bytes(bytes) => load_from(&bytes[..]).map_err(damaged),
        Stored::File { file, bytes, path } if bytes <= SMALL => {
            let mut content = vec![0; usize::try_from(bytes).unwrap_or(0)];
            (&file).read_exact(&mut content).map_err(Error::file("reading", path))?;
            load_from(&content[..]).map_err(damaged)
        }
        Stored::File { path, .. } => {
            LoadOptions::new().mmap_mode(options.mmap_mode).load(path).map_err(damaged)
        }
    }
}

/// Reads the metadata of an entry.
pub(crate) fn read_metadata(stored: Stored, id: &CallId) -> Result<Metadata> {
    let metadata = match stored {
        Stored::Bytes(bytes) => metadata_in(Cursor::new(bytes)),
        Stored::File { file, .. } => metadata_in(BufReader::<File>::new(file)),
    };
    metadata.map_err(|source| Error::Damaged { id: Box::new(id.clone()), source })
}

fn metadata_in(
    mut reader: impl BufRead + Seek,
) -> Result<Metadata, Box<dyn std::error::Error + Send + Sync>> {
    let registry = Registry::global();
    let mut head = vec![0; registry.longest_magic()];
    let length = reader.read(&mut head)?;
    if registry.by_magic(&head[..length])?.is_none() {
        seek_last(&mut reader)?;
        return Ok(load_from(reader)?);
    }
    reader.rewind()?;
    let decoder = registry.decoder_for(Box::new(&mut reader), &DecodeOptions::new())?;
    let mut values = BufReader::new(decoder.reader);
    load_from::<IgnoredAny>(&mut values)?;
    Ok(load_from(values)?)
}

/// A result alone, for a place that has no store.
pub(crate) fn to_bytes<T: Serialize>(value: &T) -> joblib_persist::Result<Arc<[u8]>> {
    Ok(dump_to(value, Vec::new())?.into())
}

/// What [`to_bytes`] made.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> joblib_persist::Result<T> {
    load_from(bytes)
}
