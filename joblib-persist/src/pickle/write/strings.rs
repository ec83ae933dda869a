//! Short strings that were written lately, to be written once.

/// Remembers the memo's index of short strings: names of fields, keys, categories.
///
/// A table of fixed size in which a new string takes the place of an older one, so that a value
/// of a million different strings costs no memory.
#[derive(Default)]
pub(super) struct Strings {
    /// Empty until the first string.
    slots: Vec<Slot>,
}

#[derive(Clone)]
struct Slot {
    len: u8,
    bytes: [u8; Strings::LONGEST],
    index: u32,
}

/// Where a string is, or could be.
#[derive(Clone, Copy)]
pub(super) struct Place(usize);

impl Strings {
    /// In bytes.
    pub(super) const LONGEST: usize = 43;

    const SLOTS: usize = 1024;

    /// The index of `text`, or the place to [`set`](Self::set) it. At most [`Self::LONGEST`] bytes.
    #[inline]
    pub(super) fn find(&mut self, text: &str) -> Result<u32, Place> {
        let at = (hash(text.as_bytes()) as usize) % Self::SLOTS;
        match self.slots.get(at) {
            Some(slot) if slot.holds(text) => Ok(slot.index),
            _ => Err(Place(at)),
        }
    }

    #[inline]
    pub(super) fn set(&mut self, Place(at): Place, text: &str, index: u32) {
        if self.slots.is_empty() {
            let empty = Slot { len: u8::MAX, bytes: [0; Self::LONGEST], index: 0 };
            self.slots = vec![empty; Self::SLOTS];
        }
        let slot = &mut self.slots[at];
        slot.len = text.len() as u8;
        slot.bytes[..text.len()].copy_from_slice(text.as_bytes());
        slot.index = index;
    }
}

impl Slot {
    #[inline]
    fn holds(&self, text: &str) -> bool {
        usize::from(self.len) == text.len() && self.bytes[..text.len()] == *text.as_bytes()
    }
}

/// Multiplies and folds: the low bits depend on all bytes.
#[inline]
fn hash(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word) * 0xf135_7aea_2e62_a9c5;
        product as u64 ^ (product >> 64) as u64
    };
    let (words, rest) = bytes.as_chunks::<8>();
    let start = bytes.len() as u64 + 1;
    let hash = words.iter().fold(start, |hash, &word| mix(hash, u64::from_le_bytes(word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_set_and_nothing_else() {
        let mut strings = Strings::default();
        let texts: Vec<String> = (0..5_000).map(|n| format!("name {}", n % 1_500)).collect();
        let mut last = std::collections::HashMap::new();
        let mut found = 0;
        for (index, text) in (0u32..).zip(&texts) {
            match strings.find(text) {
                Ok(known) => {
                    assert_eq!(last[text], known);
                    found += 1;
                }
                Err(place) => {
                    strings.set(place, text, index);
                    last.insert(text, index);
                }
            }
        }
        assert!(found > 500, "{found}");
    }

    #[test]
    fn the_empty_string_is_a_string() {
        let mut strings = Strings::default();
        let place = strings.find("").err().unwrap();
        strings.set(place, "", 7);
        assert_eq!(strings.find("").ok(), Some(7));
        assert!(strings.find("\0").is_err());
    }
}
