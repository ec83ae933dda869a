//! 128 bits that stand for a value or for code.

use std::fmt;
use std::str::FromStr;

use xxhash_rust::const_xxh3::xxh3_128;

/// What a value hashes to: equal digests mean equal values.
///
/// 128 bits, shown as 32 hexadecimal digits; or 256 and 64, if a memory was told to use an
/// [`Algorithm`](crate::Algorithm) that has so many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    first: u128,
    second: Option<u128>,
}

impl Digest {
    /// The digest with these bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self { first: bits, second: None }
    }

    /// The bits, the first half of 256.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.first
    }

    /// The digest of twice as many bits, which is shown as these bytes are.
    #[cfg(any(test, feature = "blake3"))]
    pub(crate) fn of_256_bits(bytes: &[u8; 32]) -> Self {
        let half = |at: usize| {
            let half = bytes[at..].iter().take(16);
            half.fold(0, |bits, byte| bits << 8 | u128::from(*byte))
        };
        Self { first: half(0), second: Some(half(16)) }
    }

    /// The bits as bytes, and how many of these there are. 128 bits are little-endian.
    pub(crate) fn to_bytes(self) -> ([u8; 32], usize) {
        let mut bytes = [0; 32];
        let Some(second) = self.second else {
            bytes[..16].copy_from_slice(&self.first.to_le_bytes());
            return (bytes, 16);
        };
        bytes[..16].copy_from_slice(&self.first.to_be_bytes());
        bytes[16..].copy_from_slice(&second.to_be_bytes());
        (bytes, 32)
    }

    /// Another digest for each number: that of one of several things with this digest.
    pub(crate) fn numbered(self, number: u8) -> Self {
        Self { first: self.first ^ u128::from(number), ..self }
    }

    /// The digest of any bytes, for `depends`: of a file that a function relies on, say, as
    /// `Digest::of(include_bytes!("kernel.cu"))`.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Self::from_u128(xxh3_128(bytes))
    }

    /// The digest of `own` code that depends on code with the digests `depends`, order counting.
    pub(crate) const fn combine(own: Self, depends: &[Self]) -> Self {
        let mut combined = own;
        let mut at = 0;
        while at < depends.len() {
            combined = combined.followed_by(depends[at]);
            at += 1;
        }
        combined
    }

    const fn followed_by(self, other: Self) -> Self {
        let mut bytes = [0; 32];
        let (first, second) = bytes.split_at_mut(16);
        first.copy_from_slice(&self.first.to_le_bytes());
        second.copy_from_slice(&other.first.to_le_bytes());
        Self::from_u128(xxh3_128(&bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.first)?;
        self.second.map_or(Ok(()), |second| write!(f, "{second:032x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The text is not a digest: 32 or 64 hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest (32 or 64 hexadecimal digits in lower case)")]
#[non_exhaustive]
pub struct ParseDigestError;

impl FromStr for Digest {
    type Err = ParseDigestError;

    /// Reads what `Display` writes, and nothing else: one digest has one spelling.
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !matches!(text.len(), 32 | 64) || !text.bytes().all(digit) {
            return Err(ParseDigestError);
        }
        let bits = |text| u128::from_str_radix(text, 16).map_err(|_| ParseDigestError);
        let (first, second) = text.split_at(32);
        let second = (!second.is_empty()).then(|| bits(second)).transpose()?;
        Ok(Self { first: bits(first)?, second })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef] {
            let digest = Digest::from_u128(bits);
            assert_eq!(digest.to_string().len(), 32);
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
    }

    #[test]
    fn more_bits_are_shown_as_their_bytes() {
        let bytes: Vec<u8> = (1..=32).collect();
        let digest = Digest::of_256_bits(bytes[..].try_into().unwrap());
        let text = digest.to_string();
        assert_eq!(text, "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20");
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(digest.to_bytes(), (bytes[..].try_into().unwrap(), 32));
        assert_ne!(text[..32].parse(), Ok(digest), "half of it is another one");
        assert_ne!(digest.numbered(1), digest);
    }

    #[test]
    fn only_one_spelling_is_read() {
        let one_too_many = "0".repeat(65);
        for text in [
            "",
            "0",
            "+0000000000000000000000000000000",
            "0000000000000000000000000000000A",
            &one_too_many,
        ] {
            assert_eq!(text.parse::<Digest>(), Err(ParseDigestError), "{text}");
        }
    }

    #[test]
    fn dependencies_count_in_number_and_order() {
        let [a, b, c] = [1, 2, 3].map(Digest::from_u128);
        assert_eq!(Digest::combine(a, &[]), a);
        let all = [&[b][..], &[c], &[b, c], &[c, b], &[b, b]];
        let digests: std::collections::HashSet<_> =
            all.iter().map(|depends| Digest::combine(a, depends)).collect();
        assert_eq!(digests.len(), all.len());
    }
}
