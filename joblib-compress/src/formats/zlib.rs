//! zlib streams: deflate with a two-byte header and an Adler-32.

mod blocks;

use std::io::{BufRead, Read, Write};

use self::blocks::ZlibBlocks;
use super::deflate;
use super::known::ZLIB as KNOWN;
use crate::stream::{StepDecoder, StepEncoder};
use crate::threads::BlockEncoder;
use crate::{Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Result};

/// zlib (`.z`), what Python joblib writes unless told otherwise.
///
/// Level 1 is written as level 2: the codec of level 1 only knows one fixed code, which makes noisy
/// floating-point data larger than it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zlib;

impl Compressor for Zlib {
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
            let encoder = BlockEncoder::new(ZlibBlocks::new(level), options.threads, sink);
            return Ok(Box::new(encoder.map_err(KNOWN.writing())?));
        }
        Ok(Box::new(StepEncoder::new(deflate::zlib_encoder(level), sink)))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        KNOWN.check_decode(options)?;
        let decoder = StepDecoder::new(KNOWN.name, source, deflate::zlib_decoder);
        Ok(options.limit(KNOWN.name, Box::new(decoder.map_err(KNOWN.reading())?)))
    }
}
