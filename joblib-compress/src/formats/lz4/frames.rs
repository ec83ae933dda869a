//! How long a frame is, told without decompressing it.

use crate::formats::skippable::skippable;
use crate::threads::Length;

/// The length of the frame that `data` begins with, from the lengths of its blocks.
///
/// Frame format 1.6.4, sections "General Structure of LZ4 Frame format" and "Data Blocks".
pub(super) fn length(data: &[u8]) -> Length {
    if let Some(length) = skippable(data) {
        return length;
    }
    let Some((magic, rest)) = data.split_first_chunk::<4>() else { return Length::NeedsMore };
    if *magic != [0x04, 0x22, 0x4d, 0x18] {
        return Length::Unknown;
    }
    let Some(flags) = rest.first() else { return Length::NeedsMore };
    let extra = |bit: u8, len: usize| if flags & bit == 0 { 0 } else { len };
    // Flags, size of blocks, length of the content, dictionary, checksum of the header.
    let header = 2 + extra(1 << 3, 8) + extra(1, 4) + 1;
    blocks(data, magic.len() + header, extra(1 << 4, 4), extra(1 << 2, 4))
}

/// Goes from block to block, the first of which is `at`, until the mark that is behind the last.
fn blocks(data: &[u8], mut at: usize, block_checksum: usize, checksum: usize) -> Length {
    loop {
        let len = data.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let Some(len) = len.map(|len| u32::from_le_bytes(*len)) else { return Length::NeedsMore };
        at += 4;
        if len == 0 {
            return Length::Is(at + checksum);
        }
        // The highest bit says that the block is stored as it was.
        let Ok(len) = usize::try_from(len & 0x7fff_ffff) else { return Length::Unknown };
        at = at.saturating_add(len).saturating_add(block_checksum);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{Compressor, EncodeOptions, Lz4};

    #[test]
    fn frames_end_where_the_next_begins() {
        let noise: Vec<u8> =
            (0..700_000_u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
        for content in [&[][..], &[7; 300_000], &noise[..5], &noise] {
            let mut frame = Vec::new();
            let mut encoder = Lz4.encoder(Box::new(&mut frame), &EncodeOptions::new(1)).unwrap();
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap();
            let len = frame.len();
            for cut in [0, 1, 4, 5, 6, 7, 9, len - 5] {
                let length = length(&frame[..cut.min(len - 5)]);
                let expected = [Length::NeedsMore, Length::Is(len)];
                assert!(expected.contains(&length), "{cut} of {len}: {length:?}");
            }
            frame.extend(frame.clone());
            assert_eq!(length(&frame), Length::Is(len));
        }
        assert_eq!(length(b"something else"), Length::Unknown);
        assert_eq!(length(b"\x5a\x2a\x4d\x18\x05\x00\x00\x00other"), Length::Is(13));
        assert_eq!(length(b"\x5a\x2a\x4d\x18\x05\x00"), Length::NeedsMore);
    }
}
