//! What is fed to the digest: a byte string for every value, another for every other value.
//!
//! Each item is a tag, then a content of known length or items up to [`END`]; so no two values
//! share their bytes. Numbers are little-endian and of fixed width. The tags are part of every
//! digest ever stored: they are added to, never changed.

use super::accumulator::Accumulator;
use crate::{Algorithm, Digest};

/// What a primitive, and each element of an array, is: the code of its `DType`, or [`CHAR`].
pub(super) type Kind = u8;

/// Above all codes of element types.
pub(super) const CHAR: Kind = 31;

pub(super) const STR: u8 = 32;
pub(super) const BYTES: u8 = 33;
pub(super) const NONE: u8 = 34;
pub(super) const SOME: u8 = 35;
pub(super) const UNIT: u8 = 36;
pub(super) const UNIT_STRUCT: u8 = 37;
pub(super) const NEWTYPE_STRUCT: u8 = 38;
pub(super) const TUPLE_STRUCT: u8 = 39;
pub(super) const STRUCT: u8 = 40;
pub(super) const UNIT_VARIANT: u8 = 41;
pub(super) const NEWTYPE_VARIANT: u8 = 42;
pub(super) const TUPLE_VARIANT: u8 = 43;
pub(super) const STRUCT_VARIANT: u8 = 44;
pub(super) const TUPLE: u8 = 45;
pub(super) const SEQUENCE: u8 = 46;
pub(super) const SET: u8 = 47;
pub(super) const MAP: u8 = 48;
pub(super) const ARRAY: u8 = 49;
/// Elements of one [`Kind`] in a row: kind, number, digest of their bytes. An array is digested
/// where it lies, and a sequence that comes element by element ends up the same.
pub(super) const RUN: u8 = 50;
pub(super) const ORDER_C: u8 = 51;
pub(super) const ORDER_F: u8 = 52;
pub(super) const END: u8 = 63;

impl Accumulator {
    #[inline]
    pub(super) fn tag(&mut self, tag: u8) {
        self.write(&[tag]);
    }

    #[inline]
    pub(super) fn primitive(&mut self, kind: Kind, bytes: &[u8]) {
        self.tag(kind);
        self.write(bytes);
    }

    /// The digest of something else.
    pub(super) fn digest(&mut self, digest: Digest) {
        let (bytes, length) = digest.to_bytes();
        self.write(&bytes[..length]);
    }

    /// A length and that many bytes.
    pub(super) fn text(&mut self, text: &[u8]) {
        self.write(&(text.len() as u64).to_le_bytes());
        self.write(text);
    }

    /// The bytes of the two primitives, `bytes` each, of a tuple that is all there is here.
    pub(super) fn parts_of_pair(&self, bytes: usize) -> Vec<u8> {
        // The tag of the tuple, then each time the kind and the part.
        let [first, second] = [2, 3 + bytes].map(|start| &self.buffered()[start..start + bytes]);
        [first, second].concat()
    }

    pub(super) fn run(&mut self, kind: Kind, count: u64, digest: Digest) {
        self.write(&[RUN, kind]);
        self.write(&count.to_le_bytes());
        self.digest(digest);
    }
}

/// Elements of one kind, as they come.
pub(super) struct Run {
    kind: Option<Kind>,
    count: u64,
    bytes: Accumulator,
}

impl Run {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { kind: None, count: 0, bytes: Accumulator::new(algorithm) }
    }

    /// Adds an element; one of another kind ends the run and begins the next.
    #[inline]
    pub(super) fn push(&mut self, kind: Kind, bytes: &[u8], out: &mut Accumulator) {
        if self.kind != Some(kind) {
            self.finish(out);
            self.kind = Some(kind);
        }
        self.count += 1;
        self.bytes.write(bytes);
    }

    /// Writes the run, if there is one.
    pub(super) fn finish(&mut self, out: &mut Accumulator) {
        if let Some(kind) = self.kind.take() {
            out.run(kind, std::mem::take(&mut self.count), self.bytes.take_digest());
        }
    }
}
