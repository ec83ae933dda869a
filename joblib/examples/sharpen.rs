//! Images, made less noisy by the median of each neighbourhood and then sharpened:
//! `cargo run --release --example sharpen`.
//!
//! The images are handwritten digits, tiled to posters. A poster travels to a worker process by reference,
//! as the memory it is, and the sharpened one comes back.

#![allow(clippy::print_stdout, reason = "that is how an example talks")]

#[path = "support/speedup.rs"]
mod speedup;

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;

use joblib::compress::{DecodeOptions, Registry};
use joblib::prelude::*;
use ndarray::Array2;

const POSTERS: usize = 64;
const SIZE: usize = 160;

/// A poster of digits, each pixel of 8 by 8 four wide, and with noise that depends on `seed`.
fn poster(digits: &[Vec<f32>], seed: usize) -> Array2<f32> {
    Array2::from_shape_fn((SIZE, SIZE), |(y, x)| {
        let digit = &digits[(seed + y / 32 * (SIZE / 32) + x / 32) % digits.len()];
        let noise = ((y * 31 + x * 17 + seed * 7) % 97) as f32 / 97.0 - 0.5;
        digit[y / 4 % 8 * 8 + x / 4 % 8] + 4.0 * noise
    })
}

/// The median of the 7 × 7 pixels around each, and the difference to the mean twice on top.
// Not inlined: the same machine code is compared wherever it runs.
#[inline(never)]
fn sharpen(image: &Array2<f32>) -> Array2<f32> {
    let (height, width) = image.dim();
    let around = |y: usize, x: usize| {
        let rows = y.saturating_sub(3)..(y + 4).min(height);
        rows.flat_map(move |row| {
            (x.saturating_sub(3)..(x + 4).min(width)).map(move |column| image[(row, column)])
        })
    };
    Array2::from_shape_fn(image.dim(), |(y, x)| {
        // No vector: threads that allocate for each pixel wait for each other.
        let mut room = [0.0; 49];
        let pixels = &mut room[..around(y, x).count()];
        pixels.iter_mut().zip(around(y, x)).for_each(|(place, pixel)| *place = pixel);
        let mean = pixels.iter().sum::<f32>() / pixels.len() as f32;
        let middle = pixels.len() / 2;
        let (_, median, _) = pixels.select_nth_unstable_by(middle, f32::total_cmp);
        (*median + 2.0 * (*median - mean)).clamp(0.0, 16.0)
    })
}

/// The digits of the data set that lies beside the examples: 64 pixels from 0 to 16 in each row.
fn digits() -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv.gz");
    let source = Box::new(BufReader::new(File::open(path)?));
    // The first bytes say that it is gzip.
    let found = Registry::global().decoder_for(source, &DecodeOptions::new())?;
    let text = std::io::read_to_string(found.reader)?;
    let pixels = |line: &str| line.split(',').take(64).map(str::parse).collect();
    Ok(text.lines().map(pixels).collect::<Result<_, std::num::ParseFloatError>>()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let digits = digits()?;
    let posters: Vec<_> = (0..POSTERS).map(|seed| poster(&digits, seed)).collect();
    let alone = |seed: usize| {
        black_box(sharpen(&posters[seed]));
    };
    let sharpened = speedup::compare(POSTERS, alone, |parallel| {
        parallel.run(posters.iter().map(|poster| delayed!(sharpen(poster))))
    })?;
    println!("sharpened {} posters of {SIZE} × {SIZE} pixels", sharpened.len());
    Ok(())
}
