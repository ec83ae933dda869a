//! Kernel ridge regression, used as a classifier.
//!
//! `#[code]` makes the code of a function known to whoever caches what it computes: a change in
//! here makes the results of `main.rs` stale, and a changed comment does not.

use joblib::prelude::*;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Ix2, s};
use serde::{Deserialize, Serialize};

const CLASSES: usize = 10;

/// Ridge regression on one target per class in the space of the Gaussian kernel; the largest wins.
#[derive(Serialize, Deserialize)]
pub struct KernelRidge {
    gamma: f64,
    pub centres: MappedArray<f64, Ix2>,
    weights: MappedArray<f64, Ix2>,
}

#[code(depends(gaussian, solve))]
pub fn fit(x: &Array2<f64>, y: &Array1<u8>, gamma: f64, alpha: f64) -> KernelRidge {
    let mut kernel = gaussian(x.view(), x.view(), gamma);
    kernel.diag_mut().mapv_inplace(|v| v + alpha);
    let targets = Array2::from_shape_fn((y.len(), CLASSES), |(i, class)| {
        if usize::from(y[i]) == class { 1.0 } else { -1.0 }
    });
    let weights = solve(kernel, targets);
    KernelRidge { gamma, centres: x.clone().into(), weights: weights.into() }
}

#[code(depends(gaussian))]
pub fn predict(model: &KernelRidge, x: &Array2<f64>) -> Array1<u8> {
    let kernel = gaussian(x.view(), model.centres.view(), model.gamma);
    let largest = |scores: ArrayView1<f64>| {
        let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(0, |(class, _)| class as u8)
    };
    kernel.dot(&model.weights.view()).map_axis(Axis(1), largest)
}

#[code(depends(predict))]
pub fn accuracy(model: &KernelRidge, x: &Array2<f64>, y: &Array1<u8>) -> f64 {
    let right = predict(model, x).iter().zip(y).filter(|(predicted, y)| predicted == y).count();
    right as f64 / y.len() as f64
}

/// `exp(-gamma |a - b|²)` of each row of `a` with each row of `b`.
#[code]
fn gaussian(a: ArrayView2<f64>, b: ArrayView2<f64>, gamma: f64) -> Array2<f64> {
    let squares = |m: &ArrayView2<f64>| m.map_axis(Axis(1), |row| row.dot(&row));
    let (a_squares, b_squares) = (squares(&a), squares(&b));
    let mut kernel = a.dot(&b.t());
    for (mut row, a_square) in kernel.rows_mut().into_iter().zip(&a_squares) {
        for (value, b_square) in row.iter_mut().zip(&b_squares) {
            *value = (-gamma * (a_square + b_square - 2.0 * *value)).exp();
        }
    }
    kernel
}

/// Solves `a x = b` for a symmetric positive definite `a`, by its Cholesky factor.
#[code]
fn solve(mut a: Array2<f64>, mut b: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    for i in 0..n {
        for j in 0..=i {
            let rest = a[[i, j]] - a.slice(s![i, ..j]).dot(&a.slice(s![j, ..j]));
            a[[i, j]] = if i == j { rest.sqrt() } else { rest / a[[j, j]] };
        }
    }
    for i in 0..n {
        let (done, mut rest) = b.view_mut().split_at(Axis(0), i);
        let mut row = rest.row_mut(0);
        row -= &a.slice(s![i, ..i]).dot(&done);
        row /= a[[i, i]];
    }
    for i in (0..n).rev() {
        let (mut rest, done) = b.view_mut().split_at(Axis(0), i + 1);
        let mut row = rest.row_mut(i);
        row -= &a.slice(s![i + 1.., i]).dot(&done);
        row /= a[[i, i]];
    }
    b
}
