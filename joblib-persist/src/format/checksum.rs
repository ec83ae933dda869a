//! The checksum of a block: the xxh3 of the xxh3 of its MiB pieces.

use std::hash::Hasher;

use twox_hash::XxHash3_64;

/// The length of a piece.
pub(crate) const PIECE: usize = 1 << 20;

/// Stands in the place of a checksum while someone may write to the block.
pub(crate) const UNKNOWN: u64 = u64::MAX;

/// The xxh3 of some bytes.
pub(crate) fn xxh3(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

pub(crate) fn xxh3_with_seed(bytes: &[u8], seed: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, bytes)
}

/// Collects a block, in chunks of any length, into its checksum.
#[derive(Default)]
pub(crate) struct BlockChecksum {
    /// The piece that has begun.
    piece: Option<Box<XxHash3_64>>,
    in_piece: usize,
    /// The digests of the pieces before, eight bytes each.
    digests: Vec<u8>,
}

impl BlockChecksum {
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(PIECE - self.in_piece));
            if now.len() == PIECE {
                self.add_piece(xxh3(now));
            } else {
                self.add_to_piece(now);
            }
            bytes = rest;
        }
    }

    /// Adds a piece whose digest is known. The one before has ended.
    pub(crate) fn add_piece(&mut self, digest: u64) {
        debug_assert_eq!(self.in_piece, 0);
        self.digests.extend_from_slice(&digest.to_le_bytes());
    }

    /// Whether the next byte begins a piece.
    pub(crate) fn is_between_pieces(&self) -> bool {
        self.in_piece == 0
    }

    pub(crate) fn finish(mut self) -> u64 {
        self.end_piece();
        recorded(xxh3(&self.digests))
    }

    fn add_to_piece(&mut self, bytes: &[u8]) {
        self.piece.get_or_insert_default().write(bytes);
        self.in_piece += bytes.len();
        if self.in_piece == PIECE {
            self.end_piece();
        }
    }

    fn end_piece(&mut self) {
        if let Some(piece) = self.piece.take() {
            self.in_piece = 0;
            self.add_piece(piece.finish());
        }
    }
}

/// The checksum of a block that lies in memory.
pub(crate) fn of_block(bytes: &[u8]) -> u64 {
    if bytes.len() <= PIECE {
        return recorded(xxh3(&xxh3(bytes).to_le_bytes()));
    }
    let mut checksum = BlockChecksum::default();
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
            bytes.chunks(PIECE).flat_map(|piece| xxh3(piece).to_le_bytes()).collect();
        assert_eq!(digests.len(), 24);
        assert_eq!(of_block(&bytes), xxh3(&digests));
    }

    #[test]
    fn chunks_may_have_any_length() {
        let bytes: Vec<u8> = (0..PIECE as u32 + 70_000).map(|i| (i % 241) as u8).collect();
        for length in [1_000, 65_537, PIECE, PIECE + 1, bytes.len()] {
            let mut checksum = BlockChecksum::default();
            bytes.chunks(length).for_each(|chunk| checksum.update(chunk));
            assert_eq!(checksum.finish(), of_block(&bytes), "chunks of {length}");
        }
        let mut checksum = BlockChecksum::default();
        checksum.update(&bytes[..1024]);
        assert_eq!(checksum.finish(), of_block(&bytes[..1024]));
    }

    /// From the specification's sanity checks: the algorithm is the format's, not a library's.
    #[test]
    fn xxh3_is_that_of_the_specification() {
        assert_eq!(xxh3(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(xxh3_with_seed(b"", 0), xxh3(b""));
        assert_ne!(xxh3_with_seed(b"", 1), xxh3(b""));
    }
}
