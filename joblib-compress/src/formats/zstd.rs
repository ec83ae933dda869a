//! Zstandard files.

mod frames;

use std::io::{self, BufRead, Read, Write};

use ::zstd::stream::raw::{self, CParameter, DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::known::ZSTD as KNOWN;
use crate::stream::{Progress, Step, StepDecoder, StepEncoder};
use crate::threads::{MOST_THREADS, PartsReader};
use crate::{Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Result};

/// Zstandard (`.zst`): smaller and several times faster than zlib on most data.
///
/// Python joblib does not know it. Written with a checksum, as the `zstd` command does. Negative
/// levels are faster still and store noise as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Zstd;

impl Compressor for Zstd {
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
        let codec = compressor(level, options.threads).map_err(KNOWN.writing())?;
        Ok(Box::new(StepEncoder::new(codec, sink)))
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
        let window = window_log(options.memory_limit);
        let decoder = StepDecoder::new(KNOWN.name, source, move || decompressor(window));
        Ok(options.limit(KNOWN.name, Box::new(decoder.map_err(KNOWN.reading())?)))
    }
}

/// The highest level whose jobs are small: those above look back further than a small job is long.
const SMALL_JOBS: i32 = 5;

/// Bytes that a thread compresses at a time. The library takes four windows, 8 MiB, whose fresh
/// memory doubles the work where compression is fast: 40 MB of noisy `f64` at level 3 took one
/// thread 80 ms, two of them 190 ms of work with large jobs and 100 ms with small ones.
const JOB: u32 = 1 << 20;

/// How much of the job before a small job looks back at: a 64th of the window. The library takes an
/// eighth, and filling its tables with that is a sixth of the work, for no smaller file: floats,
/// integers and text differed by less than a hundredth.
const LOOK_BACK: u32 = 3;

fn compressor(level: i32, threads: usize) -> io::Result<raw::Encoder<'static>> {
    let mut codec = raw::Encoder::new(level)?;
    codec.set_parameter(CParameter::ChecksumFlag(true))?;
    if threads > 1 {
        let threads = threads.min(MOST_THREADS).try_into().expect("few");
        codec.set_parameter(CParameter::NbWorkers(threads))?;
        if level <= SMALL_JOBS {
            codec.set_parameter(CParameter::JobSize(JOB))?;
            codec.set_parameter(CParameter::OverlapSizeLog(LOOK_BACK))?;
        }
    }
    Ok(codec)
}

fn decompressor(window_log: u32) -> io::Result<Decoder<'static>> {
    let mut codec = Decoder::new()?;
    codec.set_parameter(DParameter::WindowLogMax(window_log))?;
    Ok(codec)
}

/// The largest window, as a power of two, that fits into `memory_limit`; the library takes 2^10
/// to 2^31, on 32-bit machines 2^30.
fn window_log(memory_limit: u64) -> u32 {
    memory_limit.max(1).ilog2().clamp(10, if cfg!(target_pointer_width = "32") { 30 } else { 31 })
}

impl Step for raw::Encoder<'static> {
    fn step(&mut self, input: &[u8], output: &mut [u8], last: bool) -> io::Result<Progress> {
        let mut output = OutBuffer::around(output);
        if last {
            let left = self.finish(&mut output, true)?;
            return Ok(Progress { read: 0, written: output.pos(), done: left == 0 });
        }
        let mut input = InBuffer::around(input);
        self.run(&mut input, &mut output)?;
        Ok(Progress { read: input.pos(), written: output.pos(), done: false })
    }
}

impl Step for Decoder<'static> {
    fn step(&mut self, input: &[u8], output: &mut [u8], _last: bool) -> io::Result<Progress> {
        let status = self.run_on_buffers(input, output)?;
        Ok(Progress {
            read: status.bytes_read,
            written: status.bytes_written,
            done: status.remaining == 0,
        })
    }
}
