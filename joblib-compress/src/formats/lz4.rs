//! lz4 frames.

use std::io::{self, BufRead, BufWriter, Read, Write};

use super::known::LZ4 as KNOWN;
use crate::stream::{corrupt, cut};
use crate::{Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Result};
use lz4_flex::frame::{BlockMode, BlockSize, Error, FrameDecoder, FrameEncoder, FrameInfo};

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

/// Reads frames, one after the other, to the end of the source.
///
/// [`FrameDecoder`] takes a source that ends between two blocks for the end of the frame, so this
/// watches whether the source ended or the frame did.
struct Lz4Decoder<'r> {
    frames: FrameDecoder<Watched<'r>>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// A frame has begun, or must begin.
    Inside,
    /// A frame is complete: another may follow.
    Between,
    /// A frame was damaged.
    Failed,
}

impl<'r> Lz4Decoder<'r> {
    fn new(source: Box<dyn BufRead + 'r>) -> Self {
        let frames = FrameDecoder::new(Watched { source, ended: false });
        Self { frames, state: State::Inside }
    }

    fn fail(&mut self, error: io::Error) -> io::Result<usize> {
        match error.get_ref().and_then(|cause| cause.downcast_ref()) {
            Some(&Error::SkippableFrame(len)) => self.skip(len),
            Some(cause) => {
                self.state = State::Failed;
                Err(corrupt(KNOWN.name, cause))
            }
            None if error.kind() == io::ErrorKind::UnexpectedEof => Err(cut(KNOWN.name)),
            None => Err(error),
        }
    }

    fn skip(&mut self, len: u32) -> io::Result<usize> {
        let mut frame = self.frames.get_mut().take(len.into());
        if io::copy(&mut frame, &mut io::sink())? < len.into() {
            return Err(cut(KNOWN.name));
        }
        self.state = State::Between;
        Ok(0)
    }

    /// What the frames say, and 0 at the end of each.
    fn step(&mut self, output: &mut [u8]) -> io::Result<usize> {
        match self.frames.read(output) {
            Ok(0) if self.frames.get_ref().ended => Err(cut(KNOWN.name)),
            Ok(0) => {
                self.state = State::Between;
                Ok(0)
            }
            Ok(read) => Ok(read),
            Err(error) => self.fail(error),
        }
    }
}

impl Read for Lz4Decoder<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Failed => return Err(corrupt(KNOWN.name, "it was given up before")),
                State::Between if self.frames.get_mut().source.fill_buf()?.is_empty() => {
                    return Ok(0);
                }
                State::Between | State::Inside => self.state = State::Inside,
            }
            let read = self.step(output)?;
            if read > 0 {
                return Ok(read);
            }
        }
    }
}

/// A source that remembers whether it came to its end.
struct Watched<'r> {
    source: Box<dyn BufRead + 'r>,
    ended: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(output)?;
        self.ended = read == 0 && !output.is_empty();
        Ok(read)
    }
}
