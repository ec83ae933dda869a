//! How long a member is, told without decompressing it.

use crate::threads::Length;

/// The length of the member that `data` begins with, if its header has it.
///
/// That is so in files of `bgzip` (BGZF: SAM specification, section 4.1), whose members have a field
/// `BC` with their length less one. Other members end where decompression says so, and their
/// beginning is three bytes that occur in any data.
pub(super) fn length(data: &[u8]) -> Length {
    let Some((fixed, rest)) = data.split_first_chunk::<10>() else { return Length::NeedsMore };
    const EXTRA_FIELDS: u8 = 4;
    if fixed[..3] != [0x1f, 0x8b, 8] || fixed[3] & EXTRA_FIELDS == 0 {
        return Length::Unknown;
    }
    let Some((len, rest)) = rest.split_first_chunk::<2>() else { return Length::NeedsMore };
    let Some(mut fields) = rest.get(..usize::from(u16::from_le_bytes(*len))) else {
        return Length::NeedsMore;
    };
    while let Some(([a, b, low, high], rest)) = fields.split_first_chunk::<4>() {
        let len = usize::from(u16::from_le_bytes([*low, *high]));
        let Some((content, rest)) = rest.split_at_checked(len) else { return Length::Unknown };
        if let (b'B', b'C', [low, high]) = (a, b, content) {
            return Length::Is(usize::from(u16::from_le_bytes([*low, *high])) + 1);
        }
        fields = rest;
    }
    Length::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last member of every file of `bgzip`: an empty one.
    const EMPTY: [u8; 28] = [
        0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0, 27, 0, 3, 0, 0, 0, 0, 0, 0,
        0, 0, 0,
    ];

    #[test]
    fn only_members_of_bgzip_say_how_long_they_are() {
        assert_eq!(length(&EMPTY), Length::Is(28));
        for cut in 0..18 {
            assert_eq!(length(&EMPTY[..cut]), Length::NeedsMore, "{cut}");
        }
        let mut plain = EMPTY;
        plain[3] = 0;
        assert_eq!(length(&plain), Length::Unknown);
        let mut other = EMPTY;
        other[13] = b'D';
        assert_eq!(length(&other), Length::Unknown);
        let mut too_long = EMPTY;
        too_long[14] = 3;
        assert_eq!(length(&too_long), Length::Unknown);
        let behind = [&EMPTY[..10], &[10, 0, b'X', b'Y', 0, 0], &EMPTY[12..]].concat();
        assert_eq!(length(&behind), Length::Is(28));
    }
}
