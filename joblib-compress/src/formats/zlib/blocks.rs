//! zlib streams by several threads.

use zlib_rs::adler32::{adler32, adler32_combine};

use crate::formats::deflate::blocks::{BLOCK, DeflateWorker, WINDOW};
use crate::threads::Blocks;

/// The parts of a stream that are not deflate.
pub(super) struct ZlibBlocks {
    level: i32,
    checksum: u32,
}

/// The checksum of a block and its length.
#[derive(Default)]
pub(super) struct Part {
    checksum: u32,
    len: u64,
}

/// The Adler-32 of nothing.
const EMPTY: u32 = 1;

impl ZlibBlocks {
    pub(super) fn new(level: i32) -> Self {
        Self { level, checksum: EMPTY }
    }
}

impl Blocks for ZlibBlocks {
    type Note = Part;
    type Worker = DeflateWorker<Part>;

    fn block_len(&self) -> usize {
        BLOCK
    }

    fn overlap(&self) -> usize {
        WINDOW
    }

    fn worker(&self) -> Box<dyn Fn() -> Self::Worker + Send + Sync> {
        let level = self.level;
        let part = |data: &[u8]| Part { checksum: adler32(EMPTY, data), len: data.len() as u64 };
        Box::new(move || DeflateWorker::new(level, part))
    }

    /// A window of 32 KiB, and the class of the level as zlib has it.
    fn header(&self) -> Vec<u8> {
        let check = match self.level {
            1 => 0x01,
            2..=5 => 0x5e,
            6 => 0x9c,
            _ => 0xda,
        };
        vec![0x78, check]
    }

    fn collect(&mut self, part: Part) {
        self.checksum = adler32_combine(self.checksum, part.checksum, part.len);
    }

    fn trailer(&mut self) -> Vec<u8> {
        self.checksum.to_be_bytes().to_vec()
    }
}
