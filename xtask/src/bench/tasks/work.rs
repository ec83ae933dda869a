//! Tasks that compute: darts thrown at a quarter circle.

use joblib_parallel::delayed;

use super::super::sample::Sample;
use super::calls::on;
use crate::Result;

/// Some milliseconds of work in registers alone.
const DARTS: u64 = 4_000_000;

/// How many of the darts hit. The stream of numbers is a counter, well stirred (SplitMix64).
pub(super) fn hits(seed: u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..DARTS).filter(|_| uniform().powi(2) + uniform().powi(2) < 1.0).count() as u64
}

pub(super) fn run(backend: &str, n_jobs: i32, tasks: u64) -> Result<Sample> {
    let parallel = on(backend, n_jobs);
    let run = |tasks: u64| parallel.run((0..tasks).map(|seed| delayed!(hits(seed))));
    run(2)?;
    let (results, sample) = Sample::take(|| run(tasks));
    assert!(results?.iter().all(|hits| *hits > 0), "nothing was done");
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quarters_of_the_darts_hit() {
        let share = hits(1) as f64 / DARTS as f64;
        assert!((share - std::f64::consts::FRAC_PI_4).abs() < 0.001, "{share}");
    }
}
