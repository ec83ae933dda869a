//! The numbers of the shapes and variants that were defined so far.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

type Fields = Vec<&'static str>;

/// What the value has defined so far. Names are told apart by their address: equal addresses
/// are equal names, and a name with two addresses is defined twice.
#[derive(Default)]
pub(super) struct Shapes {
    fields: Vec<Fields>,
    by_name: HashMap<ShapeKey, u32, BuildHasherDefault<AddressHasher>>,
    last_shape: Option<(ShapeKey, u32)>,
    variants: HashMap<VariantKey, u32, BuildHasherDefault<AddressHasher>>,
    last_variant: Option<(VariantKey, u32)>,
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
    #[inline]
    pub(super) fn shape(&mut self, key: ShapeKey) -> Option<u32> {
        match self.last_shape {
            Some((last, shape)) if last == key => Some(shape),
            _ => {
                let shape = *self.by_name.get(&key)?;
                self.last_shape = Some((key, shape));
                Some(shape)
            }
        }
    }

    pub(super) fn define_shape(&mut self, key: ShapeKey, fields: Fields) {
        self.by_name.insert(key, self.fields.len() as u32);
        self.last_shape = None;
        self.fields.push(fields);
    }

    #[inline]
    pub(super) fn fields(&self, shape: u32) -> &[&'static str] {
        &self.fields[shape as usize]
    }

    #[inline]
    pub(super) fn variant(&mut self, key: VariantKey) -> Option<u32> {
        match self.last_variant {
            Some((last, variant)) if last == key => Some(variant),
            _ => {
                let variant = *self.variants.get(&key)?;
                self.last_variant = Some((key, variant));
                Some(variant)
            }
        }
    }

    pub(super) fn define_variant(&mut self, key: VariantKey) {
        let variant = self.variants.len() as u32;
        self.variants.insert(key, variant);
    }
}

/// Spreads addresses. Nobody outside chooses the keys.
#[derive(Default)]
pub(super) struct AddressHasher(u64);

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
