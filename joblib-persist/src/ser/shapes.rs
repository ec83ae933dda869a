//! The numbers of the shapes and variants that were defined so far.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

/// What the value has defined so far; nothing, and no memory, for a value without structs and
/// enums.
///
/// Names are told apart by their address: equal addresses are equal names, and a name with two
/// addresses is defined twice.
#[derive(Default)]
pub(super) struct Shapes(Option<Box<Defined>>);

#[derive(Default)]
struct Defined {
    shapes: Numbers<ShapeKey>,
    /// The names of the fields of all shapes, and where those of each are.
    fields: Vec<&'static str>,
    ranges: Vec<Range<usize>>,
    /// The fields so far of the structs being defined, those of inner ones last.
    pending: Vec<&'static str>,
    variants: Numbers<VariantKey>,
}

/// A struct's name and number of announced fields: all that is known before its fields come.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct ShapeKey(Name, usize);

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct VariantKey {
    enumeration: Name,
    index: u32,
    variant: Name,
    kind: u8,
}

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct Name(usize, usize);

impl Name {
    fn of(name: &'static str) -> Self {
        Name(name.as_ptr() as usize, name.len())
    }
}

impl ShapeKey {
    pub(super) fn of(name: &'static str, fields: usize) -> Self {
        ShapeKey(Name::of(name), fields)
    }
}

impl VariantKey {
    pub(super) fn of(
        enumeration: &'static str,
        index: u32,
        variant: &'static str,
        kind: u8,
    ) -> Self {
        VariantKey { enumeration: Name::of(enumeration), index, variant: Name::of(variant), kind }
    }
}

impl Shapes {
    /// The number and the fields (for [`field`](Self::field)) of a shape.
    #[inline]
    pub(super) fn shape(&mut self, key: ShapeKey) -> Option<(u32, Range<usize>)> {
        let defined = self.0.as_mut()?;
        let shape = defined.shapes.get(key)?;
        Some((shape, defined.ranges[shape as usize].clone()))
    }

    #[inline]
    pub(super) fn field(&self, field: usize) -> &'static str {
        self.0.as_ref().and_then(|defined| defined.fields.get(field)).copied().unwrap_or_default()
    }

    /// Begins to define a shape; the result tells it from the ones around it.
    pub(super) fn begin_shape(&mut self) -> usize {
        self.0.get_or_insert_default().pending.len()
    }

    pub(super) fn add_field(&mut self, field: &'static str) {
        self.0.get_or_insert_default().pending.push(field);
    }

    pub(super) fn end_shape(&mut self, key: ShapeKey, begin: usize) {
        let defined = self.0.get_or_insert_default();
        let start = defined.fields.len();
        defined.fields.extend(defined.pending.drain(begin..));
        defined.ranges.push(start..defined.fields.len());
        defined.shapes.push(key);
    }

    #[inline]
    pub(super) fn variant(&mut self, key: VariantKey) -> Option<u32> {
        self.0.as_mut()?.variants.get(key)
    }

    pub(super) fn define_variant(&mut self, key: VariantKey) {
        self.0.get_or_insert_default().variants.push(key);
    }
}

/// Keys in the order of their numbers. A key that is defined again has the greater number.
struct Numbers<K> {
    keys: Vec<K>,
    last: u32,
    /// Made when searching the keys one by one would take longer.
    numbers: HashMap<K, u32, BuildHasherDefault<AddressHasher>>,
}

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Numbers { keys: Vec::new(), last: 0, numbers: HashMap::default() }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Numbers<K> {
    const FEW: usize = 8;

    #[inline]
    fn get(&mut self, key: K) -> Option<u32> {
        if self.keys.get(self.last as usize) != Some(&key) {
            self.last = self.search(key)?;
        }
        Some(self.last)
    }

    fn search(&self, key: K) -> Option<u32> {
        if self.keys.len() <= Self::FEW {
            return self.keys.iter().rposition(|&known| known == key).map(|at| at as u32);
        }
        self.numbers.get(&key).copied()
    }

    fn push(&mut self, key: K) {
        self.keys.push(key);
        let unlisted =
            if self.keys.len() <= Self::FEW { self.keys.len() } else { self.numbers_from() };
        for number in unlisted..self.keys.len() {
            self.numbers.insert(self.keys[number], number as u32);
        }
        self.last = self.keys.len() as u32 - 1;
    }

    fn numbers_from(&self) -> usize {
        if self.numbers.is_empty() { 0 } else { self.keys.len() - 1 }
    }
}

/// Spreads addresses. Nobody outside chooses the keys.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    #[inline]
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0xf135_7aea_2e62_a9c5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keys_keep_their_numbers() {
        let mut numbers = Numbers::default();
        for key in 0..100u32 {
            assert_eq!(numbers.get(key), None);
            numbers.push(key);
            for known in 0..=key {
                assert_eq!(numbers.get(known), Some(known));
            }
        }
        numbers.push(3);
        assert_eq!(numbers.get(4), Some(4));
        assert_eq!(numbers.get(3), Some(100));
    }
}
