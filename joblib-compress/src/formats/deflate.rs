//! What zlib and gzip share: the codec of `flate2`.

pub(crate) mod blocks;

use std::io;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::stream::{Progress, Step};

/// The largest window there is, 2^15 bytes; a reader must know all of them.
#[cfg(feature = "gzip")]
const WINDOW_BITS: u8 = 15;

#[cfg(feature = "zlib")]
pub(crate) fn zlib_encoder(level: i32) -> Compress {
    Compress::new(flate2_level(level), true)
}

#[cfg(feature = "zlib")]
pub(crate) fn zlib_decoder() -> io::Result<Decompress> {
    Ok(Decompress::new(true))
}

#[cfg(feature = "gzip")]
pub(crate) fn gzip_encoder(level: i32) -> Compress {
    Compress::new_gzip(flate2_level(level), WINDOW_BITS)
}

#[cfg(feature = "gzip")]
pub(crate) fn gzip_decoder() -> io::Result<Decompress> {
    Ok(Decompress::new_gzip(WINDOW_BITS))
}

/// zlib-rs has a fast path for level 1 that always uses the fixed Huffman code: 100 MB of noisy
/// `f64` became 104 MB. Level 2 is the fastest that never grows its input noticeably.
fn flate2_level(level: i32) -> Compression {
    Compression::new(level.max(2).unsigned_abs())
}

impl Step for Compress {
    fn step(&mut self, input: &[u8], output: &mut [u8], last: bool) -> io::Result<Progress> {
        let before = (self.total_in(), self.total_out());
        let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
        let status = self.compress(input, output, flush).map_err(io::Error::other)?;
        let after = (self.total_in(), self.total_out());
        Ok(Progress::between(before, after, status == Status::StreamEnd))
    }
}

impl Step for Decompress {
    fn step(&mut self, input: &[u8], output: &mut [u8], _last: bool) -> io::Result<Progress> {
        let before = (self.total_in(), self.total_out());
        let status = self.decompress(input, output, FlushDecompress::None)?;
        let after = (self.total_in(), self.total_out());
        Ok(Progress::between(before, after, status == Status::StreamEnd))
    }
}
