//! lz4 frames by several threads, byte for byte those of one.

use std::hash::Hasher;
use std::io::{self, Write};

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
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
        Box::new(|| Lz4Worker { table: CompressTable::large() })
    }

    fn header(&self) -> Vec<u8> {
        let info = frame().content_checksum(true);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        let frame = encoder.write_all(&[]).and_then(|()| Ok(encoder.finish()?));
        let mut frame = frame.expect("a Vec takes everything");
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

/// Bytes of the length in front of a block.
const LENGTH: usize = 4;

/// In the length of a block that is stored as it is.
const STORED: u32 = 1 << 31;

/// Compresses blocks with memory that it keeps: an encoder of frames takes some MiB anew for each,
/// which costs more than lz4 itself where there is nothing to compress.
pub(super) struct Lz4Worker {
    table: CompressTable,
}

impl Work for Lz4Worker {
    type Item = Piece<()>;
    type Output = Piece<()>;

    fn work(&mut self, mut piece: Piece<()>) -> io::Result<Piece<()>> {
        let mut output = std::mem::take(&mut piece.output);
        let data = piece.data();
        if data.is_empty() {
            output.clear();
            piece.output = output;
            return Ok(piece);
        }
        output.resize(LENGTH + get_maximum_output_size(data.len()), 0);
        let (length, block) = output.split_at_mut(LENGTH);
        let written = compress_into_with_table(data, block, &mut self.table);
        let written = written.map_err(io::Error::other)?;
        if written < data.len() {
            length.copy_from_slice(&(written as u32).to_le_bytes());
            output.truncate(LENGTH + written);
        } else {
            length.copy_from_slice(&(data.len() as u32 | STORED).to_le_bytes());
            block[..data.len()].copy_from_slice(data);
            output.truncate(LENGTH + data.len());
        }
        piece.output = output;
        Ok(piece)
    }
}
