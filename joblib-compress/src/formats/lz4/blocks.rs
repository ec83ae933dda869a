//! lz4 frames by several threads, byte for byte those of one.

use std::hash::Hasher;
use std::io::{self, Write};

use lz4_flex::frame::FrameEncoder;
use twox_hash::XxHash32;

use super::{BLOCK, frame};
use crate::threads::{Blocks, Piece, Work};

pub(super) struct Lz4Blocks {
    checksum: XxHash32,
}

impl Lz4Blocks {
    pub(super) fn new() -> Self {
        Self { checksum: XxHash32::with_seed(0) }
    }
}

impl Blocks for Lz4Blocks {
    type Note = ();
    type Worker = Lz4Worker;

    fn block_len(&self) -> usize {
        BLOCK
    }

    fn worker(&self) -> Box<dyn Fn() -> Lz4Worker + Send + Sync> {
        Box::new(|| Lz4Worker { around: empty_frame(false) })
    }

    fn header(&self) -> Vec<u8> {
        let mut frame = empty_frame(true);
        frame.truncate(frame.len() - END_MARK - CHECKSUM);
        frame
    }

    /// Many times faster than compression, and the checksums of parts cannot be joined.
    fn see(&mut self, data: &[u8]) {
        self.checksum.write(data);
    }

    fn trailer(&mut self) -> Vec<u8> {
        [[0; END_MARK], self.checksum.finish_32().to_le_bytes()].concat()
    }
}

/// Bytes behind the last block: a block length of zero.
const END_MARK: usize = 4;

/// Bytes of the checksum behind that.
const CHECKSUM: usize = 4;

/// A header, perhaps one that promises a checksum, and what ends a frame.
fn empty_frame(checksum: bool) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(frame().content_checksum(checksum), Vec::new());
    encoder.write_all(&[]).and_then(|()| Ok(encoder.finish()?)).expect("a Vec takes everything")
}

/// Compresses a block as a frame of its own and takes off what is around it.
pub(super) struct Lz4Worker {
    around: Vec<u8>,
}

impl Work for Lz4Worker {
    type Item = Piece<()>;
    type Output = Piece<()>;

    fn work(&mut self, mut piece: Piece<()>) -> io::Result<Piece<()>> {
        let mut output = std::mem::take(&mut piece.output);
        output.clear();
        let mut encoder = FrameEncoder::with_frame_info(frame(), output);
        encoder.write_all(piece.data())?;
        piece.output = encoder.finish()?;
        piece.output.truncate(piece.output.len() - END_MARK);
        piece.output.drain(..self.around.len() - END_MARK);
        Ok(piece)
    }
}
