//! xz files.

use std::io::{BufRead, Read, Write};

use super::known::XZ as KNOWN;
use super::liblzma;
use crate::stream::{StepDecoder, StepEncoder};
use crate::{Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Result};

/// xz (`.xz`), with a CRC-64 as the `xz` command writes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Xz;

impl Compressor for Xz {
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
        let level = KNOWN.levels.check(KNOWN.name, options.level)?;
        let codec = liblzma::xz_encoder(level).map_err(KNOWN.writing())?;
        Ok(Box::new(StepEncoder::new(codec, sink)))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        let limit = options.memory_limit;
        let decoder = StepDecoder::new(KNOWN.name, source, move || liblzma::xz_decoder(limit));
        Ok(Box::new(decoder.map_err(KNOWN.reading())?))
    }
}
