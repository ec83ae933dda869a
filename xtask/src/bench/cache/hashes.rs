//! The digest of an argument, and of the same bytes by the hash alone.

use std::hint::black_box;

use joblib_memory::hash;
use ndarray::Array1;
use twox_hash::XxHash3_128;

use super::super::files::touch_memory;
use super::super::sample::Sample;
use crate::Result;

/// A digest of an array of `size` bytes, or `size` digests of three small arguments.
pub(super) fn measure(words: &[&str], size: u64) -> Result<Option<Sample>> {
    let (done, sample) = match words {
        ["array"] => {
            let array = array(size)?;
            Sample::take(|| hash(black_box(&array)).map(black_box).map(drop))
        }
        ["array", "raw"] => {
            let array = array(size)?;
            let (_, sample) = Sample::take(|| {
                black_box(XxHash3_128::oneshot(black_box(array.as_slice().unwrap_or_default())))
            });
            (Ok(()), sample)
        }
        ["small"] => Sample::take(|| {
            (0..size).try_for_each(|i| hash(&(i, "ridge", 0.5)).map(black_box).map(drop))
        }),
        _ => return Ok(None),
    };
    done?;
    Ok(Some(sample))
}

fn array(bytes: u64) -> Result<Array1<u8>> {
    touch_memory(bytes);
    let len = usize::try_from(bytes)?;
    Ok(Array1::from_iter((0..len).map(|i| (i % 251) as u8)))
}
