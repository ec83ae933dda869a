//! bzip2 files by several threads: a stream for each block, as `pbzip2` writes them.

use std::io;

use bzip2::{Action, Status};

use super::compressor;
use crate::threads::{Blocks, Piece, Work};

pub(super) struct Bz2Blocks {
    level: u32,
}

impl Bz2Blocks {
    pub(super) fn new(level: u32) -> Self {
        Self { level }
    }
}

impl Blocks for Bz2Blocks {
    type Note = ();
    type Worker = Bz2Worker;

    /// As much as bzip2 sorts at once, less the bytes that it keeps in reserve: one more, and a
    /// second block would hold them.
    fn block_len(&self) -> usize {
        100_000 * self.level as usize - 19
    }

    fn worker(&self) -> Box<dyn Fn() -> Bz2Worker + Send + Sync> {
        let level = self.level;
        Box::new(move || Bz2Worker { level })
    }

    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    fn trailer(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

pub(super) struct Bz2Worker {
    level: u32,
}

impl Work for Bz2Worker {
    type Item = Piece<()>;
    type Output = Piece<()>;

    fn work(&mut self, mut piece: Piece<()>) -> io::Result<Piece<()>> {
        let mut codec = compressor(self.level);
        let mut output = std::mem::take(&mut piece.output);
        output.clear();
        loop {
            output.reserve(piece.data().len() / 2 + 1_024);
            let used = usize::try_from(codec.total_in()).expect("no longer than a block");
            let rest = &piece.data()[used..];
            if codec.compress_vec(rest, &mut output, Action::Finish)? == Status::StreamEnd {
                break;
            }
        }
        piece.output = output;
        Ok(piece)
    }
}
