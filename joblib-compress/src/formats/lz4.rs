//! lz4 frames.

mod decoder;

use std::io::{self, BufRead, BufWriter, Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use self::decoder::Lz4Decoder;
use super::known::LZ4 as KNOWN;
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
        KNOWN.levels.check(KNOWN.name, options.level)?;
        Ok(Box::new(Lz4Encoder::new(sink)))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        _options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        Ok(Box::new(Lz4Decoder::new(source)))
    }
}

/// Writes one frame; gathers a block before it compresses and some output before it writes.
struct Lz4Encoder<'w>(FrameEncoder<BufWriter<Box<dyn Write + 'w>>>);

impl<'w> Lz4Encoder<'w> {
    fn new(sink: Box<dyn Write + 'w>) -> Self {
        let frame = FrameInfo::new()
            .block_size(BlockSize::Max1MB)
            .block_mode(BlockMode::Independent)
            .content_checksum(true);
        Self(FrameEncoder::with_frame_info(frame, BufWriter::with_capacity(SINK_BUFFER, sink)))
    }
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
