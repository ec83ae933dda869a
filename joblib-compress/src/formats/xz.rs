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
        let level = KNOWN.check_encode(options)?;
        let codec = match options.threads {
            1 => liblzma::xz_encoder(level),
            threads => liblzma::xz_encoder_of(threads, level),
        };
        let codec = codec.map_err(KNOWN.writing())?;
        Ok(Box::new(StepEncoder::new(codec, sink)))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        KNOWN.check_decode(options)?;
        let (limit, threads) = (options.memory_limit, options.threads);
        let reader: Box<dyn Read + 'r> = if threads > 1 {
            let make = move || liblzma::xz_decoder_of(threads, limit);
            let decoder = StepDecoder::new(KNOWN.name, source, make).map_err(KNOWN.reading())?;
            Box::new(decoder.allow_padding(4))
        } else {
            let make = move || liblzma::xz_decoder(limit);
            Box::new(StepDecoder::new(KNOWN.name, source, make).map_err(KNOWN.reading())?)
        };
        Ok(options.limit(KNOWN.name, reader))
    }
}
