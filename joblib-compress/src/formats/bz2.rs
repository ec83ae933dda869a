//! bzip2 files.

mod bits;
mod blocks;
mod reader;

use std::io::{self, BufRead, Read, Write};

use bzip2::{Action, Compress, Compression, Decompress, Status};

use self::blocks::Bz2Blocks;
use self::reader::Bz2Reader;
use super::known::BZ2 as KNOWN;
use crate::stream::{Progress, Step, StepDecoder, StepEncoder};
use crate::threads::BlockEncoder;
use crate::{Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Result};

/// bzip2 (`.bz2`).
///
/// Reads streams one after the other, which is what `pbzip2` writes. Several threads read any file
/// block by block.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bz2;

impl Compressor for Bz2 {
    fn name(&self) -> &str {
        KNOWN.name
    }

    fn extensions(&self) -> &[&str] {
        KNOWN.extensions
    }

    fn magic(&self) -> &[&[u8]] {
        KNOWN.magic
    }

    fn levels(&self) -> Levels {
        KNOWN.levels
    }

    fn encoder<'w>(
        &self,
        sink: Box<dyn Write + 'w>,
        options: &EncodeOptions,
    ) -> Result<Box<dyn Encoder + 'w>> {
        let level = KNOWN.check_encode(options)?.unsigned_abs();
        if options.threads > 1 {
            let encoder = BlockEncoder::new(Bz2Blocks::new(level), options.threads, sink);
            return Ok(Box::new(encoder.map_err(KNOWN.writing())?));
        }
        Ok(Box::new(StepEncoder::new(compressor(level), sink)))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        KNOWN.check_decode(options)?;
        if options.threads > 1 {
            return Ok(options.limit(KNOWN.name, Box::new(Bz2Reader::new(source, options))));
        }
        let decoder = StepDecoder::new(KNOWN.name, source, || Ok(Decompress::new(false)));
        Ok(options.limit(KNOWN.name, Box::new(decoder.map_err(KNOWN.reading())?)))
    }
}

/// 0: the library's default patience with repetitive data.
const WORK_FACTOR: u32 = 0;

fn compressor(level: u32) -> Compress {
    Compress::new(Compression::new(level), WORK_FACTOR)
}

impl Step for Compress {
    fn step(&mut self, input: &[u8], output: &mut [u8], last: bool) -> io::Result<Progress> {
        let before = (self.total_in(), self.total_out());
        let action = if last { Action::Finish } else { Action::Run };
        let status = self.compress(input, output, action)?;
        let after = (self.total_in(), self.total_out());
        Ok(Progress::between(before, after, status == Status::StreamEnd))
    }
}

impl Step for Decompress {
    fn step(&mut self, input: &[u8], output: &mut [u8], _last: bool) -> io::Result<Progress> {
        let before = (self.total_in(), self.total_out());
        let status = self.decompress(input, output)?;
        let after = (self.total_in(), self.total_out());
        Ok(Progress::between(before, after, status == Status::StreamEnd))
    }
}
