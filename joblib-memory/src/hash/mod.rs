//! The digest of a value.

mod accumulator;
mod arguments;
mod compound;
mod encoding;
mod serializer;
mod unordered;

use accumulator::Accumulator;
pub use arguments::Arguments;
use serde::Serialize;
use serializer::Place;

use crate::{Algorithm, Digest, Error, Result};

/// The digest of `value`: what it holds counts, and not how it came here.
///
/// It is the same in every run, on every platform and in every release of this crate; for the
/// same content behind `&`, `&&`, `Box`, `Rc`, `Arc` or `Cow`; for a `Vec`, a slice and a boxed
/// slice; for a `HashMap`, `HashSet` or `BTreeMap` in whatever order it was filled. A name of a
/// struct, of a field or of a variant counts, and so do the types of numbers: `1u8`, `1u16` and
/// `1.0` differ, `(1, 2)` and `vec![1, 2]` too.
///
/// Floating-point numbers count by their bits: `0.0` and `-0.0` differ, and a NaN equals itself.
///
/// Arrays are digested where they lie, at memory speed: element type, shape, order and bytes. A
/// C and a Fortran ordered array of equal elements differ, as they do in joblib. A view with gaps
/// counts as its contiguous copy would, without being copied. (Behind a wrapper that hides it
/// from [recognition](joblib_persist::array), a Fortran ordered array counts as a C ordered one.)
/// An empty sequence has no element type.
///
/// ```
/// let table = vec![("a", 1.5), ("b", 2.5)];
/// let digest = joblib_memory::hash(&table)?;
/// assert_eq!(digest, joblib_memory::hash(table.as_slice())?);
/// assert_eq!(digest.to_string(), "c088ee2cf459162583ac21a1500c02da");
/// # Ok::<(), joblib_memory::Error>(())
/// ```
///
/// Differs from `joblib.hash` in the algorithm (xxh3 instead of md5) and in what it promises:
/// joblib's digests change with the versions of Python and numpy, with whether equal parts of a
/// value are one object, and for a `frozenset` in every run.
///
/// # Errors
///
/// [`Error::Hash`] if the value's own `Serialize` refuses, as a `Path` does that is not Unicode.
pub fn hash<T: Serialize + ?Sized>(value: &T) -> Result<Digest> {
    hash_with(Algorithm::Xxh3, value)
}

/// As [`hash`], by another algorithm: the same promises, and other digests.
///
/// ```
/// use joblib_memory::{Algorithm, hash, hash_with};
///
/// assert_eq!(hash_with(Algorithm::Xxh3, "text")?, hash("text")?);
/// # Ok::<(), joblib_memory::Error>(())
/// ```
///
/// # Errors
///
/// As [`hash`].
pub fn hash_with<T: Serialize + ?Sized>(algorithm: Algorithm, value: &T) -> Result<Digest> {
    let mut out = Accumulator::new(algorithm);
    serializer::feed(value, Place::Value(&mut out)).map_err(Error::hash)?;
    Ok(out.take_digest())
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_128;

    /// Bytes of a digest, as those who know only the algorithm compute it.
    fn raw(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
        match algorithm {
            Algorithm::Xxh3 => xxh3_128(bytes).to_le_bytes().to_vec(),
            #[cfg(feature = "blake3")]
            Algorithm::Blake3 => blake3::hash(bytes).as_bytes().to_vec(),
        }
    }

    fn hashed<T: Serialize>(algorithm: Algorithm, value: &T) -> Vec<u8> {
        let (bytes, length) = hash_with(algorithm, value).unwrap().to_bytes();
        bytes[..length].to_vec()
    }

    /// The encoding by hand.
    #[test]
    fn the_bytes_that_are_digested() {
        for &algorithm in Algorithm::ALL {
            let digest = |bytes: &[u8]| raw(algorithm, bytes);
            let run = |kind: u8, count: u64, elements: &[u8]| {
                [&[50, kind][..], &count.to_le_bytes(), &digest(elements)].concat()
            };
            assert_eq!(hashed(algorithm, &7_u8), digest(&[1, 7]));
            assert_eq!(hashed(algorithm, &("a", -2_i16)), {
                digest(&[45, 32, 1, 0, 0, 0, 0, 0, 0, 0, b'a', 4, 0xfe, 0xff, 63])
            });
            let sequence = [&[46][..], &run(1, 2, &[5, 6]), &[63]].concat();
            assert_eq!(hashed(algorithm, &vec![5_u8, 6]), digest(&sequence));
            let shape = [45, 7, 1, 0, 0, 0, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 0, 0, 0, 63];
            let array = [&[49, 1, 1][..], &shape, &[51], &sequence, &[63]].concat();
            assert_eq!(hashed(algorithm, &ndarray::arr2(&[[5_u8, 6]])), digest(&array));
        }
    }

    /// Entries of a set in the order of their digests, and not their sum: sums can be forged.
    #[cfg(feature = "blake3")]
    #[test]
    fn a_set_is_its_sorted_digests() {
        let set = std::collections::HashSet::from([1_u8, 2, 3]);
        let digest = |bytes: &[u8]| raw(Algorithm::Blake3, bytes);
        let mut entries = [1_u8, 2, 3].map(|entry| digest(&[1, entry]));
        entries.sort();
        let bytes = [&[47][..], &entries.concat(), &3_u64.to_le_bytes()].concat();
        assert_eq!(hashed(Algorithm::Blake3, &set), digest(&bytes));
    }
}
