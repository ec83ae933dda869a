//! lz4 frames.

mod blocks;
mod decoder;
mod frames;

use std::io::{self, BufRead, BufWriter, Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use self::blocks::Lz4Blocks;
use self::decoder::Lz4Decoder;
use super::known::LZ4 as KNOWN;
use crate::threads::{BlockEncoder, PartsReader};
use crate::{Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Result};

/// Bytes collected before the sink is called: a block comes as a length and its data.
const SINK_BUFFER: usize = 64 << 10;

/// lz4 (`.lz4`): the fastest, and the one that saves least.
///
/// Every level writes the same: levels 1 to 9 are taken because Python joblib takes them, but there
/// is only the fast mode. Blocks are independent of each other; a checksum covers the content.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lz4;

impl Compressor for Lz4 {
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
        KNOWN.check_encode(options)?;
        if options.threads > 1 {
            let encoder = BlockEncoder::new(Lz4Blocks::new(), options.threads, sink);
            return Ok(Box::new(encoder.map_err(KNOWN.writing())?));
        }
        Ok(Box::new(Lz4Encoder::new(sink)))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        KNOWN.check_decode(options)?;
        if options.threads > 1 {
            let reader = PartsReader::new(*self, source, options, frames::length);
            return Ok(options.limit(KNOWN.name, Box::new(reader)));
        }
        Ok(options.limit(KNOWN.name, Box::new(Lz4Decoder::new(source))))
    }
}

/// Writes one frame; gathers a block before it compresses and some output before it writes.
struct Lz4Encoder<'w>(FrameEncoder<BufWriter<Box<dyn Write + 'w>>>);

impl<'w> Lz4Encoder<'w> {
    fn new(sink: Box<dyn Write + 'w>) -> Self {
        let frame = frame().content_checksum(true);
        Self(FrameEncoder::with_frame_info(frame, BufWriter::with_capacity(SINK_BUFFER, sink)))
    }
}

/// Bytes of a block, of which each is compressed without the others.
const BLOCK: usize = 1 << 20;

fn frame() -> FrameInfo {
    FrameInfo::new().block_size(BlockSize::Max1MB).block_mode(BlockMode::Independent)
}

impl Write for Lz4Encoder<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}

impl Encoder for Lz4Encoder<'_> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.finish()?.flush()
    }
}
