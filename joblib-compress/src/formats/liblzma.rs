//! What xz and lzma share: the codec of liblzma.

use std::io;

use xz2::stream::{Action, Status, Stream};
#[cfg(feature = "xz")]
use xz2::stream::{CONCATENATED, Check, MtStreamBuilder};

use crate::stream::{Progress, Step};
#[cfg(feature = "xz")]
use crate::threads::MOST_THREADS;

#[cfg(feature = "xz")]
pub(crate) fn xz_encoder(level: i32) -> io::Result<Coder> {
    Ok(Coder(Stream::new_easy_encoder(level.unsigned_abs(), Check::Crc64)?))
}

/// A stream of several blocks, each compressed by one thread.
#[cfg(feature = "xz")]
pub(crate) fn xz_encoder_of(threads: usize, level: i32) -> io::Result<Coder> {
    let mut builder = MtStreamBuilder::new();
    builder.threads(clamped(threads)).preset(level.unsigned_abs()).check(Check::Crc64);
    builder.block_size(block_len(level));
    Ok(Coder(builder.encoder()?))
}

/// As long as the dictionary of a level. The codec would take three times that, and files of some
/// megabytes would be one block, of one thread. Beginning anew costs room: 1.4 % of 40 MB of smooth
/// `f64`, 0.2 % of images.
#[cfg(feature = "xz")]
fn block_len(level: i32) -> u64 {
    const DICTIONARY_BITS: [u32; 10] = [18, 20, 21, 22, 22, 23, 23, 24, 25, 26];
    let bits = DICTIONARY_BITS[usize::try_from(level).map_or(0, |level| level.min(9))];
    1 << bits.max(20)
}

/// The number of threads that liblzma is asked for.
#[cfg(feature = "xz")]
fn clamped(threads: usize) -> u32 {
    threads.min(MOST_THREADS).try_into().expect("few")
}

/// liblzma goes from one stream to the next on its own: only it knows the padding in between,
/// whose length must be a multiple of four.
#[cfg(feature = "xz")]
pub(crate) fn xz_decoder(memory_limit: u64) -> io::Result<Coder> {
    Ok(Coder(Stream::new_stream_decoder(memory_limit, CONCATENATED)?))
}

/// Blocks that say how long they are, read side by side as far as the memory limit allows; others
/// are read one after the other. One stream: this decoder cannot be told to go on.
#[cfg(feature = "xz")]
pub(crate) fn xz_decoder_of(threads: usize, memory_limit: u64) -> io::Result<Coder> {
    let mut builder = MtStreamBuilder::new();
    builder.threads(clamped(threads));
    builder.memlimit_threading(memory_limit).memlimit_stop(memory_limit);
    Ok(Coder(builder.decoder()?))
}

#[cfg(feature = "lzma")]
pub(crate) fn lzma_encoder(level: i32) -> io::Result<Coder> {
    let options = xz2::stream::LzmaOptions::new_preset(level.unsigned_abs())?;
    Ok(Coder(Stream::new_lzma_encoder(&options)?))
}

#[cfg(feature = "lzma")]
pub(crate) fn lzma_decoder(memory_limit: u64) -> io::Result<Coder> {
    Ok(Coder(Stream::new_lzma_decoder(memory_limit)?))
}

/// A stream of liblzma, which knows itself whether it packs or unpacks.
pub(crate) struct Coder(Stream);

impl Step for Coder {
    fn step(&mut self, input: &[u8], output: &mut [u8], last: bool) -> io::Result<Progress> {
        let before = (self.0.total_in(), self.0.total_out());
        let action = if last { Action::Finish } else { Action::Run };
        let status = self.0.process(input, output, action)?;
        let after = (self.0.total_in(), self.0.total_out());
        Ok(Progress::between(before, after, status == Status::StreamEnd))
    }
}
