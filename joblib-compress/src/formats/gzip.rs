//! gzip files: deflate with a header, a CRC-32 and the length.

mod blocks;
mod members;

use std::io::{BufRead, Read, Write};

use self::blocks::GzipBlocks;
use super::deflate;
use super::known::GZIP as KNOWN;
use crate::stream::{StepDecoder, StepEncoder};
use crate::threads::{BlockEncoder, PartsReader};
use crate::{Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Result};

/// gzip (`.gz`).
///
/// Written without name and time, so equal input gives equal bytes. Members one after the other
/// and zero bytes after them are read, as `gzip` does. Level 1 is that of [`Zlib`](crate::Zlib).
#[derive(Clone, Copy, Debug, Default)]
pub struct Gzip;

impl Compressor for Gzip {
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
        let level = KNOWN.check_encode(options)?;
        if options.threads > 1 {
            let encoder = BlockEncoder::new(GzipBlocks::new(level), options.threads, sink);
            return Ok(Box::new(encoder.map_err(KNOWN.writing())?));
        }
        Ok(Box::new(StepEncoder::new(deflate::gzip_encoder(level), sink)))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        KNOWN.check_decode(options)?;
        if options.threads > 1 {
            let reader = PartsReader::new(*self, source, options, members::length);
            return Ok(options.limit(KNOWN.name, Box::new(reader)));
        }
        let decoder = StepDecoder::new(KNOWN.name, source, deflate::gzip_decoder);
        Ok(options.limit(KNOWN.name, Box::new(decoder.map_err(KNOWN.reading())?.allow_padding(1))))
    }
}
