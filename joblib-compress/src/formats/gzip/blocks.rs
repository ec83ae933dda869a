//! gzip files by several threads.

use flate2::Crc;

use crate::formats::deflate::blocks::{BLOCK, DeflateWorker, WINDOW};
use crate::threads::Blocks;

/// The parts of a file that are not deflate.
pub(super) struct GzipBlocks {
    level: i32,
    checksum: Crc,
}

impl GzipBlocks {
    pub(super) fn new(level: i32) -> Self {
        Self { level, checksum: Crc::new() }
    }
}

fn checksum(data: &[u8]) -> Crc {
    let mut checksum = Crc::new();
    checksum.update(data);
    checksum
}

impl Blocks for GzipBlocks {
    type Note = Crc;
    type Worker = DeflateWorker<Crc>;

    fn block_len(&self) -> usize {
        BLOCK
    }

    fn overlap(&self) -> usize {
        WINDOW
    }

    fn worker(&self) -> Box<dyn Fn() -> Self::Worker + Send + Sync> {
        let level = self.level;
        Box::new(move || DeflateWorker::new(level, checksum))
    }

    /// Deflate, without name and time, from a system that is not named.
    fn header(&self) -> Vec<u8> {
        let class = match self.level {
            1 => 4,
            9 => 2,
            _ => 0,
        };
        vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, class, 255]
    }

    fn collect(&mut self, checksum: Crc) {
        self.checksum.combine(&checksum);
    }

    /// The checksum, and the length modulo 2^32.
    fn trailer(&mut self) -> Vec<u8> {
        [self.checksum.sum().to_le_bytes(), self.checksum.amount().to_le_bytes()].concat()
    }
}
