//! Models that scikit-learn fitted, opened without Python and asked on all cores:
//! `cargo run --release --example serve_sklearn`.
//!
//! `fit.py` wrote the models and what Python predicts with them; the answers here are compared with
//! those. Another folder that it wrote to is taken as an argument.

#![allow(clippy::print_stdout, reason = "that is how an example talks")]

mod models;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use joblib::prelude::*;
use ndarray::{Array1, Array2, Axis};
use serde::Deserialize;

use models::Model;

/// What Python predicts: the digit that is most likely, and how likely each digit is.
#[derive(Deserialize)]
struct Expected {
    digits: Array1<i64>,
    probabilities: Array2<f64>,
}

/// The images, and the answers of the models by name.
#[derive(Deserialize)]
struct Answers {
    images: Array2<f64>,
    logistic: Expected,
    pipeline: Expected,
    forest: Expected,
}

/// Images that one task answers for.
const BATCH: usize = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/sklearn");
    serve(&std::env::args_os().nth(1).map_or_else(|| beside.into(), PathBuf::from))
}

/// Opens the models in a folder and compares what they say with what they said in Python.
pub(crate) fn serve(folder: &Path) -> Result<(), Box<dyn Error>> {
    let answers: Answers = load(folder.join("expected.joblib.gz"))?;
    let images = &answers.images;
    for (name, expected) in [
        ("logistic", &answers.logistic),
        ("pipeline", &answers.pipeline),
        ("forest", &answers.forest),
    ] {
        // One line opens a model; nothing in the file is run.
        let model: Model = load(folder.join(format!("{name}.joblib.gz")))?;

        let start = Instant::now();
        let batches: Vec<_> = images.axis_chunks_iter(Axis(0), BATCH).collect();
        let parts = Parallel::new()
            .n_jobs(-1)
            .run(batches.iter().map(|batch| delayed(|| model.probabilities(batch))))?;
        let took = start.elapsed();
        let parts: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let probabilities = ndarray::concatenate(Axis(0), &parts)?;

        let off =
            (&probabilities - &expected.probabilities).fold(0.0, |most: f64, d| most.max(d.abs()));
        let digits = model.most_likely(&probabilities);
        let same = digits.iter().zip(&expected.digits).filter(|(a, b)| a == b).count();
        println!(
            "{name:<9} {same} of {} digits as in Python, probabilities within {off:.0e}, in {took:.1?}",
            images.nrows()
        );
        if same != images.nrows() || off > 1e-12 {
            return Err(format!("{name} says something else than in Python").into());
        }
    }
    Ok(())
}
