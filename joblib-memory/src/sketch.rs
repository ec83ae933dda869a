//! Small pictures of arrays, from which two arrays can be compared when one of them is gone.
//!
//! A sketch holds some elements as they are, and sums over all elements that cancel out between
//! equal arrays: an invertible Bloom lookup table (Goodrich and Mitzenmacher, 2011) of the pairs of
//! position and value. What is left when one is taken from the other are the elements that differ,
//! and as long as these are few, each of them can be read off, with its old and its new value.

use joblib_persist::array::{Block, DType, Order};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Elements that are held as they are.
const SAMPLES: u64 = 64;

/// Each pair goes into one cell of each row; a few differences can nearly always be read off.
const ROWS: usize = 4;
const CELLS_OF_ROW: usize = 16;

/// Up to so many elements each is a pair; of larger arrays, blocks are.
const MOST_ELEMENTS: u64 = 1 << 17;
const BLOCKS: u64 = 1 << 12;

/// What is noted of an array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sketch {
    dtype: u8,
    shape: Vec<u64>,
    fortran: bool,
    /// Elements of each pair.
    block: u64,
    /// Position, value and check of the pairs in each cell, each combined by exclusive or.
    cells: Vec<u64>,
    samples: Vec<u64>,
}

/// How an array differs from another of its shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// How many elements differ, at least and at most; `None` if that is only known by samples.
    pub(crate) elements: Option<(u64, u64)>,
    /// Of the samples: how many, and how many differ.
    pub(crate) samples: (u64, u64),
    /// Old and new value that are furthest apart, of those that are known.
    pub(crate) largest: Option<(f64, f64)>,
    /// Whether all known differences are as small as rounding errors.
    pub(crate) is_rounding: bool,
}

#[derive(Clone, Copy)]
struct Pair {
    position: u64,
    value: u64,
}

impl Sketch {
    pub(crate) fn of(array: &Block<'_>) -> Self {
        let dtype = array.dtype();
        let mut sketch = Self {
            dtype: dtype.code(),
            shape: array.shape().iter().map(|length| *length as u64).collect(),
            fortran: array.order() == Order::F,
            block: 1,
            cells: Vec::new(),
            samples: Vec::new(),
        };
        let copy;
        let bytes = match array.memory() {
            Some(bytes) => bytes,
            None => {
                copy = gathered(array);
                &copy
            }
        };
        sketch.fill(bytes, dtype.size());
        sketch
    }

    fn fill(&mut self, bytes: &[u8], size: usize) {
        let count = self.count();
        let element = |position: u64| {
            let at = position as usize * size;
            bits(&bytes[at..at + size])
        };
        self.samples = self.sampled().map(element).collect();
        if count <= SAMPLES {
            return;
        }
        self.block = if count <= MOST_ELEMENTS { 1 } else { count.div_ceil(BLOCKS) };
        self.cells = vec![0; 3 * ROWS * CELLS_OF_ROW];
        let values = bytes.chunks(self.block as usize * size);
        let blocks = self.block > 1;
        for (position, chunk) in values.enumerate() {
            let value = if blocks { xxh3_64(chunk) } else { bits(chunk) };
            toggle(&mut self.cells, Pair { position: position as u64, value });
        }
    }

    fn count(&self) -> u64 {
        self.shape.iter().fold(1, |count, length| count.saturating_mul(*length))
    }

    /// The positions of the samples: all, or some spread evenly.
    fn sampled(&self) -> impl Iterator<Item = u64> + use<> {
        let count = self.count();
        let number = count.min(SAMPLES);
        (0..number).map(move |sample| {
            let position = u128::from(sample) * u128::from(count) / u128::from(number.max(1));
            position as u64
        })
    }

    /// Element type, shape and order in words.
    pub(crate) fn describe(&self) -> String {
        let dtype = DType::from_code(self.dtype).map_or("unknown", DType::name);
        let order = if self.fortran { ", Fortran order" } else { "" };
        format!("array of {dtype}, shape {:?}{order}", self.shape)
    }

    /// How `self` differs from the older `old`, which has the same type, shape and order.
    pub(crate) fn difference(&self, old: &Self) -> Option<Difference> {
        if self.describe() != old.describe() || self.samples.len() != old.samples.len() {
            return None;
        }
        let mut changes: Vec<(u64, u64, u64)> = self
            .sampled()
            .zip(old.samples.iter().zip(&self.samples))
            .filter(|(_, (old, new))| old != new)
            .map(|(position, (old, new))| (position, *old, *new))
            .collect();
        let samples = (self.samples.len() as u64, changes.len() as u64);
        let mut elements = None;
        if self.cells.is_empty() {
            elements = Some((samples.1, samples.1));
        } else if let Some(found) = self.changed(old) {
            elements = Some((found.len() as u64, (found.len() as u64).saturating_mul(self.block)));
            if self.block == 1 {
                changes = found;
            }
        }
        let number = |bits| number(bits, self.dtype);
        let values: Vec<(f64, f64)> = changes
            .iter()
            .filter_map(|(_, old, new)| Some((number(*old)?, number(*new)?)))
            .collect();
        let apart = |(old, new): &(f64, f64)| (new - old).abs();
        let largest = values.iter().max_by(|a, b| apart(a).total_cmp(&apart(b))).copied();
        let is_rounding = !values.is_empty() && values.iter().all(|(a, b)| is_rounding(*a, *b));
        Some(Difference { elements, samples, largest, is_rounding })
    }

    /// Position, old and new value of every pair that differs, if they are few enough.
    fn changed(&self, old: &Self) -> Option<Vec<(u64, u64, u64)>> {
        // Whatever a stored sketch claims to be.
        let lengths = [&self.cells, &old.cells].map(Vec::len);
        if lengths != [3 * ROWS * CELLS_OF_ROW; 2] || self.block != old.block {
            return None;
        }
        let cells = self.cells.iter().zip(&old.cells).map(|(new, old)| new ^ old).collect();
        let mut pairs = read_off(cells)?;
        let mut changes = Vec::new();
        pairs.sort_by_key(|pair| pair.position);
        for both in pairs.chunks(2) {
            let [one, other] = both else { return None };
            if one.position != other.position {
                return None;
            }
            let is_new = |pair: &Pair| self.sample_at(pair.position) == Some(pair.value);
            let is_old = |pair: &Pair| old.sample_at(pair.position) == Some(pair.value);
            let swap = is_new(one) || is_old(other);
            let (old, new) = if swap { (other, one) } else { (one, other) };
            changes.push((one.position, old.value, new.value));
        }
        Some(changes)
    }

    /// The value at a position, if it is one of the samples.
    fn sample_at(&self, position: u64) -> Option<u64> {
        let found = self.sampled().position(|sampled| sampled == position)?;
        self.samples.get(found).copied()
    }
}

/// Adds a pair, or takes it away.
fn toggle(cells: &mut [u64], pair: Pair) {
    let check = check(pair);
    for row in 0..ROWS {
        let column = (check >> (16 * row)) as usize % CELLS_OF_ROW;
        let at = 3 * (row * CELLS_OF_ROW + column);
        cells[at] ^= pair.position;
        cells[at + 1] ^= pair.value;
        cells[at + 2] ^= check;
    }
}

/// All pairs in the cells, unless some stay that are nowhere alone.
fn read_off(mut cells: Vec<u64>) -> Option<Vec<Pair>> {
    let mut pairs: Vec<Pair> = Vec::new();
    while let Some(pair) = cells.chunks_exact(3).find_map(lone_pair) {
        pairs.push(pair);
        if pairs.len() > 2 * cells.len() {
            return None;
        }
        toggle(&mut cells, pair);
    }
    cells.iter().all(|cell| *cell == 0).then_some(pairs)
}

/// The pair in a cell that holds no other.
fn lone_pair(cell: &[u64]) -> Option<Pair> {
    let pair = Pair { position: cell[0], value: cell[1] };
    (cell[2] != 0 && cell[2] == check(pair)).then_some(pair)
}

/// Says where a pair goes, and whether a cell holds it alone.
fn check(pair: Pair) -> u64 {
    // The constants and shifts of splitmix64.
    let mut bits = pair.value ^ pair.position.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31) ^ 1
}

/// The elements of an array with gaps.
fn gathered(array: &Block<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(array.byte_len());
    let Ok(()) = array.try_for_each_chunk(|chunk| {
        bytes.extend_from_slice(chunk);
        Ok::<(), std::convert::Infallible>(())
    });
    bytes
}

/// An element as a number of 64 bits: itself, or a digest of a longer one.
fn bits(element: &[u8]) -> u64 {
    if element.len() > 8 {
        return xxh3_64(element);
    }
    let mut bytes = [0; 8];
    bytes[..element.len()].copy_from_slice(element);
    u64::from_le_bytes(bytes)
}

/// The value of an element, of the types that fit.
fn number(bits: u64, dtype: u8) -> Option<f64> {
    Some(match DType::from_code(dtype)? {
        DType::F64 => f64::from_bits(bits),
        DType::F32 => f64::from(f32::from_bits(bits as u32)),
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => bits as f64,
        DType::I8 => f64::from(bits as i8),
        DType::I16 => f64::from(bits as i16),
        DType::I32 => f64::from(bits as i32),
        DType::I64 => bits as i64 as f64,
        _ => return None,
    })
}

/// Whether two numbers are as near to each other as a few operations in another order bring them:
/// a billionth apart, or as near to zero for numbers around one.
pub(crate) fn is_rounding(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use joblib_persist::array::Origin;
    use std::collections::BTreeSet;

    fn sketch(values: &[f64]) -> Sketch {
        Sketch::of(&Origin::of(&values.to_vec()).slice().unwrap())
    }

    /// How an array differs from one with up to eight other elements; `None` if that is not known.
    fn few_differences(round: usize) -> Option<()> {
        let old: Vec<f64> = (0..65 + 17 * round).map(|i| i as f64).collect();
        let changed: BTreeSet<usize> =
            (0..round % 9).map(|change| change * (31 + round) % old.len()).collect();
        let mut new = old.clone();
        for at in &changed {
            new[*at] += 0.25;
        }
        let found = sketch(&new).difference(&sketch(&old)).unwrap();
        let count = changed.len() as u64;
        assert_eq!(found.elements?, (count, count));
        assert!(found.largest.is_none_or(|(old, new)| (new - old).abs() == 0.25));
        assert!(!found.is_rounding);
        Some(())
    }

    /// In two rounds the old element 128 and the new element 256 have the same cell in every row: a
    /// chance of one in `CELLS_OF_ROW` to the power of `ROWS` for any two pairs, which both rounds
    /// have, the values being the same.
    #[test]
    fn few_differences_are_all_found() {
        let missed: Vec<usize> =
            (0..200).filter(|round| few_differences(*round).is_none()).collect();
        assert_eq!(missed, [33, 97]);
        let columns = |position: u64, value: f64| {
            let check = check(Pair { position, value: value.to_bits() });
            [0, 16, 32, 48].map(|shift| (check >> shift) % CELLS_OF_ROW as u64)
        };
        assert_eq!(columns(128, 128.0), columns(256, 256.25));
    }

    /// Two pairs that share all their cells are what makes reading off fail; that three and more do,
    /// each in other company, is much rarer as long as the cells are not full.
    #[test]
    fn reading_off_fails_as_seldom_as_chance_has_it() {
        const TRIALS: u64 = 10_000;
        let mut seed = 0;
        let mut random = || {
            seed += 1;
            check(Pair { position: seed, value: 0 })
        };
        for differences in [1_u64, 2, 4, 8] {
            let pairs = 2 * differences;
            let failed = (0..TRIALS).filter(|_| {
                let mut cells = vec![0; 3 * ROWS * CELLS_OF_ROW];
                for _ in 0..pairs {
                    toggle(&mut cells, Pair { position: random() >> 40, value: random() });
                }
                read_off(cells).is_none_or(|found| found.len() as u64 != pairs)
            });
            let two_of_them = (pairs * (pairs - 1) / 2) as f64;
            let expected = TRIALS as f64 * two_of_them / CELLS_OF_ROW.pow(ROWS as u32) as f64;
            // Four standard deviations of rare events, and the rarer ways to fail.
            let most = expected + 4.0 * expected.sqrt() + 1.0;
            let failed = failed.count() as f64;
            assert!(failed <= most, "{differences} differences: {failed} failures, not {most}");
        }
    }

    #[test]
    fn rounding_everywhere_is_seen_in_samples() {
        let old: Vec<f64> = (1..100_000).map(f64::from).collect();
        let new: Vec<f64> = old.iter().map(|x| x * (1.0 + 1e-15)).collect();
        let found = sketch(&new).difference(&sketch(&old)).unwrap();
        assert_eq!(found.elements, None);
        assert!(found.samples.1 > 60 && found.is_rounding, "{found:?}");
    }

    #[test]
    fn large_arrays_differ_in_blocks() {
        let old = vec![1.0; 300_000];
        let mut new = old.clone();
        new[5] = 2.0;
        new[200_000] = 2.0;
        let found = sketch(&new).difference(&sketch(&old)).unwrap();
        assert_eq!(found.elements, Some((2, 2 * 300_000_u64.div_ceil(BLOCKS))));
        assert_eq!(sketch(&old).difference(&sketch(&old[1..])), None);
    }

    #[test]
    fn sketches_that_nobody_made_are_not_compared() {
        let whole = sketch(&[1.0; 100]);
        let mut short = sketch(&[2.0; 100]);
        short.cells.truncate(3);
        assert_eq!(short.difference(&short.clone()).unwrap().elements, None);
        assert_eq!(whole.difference(&short).unwrap().elements, None);
        let mut huge = whole.clone();
        huge.shape = vec![u64::MAX, u64::MAX];
        huge.block = u64::MAX;
        let other = Sketch { cells: sketch(&[3.0; 100]).cells, ..huge.clone() };
        huge.difference(&other).unwrap();
    }

    #[test]
    fn small_arrays_are_held_whole() {
        let found = sketch(&[1.0, 2.0, 3.0]).difference(&sketch(&[1.0, 5.0, 3.0])).unwrap();
        assert_eq!((found.elements, found.largest), (Some((1, 1)), Some((5.0, 2.0))));
        assert_eq!(sketch(&[]).difference(&sketch(&[])).unwrap().elements, Some((0, 0)));
    }
}
