//! What xz and lzma share: the codec of liblzma.

use std::io;

use xz2::stream::{Action, Status, Stream};
#[cfg(feature = "xz")]
use xz2::stream::{CONCATENATED, Check};

use crate::stream::{Progress, Step};

#[cfg(feature = "xz")]
pub(crate) fn xz_encoder(level: i32) -> io::Result<Coder> {
    Ok(Coder(Stream::new_easy_encoder(level.unsigned_abs(), Check::Crc64)?))
}

/// liblzma goes from one stream to the next on its own: only it knows the padding in between,
/// whose length must be a multiple of four.
#[cfg(feature = "xz")]
pub(crate) fn xz_decoder(memory_limit: u64) -> io::Result<Coder> {
    Ok(Coder(Stream::new_stream_decoder(memory_limit, CONCATENATED)?))
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
