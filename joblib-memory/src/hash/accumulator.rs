//! Bytes on their way into a digest.

use twox_hash::XxHash3_128;
use twox_hash::xxhash3_128::Hasher as Xxh3;
use xxhash_rust::xxh3::xxh3_128;

use crate::{Algorithm, Digest};

/// Most arguments fit into this many bytes and never need the streaming state (576 bytes, and a
/// twelfth of the speed when it is fed eight bytes at a time).
const BUFFER: usize = 256;

/// Collects bytes in any pieces; the digest depends on the bytes alone.
pub(super) struct Accumulator {
    algorithm: Algorithm,
    buffer: [u8; BUFFER],
    used: usize,
    overflow: Option<State>,
}

/// What is digested already, of more than the buffer holds.
enum State {
    Xxh3(Box<Xxh3>),
    #[cfg(feature = "blake3")]
    Blake3(Box<blake3::Hasher>),
}

impl Accumulator {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, buffer: [0; BUFFER], used: 0, overflow: None }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        match self.buffer.get_mut(self.used..end) {
            Some(free) => {
                free.copy_from_slice(bytes);
                self.used = end;
            }
            None => self.write_through(bytes),
        }
    }

    #[cold]
    fn write_through(&mut self, bytes: &[u8]) {
        let state = self.overflow.get_or_insert_with(|| State::new(self.algorithm));
        state.update(&self.buffer[..self.used]);
        self.used = 0;
        if bytes.len() >= BUFFER {
            state.update(bytes);
        } else {
            self.write(bytes);
        }
    }

    /// What was written, unless it was much.
    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    /// The digest of everything written; the next one starts empty.
    pub(super) fn take_digest(&mut self) -> Digest {
        let rest = &self.buffer[..std::mem::take(&mut self.used)];
        match self.overflow.take() {
            None => self.algorithm.digest(rest),
            Some(mut state) => {
                state.update(rest);
                state.digest()
            }
        }
    }
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Xxh3 => Self::Xxh3(Box::new(Xxh3::new())),
            #[cfg(feature = "blake3")]
            Algorithm::Blake3 => Self::Blake3(Box::new(blake3::Hasher::new())),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Xxh3(state) => state.write(bytes),
            #[cfg(feature = "blake3")]
            Self::Blake3(state) => {
                state.update(bytes);
            }
        }
    }

    fn digest(&self) -> Digest {
        match self {
            Self::Xxh3(state) => Digest::from_u128(state.finish_128()),
            #[cfg(feature = "blake3")]
            Self::Blake3(state) => Digest::of_256_bits(state.finalize().as_bytes()),
        }
    }
}

impl Algorithm {
    /// The digest of bytes that lie together.
    pub(super) fn digest(self, bytes: &[u8]) -> Digest {
        match self {
            // For much, another crate than for little: it takes the widest registers that it finds
            // when the program runs, and has more to set up. The digest is the same.
            Self::Xxh3 if bytes.len() > BUFFER => Digest::from_u128(XxHash3_128::oneshot(bytes)),
            Self::Xxh3 => Digest::from_u128(xxh3_128(bytes)),
            #[cfg(feature = "blake3")]
            Self::Blake3 => Digest::of_256_bits(blake3::hash(bytes).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_do_not_count(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..12)) {
            for algorithm in Algorithm::ALL {
                let mut accumulator = Accumulator::new(*algorithm);
                for _ in 0..2 {
                    for piece in &pieces {
                        accumulator.write(piece);
                    }
                    prop_assert_eq!(accumulator.take_digest(), algorithm.digest(&pieces.concat()));
                }
            }
        }
    }
}
