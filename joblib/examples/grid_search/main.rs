//! A model search as people run it: 24 combinations of a kernel ridge classifier × 5 folds on real
//! handwritten digits, in parallel and cached; the best model goes to a file and is opened again.
//!
//! ```text
//! cargo run --release --example grid_search -- --n-jobs 2 --backend processes
//! ```
//!
//! The table goes to standard output and is the same to the byte whatever the backend, the number
//! of workers and the state of the cache; progress, times and counters go to standard error.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to people")]
#![allow(unreachable_pub, reason = "a program, not a library")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Instant;

use joblib::compress::{DecodeOptions, Registry};
use joblib::prelude::*;
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

mod kernel_ridge;
use kernel_ridge::{KernelRidge, accuracy, predict};

const FOLDS: usize = 5;
const GAMMAS: [f64; 6] = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0];
const ALPHAS: [f64; 4] = [0.001, 0.01, 0.1, 1.0];

static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory::new(folder().join("cache")));

/// Where this example keeps its cache and its model.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/grid_search"))
}

/// Images in rows, pixels scaled to 0..=1, and the digit each one shows.
#[derive(Serialize, Deserialize)]
struct Digits {
    x: Array2<f64>,
    y: Array1<u8>,
}

impl Digits {
    fn read(path: &str) -> Result<Self, Box<dyn Error>> {
        let source = Box::new(BufReader::new(File::open(path)?));
        // The first bytes say that it is gzip.
        let found = Registry::global().decoder_for(source, &DecodeOptions::new())?;
        let mut pixels = Vec::new();
        let mut y = Vec::new();
        for line in BufReader::new(found.reader).lines() {
            let row = line?.split(',').map(str::parse).collect::<Result<Vec<u8>, _>>()?;
            let (digit, image) = row.split_last().ok_or("an empty line")?;
            pixels.extend(image.iter().map(|&p| f64::from(p) / 16.0));
            y.push(*digit);
        }
        Ok(Self { x: Array2::from_shape_vec((y.len(), 64), pixels)?, y: y.into() })
    }

    /// Splits off every fifth image, starting with image `fold`.
    fn split(&self, fold: usize) -> (Self, Self) {
        let (out, kept): (Vec<_>, Vec<_>) = (0..self.y.len()).partition(|i| i % FOLDS == fold);
        let pick = |rows: &[usize]| Self {
            x: self.x.select(Axis(0), rows),
            y: self.y.select(Axis(0), rows),
        };
        (pick(&kept), pick(&out))
    }
}

/// Accuracy on the fold left out. Costs 0.2 s; computed once, then read from the cache.
#[cache(MEMORY, depends(kernel_ridge::fit, kernel_ridge::accuracy))]
fn fold_accuracy(data: &Digits, gamma: f64, alpha: f64, fold: usize) -> f64 {
    let (train, test) = data.split(fold);
    let model = kernel_ridge::fit(&train.x, &train.y, gamma, alpha);
    kernel_ridge::accuracy(&model, &test.x, &test.y)
}

#[cache(MEMORY, depends(kernel_ridge::fit))]
fn fit_best(data: &Digits, gamma: f64, alpha: f64) -> KernelRidge {
    kernel_ridge::fit(&data.x, &data.y, gamma, alpha)
}

fn main() -> ExitCode {
    let Err(error) = search() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

fn search() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    if options.fresh {
        MEMORY.clear()?;
    }
    let digits = Digits::read(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/digits.csv.gz"))?;
    let (data, held_out) = digits.split(FOLDS - 1);

    let grid: Vec<(f64, f64)> =
        GAMMAS.iter().flat_map(|&gamma| ALPHAS.map(|alpha| (gamma, alpha))).collect();
    let means = cross_validate(&data, &grid, &options)?;
    println!("  gamma   alpha  accuracy");
    for ((gamma, alpha), mean) in grid.iter().zip(&means) {
        println!("{gamma:7} {alpha:7}    {mean:.4}");
    }

    // `max_by` gives the last of equals; backwards, that is the first.
    let best = (0..means.len()).rev().max_by(|&a, &b| means[a].total_cmp(&means[b])).unwrap_or(0);
    let (gamma, alpha) = grid[best];
    let model = fit_best(&data, gamma, alpha);
    let right = accuracy(&model, &held_out.x, &held_out.y);
    println!("best: gamma {gamma}, alpha {alpha}");
    println!("accuracy on {} images held out: {right:.4}", held_out.y.len());
    keep(&model, &held_out.x)
}

/// The mean accuracy of each combination: 120 fits, in parallel, those known read from the cache.
fn cross_validate(
    data: &Digits,
    grid: &[(f64, f64)],
    options: &Options,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let fits =
        || grid.iter().flat_map(|&(gamma, alpha)| (0..FOLDS).map(move |f| (gamma, alpha, f)));
    let known = fits().filter(|&(g, a, fold)| fold_accuracy::is_cached(data, g, a, fold)).count();
    let start = Instant::now();
    let parallel = Parallel::new()
        .n_jobs(options.n_jobs)
        .backend(options.backend.as_str())
        .verbose(options.verbose);
    let accuracies = parallel.run(
        fits().map(|(gamma, alpha, fold)| delayed!(fold_accuracy(data, gamma, alpha, fold))),
    )?;
    eprintln!(
        "{} fits in {:.2} s, {known} of them from the cache; {} workers, backend `{}`",
        accuracies.len(),
        start.elapsed().as_secs_f64(),
        parallel.effective_n_jobs()?,
        options.backend,
    );
    Ok(accuracies.chunks(FOLDS).map(|folds| folds.iter().sum::<f64>() / FOLDS as f64).collect())
}

/// Dumps the model compressed and raw, opens both, the raw one in place, and compares.
fn keep(model: &KernelRidge, x: &Array2<f64>) -> Result<(), Box<dyn Error>> {
    let (small, fast) = (folder().join("model.jbl.z"), folder().join("model.jbl"));
    dump(model, &small)?; // zlib, by the extension
    dump(model, &fast)?;
    let kept: KernelRidge = load(&small)?;
    let mapped: KernelRidge = LoadOptions::new().mmap_mode(MmapMode::Read).load(&fast)?;
    let expected = predict(model, x);
    for (path, loaded) in [(&small, kept), (&fast, mapped)] {
        let how = if loaded.centres.is_mapped() { "mapped" } else { "read" };
        let same = if predict(&loaded, x) == expected { "the same" } else { "NOT THE SAME" };
        eprintln!("{}: {} bytes, {how}", path.display(), path.metadata()?.len());
        println!("the model {how} from its file predicts {same}");
    }
    Ok(())
}

/// What the command line asks for.
struct Options {
    backend: String,
    n_jobs: i32,
    verbose: u32,
    fresh: bool,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options =
            Self { backend: "threading".into(), n_jobs: -1, verbose: 5, fresh: false };
        while let Some(flag) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("`{flag}` needs a value"));
            match flag.as_str() {
                "--backend" => options.backend = value()?,
                "--n-jobs" => options.n_jobs = value()?.parse()?,
                "--verbose" => options.verbose = value()?.parse()?,
                "--fresh" => options.fresh = true,
                _ => {
                    return Err(format!(
                        "unknown flag `{flag}` (known: --backend sequential|threading|processes, \
                         --n-jobs N, --verbose N, --fresh)"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }
}
