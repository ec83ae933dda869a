//! Integers of any size.

use std::fmt;

/// An integer of more than 64 bits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct BigInt<'a>(pub(super) &'a [u8]);

/// Integers of more bytes are shown in hexadecimal: decimal takes time by the square of the size.
const DECIMAL_MAX: usize = 2048;

const BILLION: u64 = 1_000_000_000;

impl<'a> BigInt<'a> {
    /// Two's complement, the least significant byte first, as few bytes as it takes.
    pub fn to_le_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether it is less than zero.
    pub fn is_negative(&self) -> bool {
        self.0.last().is_some_and(|&byte| byte >= 0x80)
    }

    /// The integer, if 128 bits are enough.
    pub fn to_i128(&self) -> Option<i128> {
        let mut bytes = [if self.is_negative() { 0xff } else { 0 }; 16];
        bytes.get_mut(..self.0.len())?.copy_from_slice(self.0);
        Some(i128::from_le_bytes(bytes))
    }

    /// The integer, if it is not negative and 128 bits are enough.
    pub fn to_u128(&self) -> Option<u128> {
        let digits = self.0.strip_suffix(&[0]).unwrap_or(self.0);
        let mut bytes = [0; 16];
        bytes.get_mut(..digits.len())?.copy_from_slice(digits);
        (!self.is_negative()).then_some(u128::from_le_bytes(bytes))
    }

    /// Without its sign: the least significant 32 bits first.
    fn magnitude(&self) -> Vec<u32> {
        let is_negative = self.is_negative();
        let mut carry = is_negative;
        let mut bytes: Vec<u8> = self.0.to_vec();
        if is_negative {
            for byte in &mut bytes {
                (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
            }
        }
        let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |word, &b| word << 8 | u32::from(b));
        bytes.chunks(4).map(word).collect()
    }
}

impl fmt::Display for BigInt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.magnitude();
        let trim = |words: &mut Vec<u32>| {
            while words.last() == Some(&0) {
                words.pop();
            }
        };
        trim(&mut words);
        let sign = if self.is_negative() { "-" } else { "" };
        if self.0.len() > DECIMAL_MAX {
            write!(f, "{sign}0x{:x}", words.last().copied().unwrap_or(0))?;
            return words.iter().rev().skip(1).try_for_each(|word| write!(f, "{word:08x}"));
        }
        // Nine decimal digits at a time, the last ones first.
        let mut groups = Vec::new();
        while !words.is_empty() {
            let mut rest = 0;
            for word in words.iter_mut().rev() {
                let value = rest << 32 | u64::from(*word);
                *word = (value / BILLION) as u32;
                rest = value % BILLION;
            }
            groups.push(rest);
            trim(&mut words);
        }
        write!(f, "{sign}{}", groups.last().copied().unwrap_or(0))?;
        groups.iter().rev().skip(1).try_for_each(|group| write!(f, "{group:09}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_decimal_digits() {
        for number in [i128::MIN, i128::MIN + 1, -(1 << 64), 1 << 64, i128::MAX, 10i128.pow(27)] {
            let bytes = number.to_le_bytes();
            assert_eq!(BigInt(&bytes).to_string(), number.to_string());
            assert_eq!(BigInt(&bytes).to_i128(), Some(number));
            assert_eq!(BigInt(&bytes).to_u128(), u128::try_from(number).ok());
        }
        let bytes = [&u128::MAX.to_le_bytes()[..], &[0]].concat();
        assert_eq!(BigInt(&bytes).to_string(), u128::MAX.to_string());
        assert_eq!(BigInt(&bytes).to_i128(), None);
        assert_eq!(BigInt(&bytes).to_u128(), Some(u128::MAX));
    }

    #[test]
    fn shows_what_is_huge_in_hexadecimal() {
        let mut bytes = vec![0; 3000];
        bytes[2999] = 0x12;
        assert!(BigInt(&bytes).to_string().starts_with("0x12000"));
    }
}
