//! Sets and maps, whose entries count in whatever order they come.

use serde::Serialize;
use serde::ser::SerializeMap;

use super::accumulator::Accumulator;
use super::serializer::{Place, Result, Stop, feed};
use crate::Algorithm;
#[cfg(feature = "blake3")]
use crate::Digest;

/// The entries of a set or map: each has a digest, and so have all of them, and their number.
pub(super) struct Unordered<'h> {
    out: &'h mut Accumulator,
    entry: Accumulator,
    entries: Entries,
    count: u64,
}

/// The digests of entries, put together so that their order does not count.
enum Entries {
    /// Their sum.
    Sum(u128),
    /// All of them, to be sorted: entries with a given sum can be found, however good their digests.
    #[cfg(feature = "blake3")]
    All(Vec<Digest>),
}

impl<'h> Unordered<'h> {
    pub(super) fn new(out: &'h mut Accumulator) -> Self {
        let algorithm = out.algorithm();
        let entries = match algorithm {
            Algorithm::Xxh3 => Entries::Sum(0),
            #[cfg(feature = "blake3")]
            Algorithm::Blake3 => Entries::All(Vec::new()),
        };
        Self { out, entry: Accumulator::new(algorithm), entries, count: 0 }
    }

    /// An entry of one part.
    pub(super) fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        feed(value, Place::Value(&mut self.entry))?;
        let digest = self.entry.take_digest();
        match &mut self.entries {
            Entries::Sum(sum) => *sum = sum.wrapping_add(digest.as_u128()),
            #[cfg(feature = "blake3")]
            Entries::All(digests) => digests.push(digest),
        }
        self.count += 1;
        Ok(())
    }

    pub(super) fn finish(self) {
        match self.entries {
            Entries::Sum(sum) => self.out.write(&sum.to_le_bytes()),
            #[cfg(feature = "blake3")]
            Entries::All(mut digests) => {
                digests.sort_unstable();
                digests.into_iter().for_each(|digest| self.out.digest(digest));
            }
        }
        self.out.write(&self.count.to_le_bytes());
    }
}

impl SerializeMap for Unordered<'_> {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        feed(key, Place::Value(&mut self.entry))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.add(value)
    }

    fn end(self) -> Result {
        self.finish();
        Ok(())
    }
}
