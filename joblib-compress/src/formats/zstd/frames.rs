//! How long a frame is, told without decompressing it.

use crate::formats::skippable::skippable;
use crate::threads::Length;

/// The length of the frame that `data` begins with, from the lengths of its blocks.
///
/// RFC 8878, sections 3.1.1 and 3.1.2.
pub(super) fn length(data: &[u8]) -> Length {
    if let Some(length) = skippable(data) {
        return length;
    }
    let Some((magic, rest)) = data.split_first_chunk::<4>() else { return Length::NeedsMore };
    if *magic != [0x28, 0xb5, 0x2f, 0xfd] {
        return Length::Unknown;
    }
    let Some(descriptor) = rest.first() else { return Length::NeedsMore };
    let checksum = if descriptor & 4 == 0 { 0 } else { 4 };
    blocks(data, magic.len() + header(*descriptor), checksum)
}

/// Bytes of the header behind the magic.
fn header(descriptor: u8) -> usize {
    let is_segment = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = [usize::from(is_segment), 2, 4, 8][usize::from(descriptor >> 6)];
    1 + usize::from(!is_segment) + dictionary + content
}

/// Goes from block to block, the first of which is `at`, until the last.
fn blocks(data: &[u8], mut at: usize, checksum: usize) -> Length {
    loop {
        let Some(header) = data.get(at..at + 3) else { return Length::NeedsMore };
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let size = (header >> 3) as usize;
        at += 3 + match header >> 1 & 3 {
            // One byte, repeated.
            1 => 1,
            3 => return Length::Unknown,
            _ => size,
        };
        if header & 1 == 1 {
            return Length::Is(at + checksum);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{Compressor, EncodeOptions, Zstd};

    #[test]
    fn frames_end_where_the_next_begins() {
        let noise: Vec<u8> =
            (0..700_000_u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect();
        for content in [&[][..], &[7; 300_000], &noise[..5], &noise] {
            let mut frame = Vec::new();
            let mut encoder = Zstd.encoder(Box::new(&mut frame), &EncodeOptions::new(1)).unwrap();
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
