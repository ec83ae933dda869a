//! Walking through the values of a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::tree::Description;
use crate::de::{Decoder, Listing};
use crate::error::{Error, Result, Segment};
use crate::file::FileInput;
use crate::format::{MAGIC, VERSION};
use crate::frame_source::{FrameSource, Input, Passed, Plain, Reading};
use crate::load::decompressed;

/// What [`verify`](crate::verify) has compared with checksums.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// How many values the file holds.
    pub values: u64,
    /// How many arrays, byte strings and texts of 1 KiB or more are in them.
    pub arrays: u64,
    /// The bytes of their elements, decompressed.
    pub array_bytes: u64,
    /// How many of them could not be compared: they were changed through a map and not flushed.
    pub unverified: u64,
}

pub(super) fn describe(path: &Path, listing: Listing) -> Result<Description> {
    let mut describing = Describing::new(listing);
    let (compressor, file_bytes) =
        for_each_value(path, reading(false), |decoder| describing.add(decoder))?;
    Ok(Description { compressor, file_bytes, ..describing.description })
}

pub(super) fn describe_from(reader: impl Read, listing: Listing) -> Result<Description> {
    let mut describing = Describing::new(listing);
    let reader = Box::new(BufReader::new(reader));
    let compressor = for_each_in_stream(reader, reading(false), |decoder| describing.add(decoder))?;
    Ok(Description { compressor, ..describing.description })
}

struct Describing {
    description: Description,
    listing: Listing,
}

impl Describing {
    fn new(listing: Listing) -> Self {
        let format = format!("native format, version {VERSION}");
        Describing { description: Description { format, ..Description::default() }, listing }
    }

    fn add(&mut self, mut decoder: Decoder<FrameSource<'_>>) -> Result<()> {
        let number = self.description.values.len();
        let item = decoder.describe(&mut self.listing).map_err(|e| in_value(e, number))?;
        self.description.values.push(item);
        let passed = finish(decoder)?;
        self.description.arrays += passed.blocks;
        self.description.array_bytes += passed.bytes;
        Ok(())
    }
}

pub(super) fn verify(path: &Path) -> Result<Verified> {
    let mut verified = Verified::default();
    for_each_value(path, reading(true), |mut decoder| {
        let number = verified.values as usize;
        decoder.skip_item().map_err(|error| in_value(error, number))?;
        let passed = finish(decoder)?;
        verified.values += 1;
        verified.arrays += passed.blocks;
        verified.array_bytes += passed.bytes;
        verified.unverified += passed.unknown;
        Ok(())
    })?;
    Ok(verified)
}

fn reading(verify_skipped: bool) -> Reading {
    Reading { verify: verify_skipped, verify_skipped, threads: 1, memory_limit: u64::MAX }
}

/// Says in which value it happened, unless it is the first: most files have no other.
fn in_value(error: Error, number: usize) -> Error {
    match number {
        0 => error,
        _ => error.within(Segment::Field(format!("value {}", number + 1).into())),
    }
}

fn finish(decoder: Decoder<FrameSource<'_>>) -> Result<Passed> {
    let (source, used) = decoder.into_source();
    let passed = source.passed();
    source.finish(used)?;
    Ok(passed)
}

/// An input that knows when nothing is left.
trait Values: Input {
    fn at_end(&mut self) -> io::Result<bool>;
}

impl Values for FileInput {
    fn at_end(&mut self) -> io::Result<bool> {
        Ok(FileInput::at_end(self))
    }
}

impl<R: Read> Values for Plain<BufReader<R>> {
    fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.0.fill_buf()?.is_empty())
    }
}

/// Hands on every value of a file. The result is the name of its compressor and its length.
fn for_each_value(
    path: &Path,
    reading: Reading,
    each: impl FnMut(Decoder<FrameSource<'_>>) -> Result<()>,
) -> Result<(Option<String>, u64)> {
    let file = File::open(path).map_err(|source| Error::io("opening the file", source))?;
    let failed = |source| Error::io("reading", source);
    let len = file.metadata().map_err(failed)?.len();
    let mut input = FileInput::new(file).map_err(failed)?;
    if input.starts_with(&MAGIC).map_err(failed)? {
        for_each_in(&mut input, reading, each)?;
        return Ok((None, len));
    }
    Ok((for_each_in_stream(Box::new(input.into_reader()), reading, each)?, len))
}

/// The same for a stream, compressed or not.
fn for_each_in_stream(
    reader: Box<dyn BufRead + '_>,
    reading: Reading,
    each: impl FnMut(Decoder<FrameSource<'_>>) -> Result<()>,
) -> Result<Option<String>> {
    let stream = decompressed(reader, 1)?;
    for_each_in(&mut Plain(stream.content), reading, each)?;
    Ok(stream.compressor)
}

fn for_each_in(
    input: &mut dyn Values,
    reading: Reading,
    mut each: impl FnMut(Decoder<FrameSource<'_>>) -> Result<()>,
) -> Result<()> {
    loop {
        each(Decoder::new(FrameSource::open(input, reading)?))?;
        if input.at_end().map_err(|source| Error::io("reading", source))? {
            return Ok(());
        }
    }
}
