//! The numbers of the shapes and variants that were defined so far.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::thread::LocalKey;

use crate::format::VariantKind;
use crate::recycled::{Recycle, Recycled};

/// What the value has defined so far; nothing, and no memory, for a value without structs and
/// enums.
///
/// Names are told apart by their address: equal addresses are equal names, and a name with two
/// addresses is defined twice.
pub(super) struct Shapes {
    /// The shape that was asked for last: most structs come in rows.
    last: Option<(ShapeKey, Shape)>,
    defined: Recycled<Defined>,
}

/// A shape: its number, and where its fields are, for [`Shapes::field`].
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) number: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

#[derive(Default)]
struct Defined {
    /// The names of the fields of all shapes.
    fields: Vec<&'static str>,
    numbers: Numbers<ShapeKey>,
    shapes: Vec<Shape>,
    /// The fields so far of the structs being defined, those of inner ones last.
    pending: Vec<&'static str>,
    variants: Numbers<VariantKey>,
}

thread_local! {
    static SHELF: Cell<Option<Box<Defined>>> = const { Cell::new(None) };
}

impl Recycle for Defined {
    fn shelf() -> &'static LocalKey<Cell<Option<Box<Self>>>> {
        &SHELF
    }

    fn clear(&mut self) -> bool {
        self.fields.clear();
        self.numbers.clear();
        self.shapes.clear();
        self.pending.clear();
        self.variants.clear();
        self.fields.capacity() <= 1024 && self.variants.keys.capacity() <= 1024
    }
}

/// A struct's name and number of announced fields: all that is known before its fields come.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct ShapeKey(Name, usize);

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct VariantKey {
    enumeration: Name,
    index: u32,
    variant: Name,
    kind: VariantKind,
}

#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct Name(usize, usize);

impl Name {
    #[inline]
    fn of(name: &'static str) -> Self {
        Name(name.as_ptr() as usize, name.len())
    }
}

impl ShapeKey {
    #[inline]
    pub(super) fn of(name: &'static str, fields: usize) -> Self {
        ShapeKey(Name::of(name), fields)
    }
}

impl VariantKey {
    #[inline]
    pub(super) fn of(
        enumeration: &'static str,
        index: u32,
        variant: &'static str,
        kind: VariantKind,
    ) -> Self {
        VariantKey { enumeration: Name::of(enumeration), index, variant: Name::of(variant), kind }
    }
}

impl Shapes {
    #[inline]
    pub(super) fn new() -> Self {
        Shapes { last: None, defined: Recycled::new() }
    }

    #[inline]
    pub(super) fn shape(&mut self, key: ShapeKey) -> Option<Shape> {
        match self.last {
            Some((last, shape)) if last == key => Some(shape),
            _ => self.search(key),
        }
    }

    fn search(&mut self, key: ShapeKey) -> Option<Shape> {
        let defined = self.defined.as_mut()?;
        let shape = defined.shapes[defined.numbers.get(key)? as usize];
        self.last = Some((key, shape));
        Some(shape)
    }

    #[inline]
    pub(super) fn field(&self, field: u32) -> &'static str {
        let fields = self.defined.as_ref().map(|defined| &defined.fields);
        fields.and_then(|fields| fields.get(field as usize)).copied().unwrap_or_default()
    }

    /// Begins to define a shape; the result tells it from the ones around it.
    pub(super) fn begin_shape(&mut self) -> usize {
        self.defined.get_or_make().pending.len()
    }

    pub(super) fn add_field(&mut self, field: &'static str) {
        self.defined.get_or_make().pending.push(field);
    }

    pub(super) fn end_shape(&mut self, key: ShapeKey, begin: usize) {
        let defined = self.defined.get_or_make();
        let (number, start) = (defined.shapes.len() as u32, defined.fields.len() as u32);
        defined.fields.extend(defined.pending.drain(begin..));
        let shape = Shape { number, start, end: defined.fields.len() as u32 };
        defined.shapes.push(shape);
        defined.numbers.push(key);
        self.last = Some((key, shape));
    }

    #[inline]
    pub(super) fn variant(&mut self, key: VariantKey) -> Option<u32> {
        self.defined.as_mut()?.variants.get(key)
    }

    pub(super) fn define_variant(&mut self, key: VariantKey) {
        self.defined.get_or_make().variants.push(key);
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

    fn clear(&mut self) {
        self.keys.clear();
        self.last = 0;
        self.numbers.clear();
    }

    fn search(&self, key: K) -> Option<u32> {
        if self.keys.len() <= Self::FEW {
            return self.keys.iter().rposition(|&known| known == key).map(|at| at as u32);
        }
        self.numbers.get(&key).copied()
    }

    fn push(&mut self, key: K) {
        self.last = self.keys.len() as u32;
        self.keys.push(key);
        if self.keys.len() > Self::FEW {
            let listed = if self.numbers.is_empty() { 0 } else { self.last };
            let unlisted = listed..=self.last;
            self.numbers.extend(unlisted.map(|number| (self.keys[number as usize], number)));
        }
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
