//! Frames meant for others, which zstd and lz4 have alike.

use crate::threads::Length;

/// The length of a frame that is meant for others, `None` if `data` begins with
/// something else.
pub(crate) fn skippable(data: &[u8]) -> Option<Length> {
    let magic = data.first_chunk::<4>()?;
    if !matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
        return None;
    }
    let len = data[4..].first_chunk::<4>().map(|len| u32::from_le_bytes(*len));
    Some(match len.map(usize::try_from) {
        Some(Ok(len)) => Length::Is(len.saturating_add(8)),
        Some(Err(_)) => Length::Unknown,
        None => Length::NeedsMore,
    })
}
