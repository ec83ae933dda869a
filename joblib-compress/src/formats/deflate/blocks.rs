//! Deflate by several threads, as `pigz` does it.
//!
//! Each block is compressed with the window before it as a dictionary and brought to a whole byte,
//! so that the blocks one after the other are one stream, hardly larger than that of one thread.

use std::io;

use flate2::{Compress, FlushCompress, Status};

use super::flate2_level;
use crate::threads::{Piece, Work};

/// Bytes compressed at a time: each block has codes of its own, which cost some hundred bytes.
pub(crate) const BLOCK: usize = 256 << 10;

/// Bytes before a block that it may refer to.
pub(crate) const WINDOW: usize = 32 << 10;

/// Compresses blocks, and takes a note of each.
pub(crate) struct DeflateWorker<N> {
    codec: Compress,
    note: fn(&[u8]) -> N,
}

impl<N> DeflateWorker<N> {
    pub(crate) fn new(level: i32, note: fn(&[u8]) -> N) -> Self {
        Self { codec: Compress::new(flate2_level(level), false), note }
    }

    fn compress(&mut self, piece: &mut Piece<N>) -> io::Result<()> {
        self.codec.reset();
        if !piece.before().is_empty() {
            self.codec.set_dictionary(piece.before()).map_err(io::Error::other)?;
        }
        let flush = if piece.is_last { FlushCompress::Finish } else { FlushCompress::Sync };
        let mut output = std::mem::take(&mut piece.output);
        output.clear();
        loop {
            output.reserve(piece.data().len() + 1_024);
            let used = usize::try_from(self.codec.total_in()).expect("no longer than a block");
            let status = self.codec.compress_vec(&piece.data()[used..], &mut output, flush);
            let status = status.map_err(io::Error::other)?;
            // Room that is left says that everything is out.
            if status == Status::StreamEnd || (!piece.is_last && output.len() < output.capacity()) {
                break;
            }
        }
        piece.output = output;
        Ok(())
    }
}

impl<N: Send + 'static> Work for DeflateWorker<N> {
    type Item = Piece<N>;
    type Output = Piece<N>;

    fn work(&mut self, mut piece: Piece<N>) -> io::Result<Piece<N>> {
        self.compress(&mut piece)?;
        piece.note = (self.note)(piece.data());
        Ok(piece)
    }
}
