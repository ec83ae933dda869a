//! Many symmetric matrices, decomposed by the method of Jacobi:
//! `cargo run --release --example decompose`.
//!
//! The matrices are made in the tasks from small ones, so that what travels is small; the largest
//! eigenvalue of each comes back.

#![allow(clippy::print_stdout, reason = "that is how an example talks")]

#[path = "support/speedup.rs"]
mod speedup;

use std::error::Error;
use std::hint::black_box;

use joblib::prelude::*;
use ndarray::Array2;

const MATRICES: usize = 48;
const SIZE: usize = 90;

/// The covariance of waves that `seed` tells apart.
fn covariance(seed: usize) -> Array2<f64> {
    let waves = Array2::from_shape_fn((2 * SIZE, SIZE), |(time, channel)| {
        let phase = (seed + 1) as f64 * 0.37 + (channel * channel) as f64 * 0.011;
        (time as f64 * (0.05 + channel as f64 * 0.013) + phase).sin()
    });
    waves.t().dot(&waves) / (2 * SIZE) as f64
}

/// The eigenvalues of a symmetric matrix, in descending order: rotates until nothing is left beside
/// the diagonal.
fn eigenvalues(mut a: Array2<f64>) -> Vec<f64> {
    let n = a.nrows();
    let beside = |a: &Array2<f64>| -> f64 {
        a.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, x)| x * x).sum()
    };
    while beside(&a) > 1e-18 {
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, p, q);
            }
        }
    }
    let mut values = a.diag().to_vec();
    values.sort_by(|left, right| right.total_cmp(left));
    values
}

/// Makes `a[p, q]` zero.
fn rotate(a: &mut Array2<f64>, p: usize, q: usize) {
    if a[(p, q)].abs() < 1e-15 {
        return;
    }
    let theta = (a[(q, q)] - a[(p, p)]) / (2.0 * a[(p, q)]);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for k in 0..a.nrows() {
        let (x, y) = (a[(k, p)], a[(k, q)]);
        a[(k, p)] = cosine * x - sine * y;
        a[(k, q)] = sine * x + cosine * y;
    }
    for k in 0..a.nrows() {
        let (x, y) = (a[(p, k)], a[(q, k)]);
        a[(p, k)] = cosine * x - sine * y;
        a[(q, k)] = sine * x + cosine * y;
    }
}

// Not inlined: the same machine code is compared wherever it runs.
#[inline(never)]
fn largest(seed: usize) -> f64 {
    let matrix = covariance(seed);
    let trace = matrix.diag().sum();
    let values = eigenvalues(matrix);
    assert!((values.iter().sum::<f64>() - trace).abs() < 1e-8, "the trace is kept");
    values[0]
}

fn main() -> Result<(), Box<dyn Error>> {
    let alone = |seed| {
        black_box(largest(seed));
    };
    let values = speedup::compare(MATRICES, alone, |parallel| {
        parallel.run((0..MATRICES).map(|seed| delayed!(largest(seed))))
    })?;
    println!("the largest eigenvalue of the first matrix: {:.6}", values[0]);
    Ok(())
}
