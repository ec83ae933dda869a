//! Where in the bits of a file blocks begin and streams end.

/// What 48 bits stand at the beginning of a block, or behind the last one of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    Block,
    End,
}

/// The number of bits in a mark.
pub(super) const MARK: usize = 48;

const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;

impl Mark {
    /// What the 48 bits are, if they are one.
    fn of(bits: u64) -> Option<Self> {
        match bits {
            BLOCK => Some(Self::Block),
            END => Some(Self::End),
            _ => None,
        }
    }
}

/// The first mark that begins at bit `from` or later, and where; `None` if there is none, or if
/// less than two bytes follow it, which is not possible in a whole stream.
pub(super) fn find(data: &[u8], from: usize) -> Option<(usize, Mark)> {
    let first = from / 8;
    data.get(first..)?.windows(8).enumerate().find_map(|(index, window)| {
        let mut shifts = SHIFTS[usize::from(window[1])];
        if shifts == 0 {
            return None;
        }
        let window = u64::from_be_bytes(window.try_into().expect("eight bytes"));
        while shifts != 0 {
            let shift = shifts.trailing_zeros() as usize;
            shifts &= shifts - 1;
            let at = (first + index) * 8 + shift;
            if let Some(mark) = Mark::of(window << shift >> (64 - MARK)).filter(|_| at >= from) {
                return Some((at, mark));
            }
        }
        None
    })
}

/// By how many bits a mark may be shifted, one bit each, if its second byte in the data is this.
static SHIFTS: [u8; 256] = shifts();

const fn shifts() -> [u8; 256] {
    let mut table = [0; 256];
    let mut shift = 0;
    while shift < 8 {
        // The data's second byte is what is left of the mark's first and most of its second.
        table[(BLOCK >> (32 + shift) & 0xff) as usize] |= 1 << shift;
        table[(END >> (32 + shift) & 0xff) as usize] |= 1 << shift;
        shift += 1;
    }
    table
}

/// The 32 bits at bit `at`; zeros stand for those that are missing.
pub(super) fn number(data: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 8];
    for (byte, there) in bytes.iter_mut().zip(data.get(at / 8..).unwrap_or_default()) {
        *byte = *there;
    }
    (u64::from_be_bytes(bytes) << (at % 8) >> 32) as u32
}

/// A stream that has only the block in the bits `from..to`, of files of that level.
pub(super) fn stream(data: &[u8], from: usize, to: usize, level: u8) -> Vec<u8> {
    let mut stream = open_stream(data, from, to, level);
    // The last bits of the block are followed by the mark of the end and the block's checksum.
    let left = (to - from) % 8;
    let tail = stream.pop_if(|_| left > 0).map_or(0, |byte| u128::from(byte >> (8 - left)));
    let checksum = u128::from(number(data, from + MARK));
    let bits = left + MARK + 32;
    let tail = (tail << MARK | u128::from(END)) << 32 | checksum;
    stream.extend_from_slice(&(tail << (128 - bits)).to_be_bytes()[..bits.div_ceil(8)]);
    stream
}

/// A header, and the bits `from..to` without an end; zeros fill the last byte.
pub(super) fn open_stream(data: &[u8], from: usize, to: usize, level: u8) -> Vec<u8> {
    let bytes = (to - from).div_ceil(8);
    let mut stream = Vec::with_capacity(bytes + 16);
    stream.extend_from_slice(&[b'B', b'Z', b'h', level]);
    let (first, shift) = (from / 8, from % 8);
    let next = data[first + 1..].iter().copied().chain([0]);
    let shifted = data[first..]
        .iter()
        .zip(next)
        .map(|(byte, next)| (u16::from_be_bytes([*byte, next]) << shift >> 8) as u8);
    stream.extend(shifted.take(bytes));
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `bits` behind `at` bits that are all ones, and ones behind them.
    fn shifted(bits: u64, at: usize) -> Vec<u8> {
        let mut data = vec![0xff; 24];
        for bit in 0..MARK {
            let (byte, mask) = ((at + bit) / 8, 0x80 >> ((at + bit) % 8));
            if bits >> (MARK - 1 - bit) & 1 == 0 {
                data[byte] &= !mask;
            }
        }
        data
    }

    #[test]
    fn marks_are_found_at_every_bit() {
        for at in 0..40 {
            for (bits, mark) in [(BLOCK, Mark::Block), (END, Mark::End)] {
                let data = shifted(bits, at);
                assert_eq!(find(&data, 0), Some((at, mark)));
                assert_eq!(find(&data, at), Some((at, mark)));
                assert_eq!(find(&data, at + 1), None);
                assert_eq!(find(&shifted(bits ^ 1 << (at % MARK), at), 0), None);
            }
        }
        assert_eq!(find(&[], 0), None);
        assert_eq!(find(&[], 9), None);
    }

    #[test]
    fn numbers_are_read_at_every_bit_and_beyond_the_end() {
        let data = 0x0123_4567_89ab_cdef_u64.to_be_bytes();
        for at in 0..32 {
            assert_eq!(number(&data, at), (0x0123_4567_89ab_cdef_u64 << at >> 32) as u32);
        }
        assert_eq!(number(&data, 56), 0xef00_0000);
        assert_eq!(number(&data, 64), 0);
    }
}
