//! LZMA-alone files, what xz replaced.

use std::io::{BufRead, Read, Write};

use super::known::LZMA as KNOWN;
use super::liblzma;
use crate::stream::{StepDecoder, StepEncoder};
use crate::{Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Result};

/// LZMA-alone (`.lzma`), which Python joblib calls `lzma`.
///
/// The format has no checksum: damage may go unnoticed. Prefer [`Xz`](crate::Xz).
#[derive(Clone, Copy, Debug, Default)]
pub struct Lzma;

impl Compressor for Lzma {
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
        let codec = liblzma::lzma_encoder(level).map_err(KNOWN.writing())?;
        Ok(Box::new(StepEncoder::new(codec, sink)))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        KNOWN.check_decode(options)?;
        let limit = options.memory_limit;
        let decoder = StepDecoder::new(KNOWN.name, source, move || liblzma::lzma_decoder(limit));
        Ok(options.limit(KNOWN.name, Box::new(decoder.map_err(KNOWN.reading())?)))
    }
}
