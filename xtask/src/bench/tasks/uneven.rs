//! Tasks that wait: what becomes of batches when times are unequal. After joblib's own
//! `bench_auto_batching.py`.

use std::f64::consts::TAU;
use std::thread;
use std::time::Duration;

use joblib_parallel::delayed;
use ndarray::Array1;

use super::super::sample::Sample;
use super::calls::on;
use crate::Result;

/// Elements of the array that each task gets: 20 MB.
const GIVEN: usize = 2_500_000;
/// Elements of the array that each task gives back: 100 kB.
const BACK: usize = 12_500;

fn task(given: &Array1<f64>, time: Duration) -> Array1<f64> {
    thread::sleep(time);
    Array1::from_elem(BACK, given[0])
}

/// The number `n`, stirred: the same in every run and on every side, from 0 to 1.
fn uniform(n: u64) -> f64 {
    let stirred = n.wrapping_mul(2_654_435_761) % (1 << 32);
    let stirred = (stirred ^ (stirred >> 15)) * 2_246_822_519 % (1 << 32);
    let stirred = stirred ^ (stirred >> 13);
    (stirred as f64 + 0.5) / (1_u64 << 32) as f64
}

/// How long task `n` of `count` waits.
fn seconds(times: &str, n: u64, count: u64) -> f64 {
    match times {
        "noisy" => {
            let normal = (-2.0 * uniform(2 * n).ln()).sqrt() * (TAU * uniform(2 * n + 1)).cos();
            (0.001 + 0.001 * normal).max(0.0)
        }
        "cyclic" => {
            let place = n * 7919 % count;
            0.1 * (TAU * place as f64 / count as f64).cos().powi(8)
        }
        _ => 0.001,
    }
}

pub(super) fn wait(times: &str, backend: &str, count: u64) -> Result<Sample> {
    let given = Array1::from_elem(GIVEN, 1.0);
    let parallel = on(backend, 2);
    parallel.run((0..2).map(|_| delayed!(thread::sleep(Duration::from_millis(50)))))?;
    let time = |n| Duration::from_secs_f64(seconds(times, n, count));
    let (results, sample) = Sample::take(|| {
        parallel.run((0..count).map(|n| {
            let time = time(n);
            delayed!(task(&given, time))
        }))
    });
    assert_eq!(results?.len() as u64, count, "not every result");
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_they_are_said_to_be() {
        let mean =
            |times, count| (0..count).map(|n| seconds(times, n, count)).sum::<f64>() / count as f64;
        assert_eq!(seconds("even", 3, 10), 0.001);
        // Cut off at zero, the mean of the noise is Φ(1) + φ(1), 1.0833.
        let noisy = mean("noisy", 5000);
        assert!((noisy - 0.001_083_3).abs() < 3e-5, "{noisy}");
        let cyclic = mean("cyclic", 300);
        assert!((cyclic - 0.1 * 35.0 / 128.0).abs() < 1e-6, "{cyclic}");
    }
}
