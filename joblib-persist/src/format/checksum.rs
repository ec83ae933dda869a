//! The checksum of a block: the xxh3 of the xxh3 of its MiB pieces.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The length of a piece.
const PIECE: usize = 1 << 20;

/// Stands in the place of a checksum while someone may write to the block.
pub(crate) const UNKNOWN: u64 = u64::MAX;

/// Collects a block, in chunks of any length, into its checksum.
pub(crate) struct BlockChecksum {
    piece: Box<Xxh3>,
    in_piece: usize,
    pieces: Box<Xxh3>,
}

impl BlockChecksum {
    pub(crate) fn new() -> Self {
        BlockChecksum { piece: Box::default(), in_piece: 0, pieces: Box::default() }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(PIECE - self.in_piece));
            self.piece.update(now);
            self.in_piece += now.len();
            bytes = rest;
            if self.in_piece == PIECE {
                self.end_piece();
            }
        }
    }

    pub(crate) fn finish(mut self) -> u64 {
        if self.in_piece > 0 {
            self.end_piece();
        }
        recorded(self.pieces.digest())
    }

    fn end_piece(&mut self) {
        self.pieces.update(&self.piece.digest().to_le_bytes());
        self.piece.reset();
        self.in_piece = 0;
    }
}

/// The checksum of a block that lies in memory.
pub(crate) fn of_block(bytes: &[u8]) -> u64 {
    if bytes.len() <= PIECE {
        return recorded(xxh3_64(&xxh3_64(bytes).to_le_bytes()));
    }
    let mut checksum = BlockChecksum::new();
    checksum.update(bytes);
    checksum.finish()
}

/// `UNKNOWN` is not available to a computed checksum.
fn recorded(digest: u64) -> u64 {
    if digest == UNKNOWN { UNKNOWN - 1 } else { digest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_digest_of_the_digests_of_the_pieces() {
        let bytes: Vec<u8> = (0..PIECE as u32 * 2 + 5).map(|i| (i % 251) as u8).collect();
        let digests: Vec<u8> =
            bytes.chunks(PIECE).flat_map(|piece| xxh3_64(piece).to_le_bytes()).collect();
        assert_eq!(digests.len(), 24);
        assert_eq!(of_block(&bytes), xxh3_64(&digests));
    }

    #[test]
    fn chunks_may_have_any_length() {
        let bytes: Vec<u8> = (0..PIECE as u32 + 70_000).map(|i| (i % 241) as u8).collect();
        for length in [1_000, 65_537, PIECE, PIECE + 1, bytes.len()] {
            let mut checksum = BlockChecksum::new();
            bytes.chunks(length).for_each(|chunk| checksum.update(chunk));
            assert_eq!(checksum.finish(), of_block(&bytes), "chunks of {length}");
        }
        let mut checksum = BlockChecksum::new();
        checksum.update(&bytes[..1024]);
        assert_eq!(checksum.finish(), of_block(&bytes[..1024]));
    }
}
