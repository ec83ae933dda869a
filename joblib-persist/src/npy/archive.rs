//! Archives of arrays: `numpy.savez` and back.

use std::io::{Read, Seek};

use serde::Serialize;
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::archive_serializer::ArchiveSerializer;
use crate::error::{Error, ErrorKind, Result, Segment};
use crate::frame_sink::{self, Output};
use crate::frame_source;
use crate::mapped::Unpacker;
use crate::pickle::Place;
use crate::value::{Builder, Value};

/// The extension of arrays in an archive. What has another one is kept as its bytes.
const ARRAY: &str = ".npy";

/// Reads all arrays of an archive, as a dict of them.
pub(crate) fn read_archive(
    reader: impl Read + Seek,
    memory_limit: Option<u64>,
    unpacker: Option<&Unpacker>,
) -> Result<Value> {
    let mut archive = ZipArchive::new(reader).map_err(reading)?;
    let mut builder = Builder::new();
    let dict = builder.dict(&[]);
    let mut left = memory_limit;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(reading)?;
        let name = entry.name().map_err(reading)?.into_owned();
        let within = |error: Error| error.within(Segment::Field(name.as_str().into()));
        let value = read_entry(&name, &mut entry, left, unpacker).map_err(|error| {
            let too_much = matches!(error.kind(), ErrorKind::MemoryLimit { .. });
            // The limit is the one of the whole archive.
            let limit = memory_limit.filter(|_| too_much);
            within(limit.map_or(error, |limit| Error::new(ErrorKind::MemoryLimit { limit })))
        })?;
        let array = value.as_array().filter(|array| !array.is_mapped());
        let array_bytes = array.and_then(|array| array.bytes()).map_or(0, <[u8]>::len);
        left = left.map(|left| left.saturating_sub(array_bytes as u64));
        let key = builder.str(name.strip_suffix(ARRAY).unwrap_or(&name));
        let part = builder.absorb(value);
        builder.insert(dict, key, part);
    }
    Ok(builder.finish(dict))
}

fn read_entry(
    name: &str,
    entry: &mut dyn Read,
    limit: Option<u64>,
    unpacker: Option<&Unpacker>,
) -> Result<Value> {
    let place = Place { memory_limit: limit, unpacker, ..Place::default() };
    let ended = |source| Error::reading("an archive", source);
    let mut input = frame_source::Plain(&mut *entry);
    if name.ends_with(ARRAY) {
        let value = super::read(&mut input, true, place)?.value;
        // The checksum is compared at the end.
        return match entry.read(&mut [0]).map_err(ended)? {
            0 => Ok(value),
            _ => Err(Error::damaged("more bytes than its array has")),
        };
    }
    let mut bytes = Vec::new();
    let most = limit.map_or(u64::MAX, |limit| limit.saturating_add(1));
    entry.take(most).read_to_end(&mut bytes).map_err(ended)?;
    match limit {
        Some(limit) if bytes.len() as u64 > limit => {
            Err(Error::new(ErrorKind::MemoryLimit { limit }))
        }
        _ => Ok(Value::from(&bytes[..])),
    }
}

/// Writes an archive of the arrays in a struct, map or dict under their names, of those in a list
/// or tuple as `arr_0`, `arr_1`, …, and of a single one as `arr_0`, as numpy does. Deflated if a
/// level of zlib is given.
pub(crate) fn write_archive<T: Serialize + ?Sized>(
    value: &T,
    output: &mut dyn Output,
    level: Option<i32>,
) -> Result<()> {
    let method =
        if level.is_some() { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method);
    // The length is not known before, and with large files allowed it need not be.
    let options = options.compression_level(level.map(i64::from)).large_file(true);
    let zip = ZipWriter::new_stream(output);
    let mut archive = Archive { zip, options, entries: 0 };
    match ArchiveSerializer::write(value, &mut archive) {
        Err(stop) if !stop.is_done() => {
            return Err(stop.into_error().unwrap_or_else(|| Error::unwritable("nothing")));
        }
        _ => {}
    }
    archive.zip.finish().map(drop).map_err(writing)
}

/// An archive that is being written.
pub(super) struct Archive<'w> {
    zip: ZipWriter<StreamWriter<&'w mut dyn Output>>,
    options: SimpleFileOptions,
    entries: usize,
}

impl Archive<'_> {
    /// Adds an array under a name.
    pub(super) fn add(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Output) -> Result<()>,
    ) -> Result<()> {
        self.entries += 1;
        self.zip.start_file(format!("{name}{ARRAY}"), self.options).map_err(writing)?;
        write(&mut frame_sink::Plain(&mut self.zip))
            .map_err(|error| error.within(Segment::Field(name.into())))
    }

    /// Adds an array under the next number.
    pub(super) fn add_numbered(
        &mut self,
        write: impl FnOnce(&mut dyn Output) -> Result<()>,
    ) -> Result<()> {
        self.add(&format!("arr_{}", self.entries), write)
    }
}

#[cold]
fn writing(error: ZipError) -> Error {
    match error {
        ZipError::Io(source) => Error::io("writing", source),
        // Such as a name that is there already.
        error => Error::unwritable(error.to_string()),
    }
}

#[cold]
fn reading(error: ZipError) -> Error {
    match error {
        ZipError::Io(source) => Error::reading("an archive", source),
        error => Error::damaged(format!("no archive of arrays: {error}")),
    }
}
