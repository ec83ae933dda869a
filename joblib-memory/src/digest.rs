//! 128 bits that stand for a value or for code.

use std::fmt;
use std::str::FromStr;

use xxhash_rust::const_xxh3::xxh3_128;

/// What a value hashes to: equal digests mean equal values.
///
/// 128 bits of xxh3, shown as 32 hexadecimal digits. Two different values share a digest by
/// accident once in 2⁶⁴ or so; somebody who wants a collision can make one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u128);

impl Digest {
    /// The digest with these bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The digest of any bytes, for `depends`: of a file that a function relies on, say, as
    /// `Digest::of(include_bytes!("kernel.cu"))`.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Self(xxh3_128(bytes))
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
        first.copy_from_slice(&self.0.to_le_bytes());
        second.copy_from_slice(&other.0.to_le_bytes());
        Self(xxh3_128(&bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The text is not a digest: 32 hexadecimal digits in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest (32 hexadecimal digits in lower case)")]
#[non_exhaustive]
pub struct ParseDigestError;

impl FromStr for Digest {
    type Err = ParseDigestError;

    /// Reads what `Display` writes, and nothing else: one digest has one spelling.
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(digit) {
            return Err(ParseDigestError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| ParseDigestError)
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
    fn only_one_spelling_is_read() {
        for text in
            ["", "0", "+0000000000000000000000000000000", "0000000000000000000000000000000A"]
        {
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
