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
