//! What surrounds the items of a value: header, frame headers, footer.

use super::checksum::{xxh3, xxh3_with_seed};
use super::{END_MAGIC, FRAME_MAX, MAGIC, VERSION};
use crate::error::{Error, ErrorKind, Result};

pub(crate) const HEADER_LEN: usize = 16;
pub(crate) const FRAME_HEADER_LEN: usize = 12;
pub(crate) const FOOTER_LEN: usize = 32;

/// The header of a value.
pub(crate) fn header() -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// Refuses what cannot become the header of a value, from the bytes there are.
pub(crate) fn check_start(bytes: &[u8]) -> Result<()> {
    let len = bytes.len().min(MAGIC.len());
    if bytes[..len] == MAGIC[..len] && len > 0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Foreign { found: bytes[..len].to_vec() }))
}

/// Refuses what is not the header of a value that this version reads.
pub(crate) fn check_header(bytes: &[u8; HEADER_LEN]) -> Result<()> {
    check_start(bytes)?;
    let rest = &bytes[MAGIC.len()..];
    match u16::from_le_bytes([rest[0], rest[1]]) {
        0 => Err(Error::damaged("the header names version 0")),
        found if found > VERSION => Err(Error::new(ErrorKind::Newer { found })),
        _ if rest[2..] != [0; 6] => Err(Error::damaged("the header has bits set that must be 0")),
        _ => Ok(()),
    }
}

/// What comes behind a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Frame = 0,
    Block = 1,
    Footer = 2,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FrameHeader {
    pub(crate) len: usize,
    pub(crate) next: Next,
    checksum: u64,
}

impl FrameHeader {
    /// The header for `payload`, which holds up to [`FRAME_MAX`] bytes.
    pub(crate) fn of(payload: &[u8], next: Next) -> Self {
        debug_assert!(payload.len() <= FRAME_MAX);
        let word = word(payload.len(), next);
        FrameHeader { len: payload.len(), next, checksum: checksum(payload, word) }
    }

    pub(crate) fn encode(self) -> [u8; FRAME_HEADER_LEN] {
        let mut bytes = [0; FRAME_HEADER_LEN];
        bytes[..4].copy_from_slice(&word(self.len, self.next).to_le_bytes());
        bytes[4..].copy_from_slice(&self.checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: [u8; FRAME_HEADER_LEN]) -> Result<Self> {
        let [l0, l1, l2, next, checksum @ ..] = bytes;
        let len = u32::from_le_bytes([l0, l1, l2, 0]) as usize;
        let next = match next {
            0 => Next::Frame,
            1 => Next::Block,
            2 => Next::Footer,
            _ => return Err(Error::damaged("a frame does not say what follows it")),
        };
        // Only behind the last block there can be nothing to say.
        if len > FRAME_MAX || (len == 0 && next != Next::Footer) {
            return Err(Error::damaged(format!("a frame of {len} bytes")));
        }
        Ok(FrameHeader { len, next, checksum: u64::from_le_bytes(checksum) })
    }

    pub(crate) fn check(self, payload: &[u8]) -> Result<()> {
        if is_right(self.checksum, checksum(payload, word(self.len, self.next))) {
            Ok(())
        } else {
            Err(Error::damaged("the checksum of a frame does not match"))
        }
    }
}

/// A fuzzer cannot guess checksums, and would never see what is behind them.
fn is_right(recorded: u64, computed: u64) -> bool {
    recorded == computed || cfg!(fuzzing)
}

fn word(len: usize, next: Next) -> u32 {
    len as u32 | (next as u32) << 24
}

fn checksum(payload: &[u8], word: u32) -> u64 {
    xxh3_with_seed(payload, u64::from(word))
}

/// The footer of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Footer {
    /// From the first byte of the header to the last of the footer.
    pub(crate) value_len: u64,
    pub(crate) frames: u32,
    pub(crate) blocks: u32,
}

impl Footer {
    pub(crate) fn encode(self) -> [u8; FOOTER_LEN] {
        let mut bytes = [0; FOOTER_LEN];
        bytes[..8].copy_from_slice(&self.value_len.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.frames.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.blocks.to_le_bytes());
        let checksum = xxh3(&bytes[..16]);
        bytes[16..24].copy_from_slice(&checksum.to_le_bytes());
        bytes[24..].copy_from_slice(&END_MAGIC);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; FOOTER_LEN]) -> Result<Self> {
        let number = |at: usize| {
            bytes[at..at + 8].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
        };
        if bytes[24..] != END_MAGIC {
            return Err(Error::damaged("a footer was expected and is not there"));
        }
        if !is_right(number(16), xxh3(&bytes[..16])) {
            return Err(Error::damaged("the checksum of the footer does not match"));
        }
        let counts = number(8);
        Ok(Footer { value_len: number(0), frames: counts as u32, blocks: (counts >> 32) as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_headers_notice_each_flipped_bit() {
        let payload = b"payload";
        let bytes = FrameHeader::of(payload, Next::Block).encode();
        let header = FrameHeader::decode(bytes).unwrap();
        assert_eq!((header.len, header.next), (7, Next::Block));
        header.check(payload).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let checked = FrameHeader::decode(flipped).and_then(|header| header.check(payload));
            assert!(checked.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn footers_notice_each_flipped_bit() {
        let footer = Footer { value_len: 0x0123_4567_89ab_cdef, frames: 3, blocks: u32::MAX };
        let bytes = footer.encode();
        assert_eq!(Footer::decode(&bytes).unwrap(), footer);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Footer::decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn headers_notice_each_flipped_bit() {
        let bytes = header();
        check_header(&bytes).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(check_header(&flipped).is_err(), "bit {bit}");
        }
    }
}
