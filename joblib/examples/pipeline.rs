//! A model search whose steps depend on each other: smooth the images, project them onto their
//! principal components, fit a classifier. 3 × 3 × 4 combinations would be 108 calls; the graph has
//! 48, because combinations that begin alike share their first steps.
//!
//! ```text
//! cargo run --release --example pipeline -- processes
//! ```
//!
//! The argument is any backend, `threads` without one; the table is the same to the byte on all.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to people")]
#![allow(unreachable_pub, reason = "a program, not a library")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Instant;

use joblib::compress::{DecodeOptions, Registry};
use joblib::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

#[path = "grid_search/kernel_ridge.rs"]
#[allow(dead_code, reason = "another example uses the rest")]
mod kernel_ridge;

const PASSES: [usize; 3] = [0, 1, 2];
const COMPONENTS: [usize; 3] = [8, 16, 32];
const GAMMAS: [f64; 4] = [0.03, 0.1, 0.3, 1.0];

/// Images of 8×8 pixels in rows, and the digit each one shows.
#[derive(Serialize, Deserialize)]
struct Digits {
    x: Array2<f64>,
    y: Array1<u8>,
}

fn read(path: String) -> Digits {
    fn read(path: &str) -> Result<Digits, Box<dyn Error>> {
        let source = Box::new(BufReader::new(File::open(path)?));
        let found = Registry::global().decoder_for(source, &DecodeOptions::new())?;
        let (mut pixels, mut y) = (Vec::new(), Vec::new());
        for line in BufReader::new(found.reader).lines() {
            let row = line?.split(',').map(str::parse).collect::<Result<Vec<u8>, _>>()?;
            let (digit, image) = row.split_last().ok_or("an empty line")?;
            pixels.extend(image.iter().map(|&pixel| f64::from(pixel) / 16.0));
            y.push(*digit);
        }
        Ok(Digits { x: Array2::from_shape_vec((y.len(), 64), pixels)?, y: y.into() })
    }
    read(&path).unwrap_or_else(|error| panic!("cannot read `{path}`: {error}"))
}

/// Replaces each pixel by the mean of itself and its neighbours, several times.
fn smooth(digits: &Digits, passes: usize) -> Digits {
    let mut x = digits.x.clone();
    for mut row in x.rows_mut() {
        for _ in 0..passes {
            let image = Array2::from_shape_fn((8, 8), |(i, j)| row[8 * i + j]);
            for (k, pixel) in row.iter_mut().enumerate() {
                let range = |at: usize| at.saturating_sub(1)..(at + 2).min(8);
                let around = image.slice(s![range(k / 8), range(k % 8)]);
                *pixel = around.sum() / around.len() as f64;
            }
        }
    }
    Digits { x, y: digits.y.clone() }
}

/// Keeps the coordinates along the directions in which the images differ most.
fn project(digits: &Digits, components: usize) -> Digits {
    let x = &digits.x - &digits.x.sum_axis(Axis(0)).mapv(|sum| sum / digits.x.nrows() as f64);
    let covariance = x.t().dot(&x);
    let mut axes =
        Array2::from_shape_fn((64, components), |(i, j)| ((i * 31 + j * 17) % 64) as f64);
    for _ in 0..60 {
        axes = orthonormal(covariance.dot(&axes).view());
    }
    Digits { x: x.dot(&axes), y: digits.y.clone() }
}

/// The columns made perpendicular to each other, one after the other, and one long.
fn orthonormal(columns: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut axes = columns.to_owned();
    for j in 0..axes.ncols() {
        for k in 0..j {
            let along = axes.column(j).dot(&axes.column(k));
            let other = axes.column(k).to_owned();
            axes.column_mut(j).scaled_add(-along, &other);
        }
        let length = axes.column(j).dot(&axes.column(j)).sqrt();
        axes.column_mut(j).mapv_inplace(|value| value / length);
    }
    axes
}

/// Fits on four fifths of the images, and says which part of the others is told rightly.
fn score(digits: &Digits, gamma: f64) -> f64 {
    let (test, train): (Vec<_>, Vec<_>) = (0..digits.y.len()).partition(|i| i % 5 == 0);
    let pick = |rows: &[usize]| (digits.x.select(Axis(0), rows), digits.y.select(Axis(0), rows));
    let ((x, y), (test_x, test_y)) = (pick(&train), pick(&test));
    let model = kernel_ridge::fit(&x, &y, gamma, 0.01);
    kernel_ridge::accuracy(&model, &test_x, &test_y)
}

fn main() -> Result<(), Box<dyn Error>> {
    let backend = std::env::args().nth(1).unwrap_or_else(|| "threads".to_owned());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv.gz");
    let digits = delayed!(read(path.to_owned())).node();
    let mut grid = Vec::new();
    let mut scores = Vec::new();
    for passes in PASSES {
        let smoothed = delayed!(smooth(&digits, passes)).node();
        for components in COMPONENTS {
            let projected = delayed!(project(&smoothed, components)).node();
            for gamma in GAMMAS {
                grid.push((passes, components, gamma));
                scores.push(delayed!(score(&projected, gamma)).node());
            }
        }
    }
    let start = Instant::now();
    let accuracies = Parallel::new().n_jobs(-1).backend(backend.as_str()).compute(&scores)?;
    eprintln!(
        "{} combinations in {:.2} s on `{backend}`",
        grid.len(),
        start.elapsed().as_secs_f64()
    );

    println!("passes  components  gamma  accuracy");
    for ((passes, components, gamma), accuracy) in grid.iter().zip(&accuracies) {
        println!("{passes:6}  {components:10}  {gamma:5}    {accuracy:.4}");
    }
    let best = (0..grid.len()).rev().max_by(|&a, &b| accuracies[a].total_cmp(&accuracies[b]));
    println!("best: {:?}", best.map(|best| grid[best]));
    Ok(())
}
