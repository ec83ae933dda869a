//! The simplest interface to run a loop in parallel, never to compute the same thing twice, and to
//! keep any value with its arrays in one fast file.
//!
//! ```
//! use joblib::prelude::*;
//!
//! let roots = Parallel::new().n_jobs(2).run((0..10).map(|i| delayed!(f64::sqrt(f64::from(i)))))?;
//! assert_eq!(roots[9], 3.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A loop in parallel
//!
//! [`Parallel`] runs tasks made with [`delayed`](fn@delayed) and returns their results in order. Change one
//! word to move the loop: `.backend("sequential")`, `"threads"` (the default) or `"processes"`.
//! Closures may borrow what is around them; what shall reach another process is written as a call,
//! `delayed!(path::function(a, &b))`. Worker processes are this executable started again: nothing
//! has to be added to `main`. A big value that many tasks use goes into a [`Shared`], which reaches
//! each worker once.
//!
//! ```
//! use joblib::prelude::*;
//!
//! let rows = [[1.0, 2.0], [3.0, 4.0]];
//! let sums = Parallel::new().n_jobs(-1).run(rows.iter().map(|row| delayed(|| row[0] + row[1])))?;
//! assert_eq!(sums, [3.0, 7.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Never compute twice
//!
//! [`cache`](macro@cache) keeps the results of a function in a folder. The key is the code of the function and
//! a digest of its arguments, so a changed constant or a changed array computes anew, and a changed
//! comment does not.
//!
//! ```
//! use joblib::prelude::*;
//! use std::sync::LazyLock;
//!
//! static MEMORY: LazyLock<Memory> =
//!     LazyLock::new(|| Memory::new(std::env::temp_dir().join("joblib-doc")));
//!
//! #[cache(MEMORY)]
//! fn sum_of_squares(n: u64) -> u64 {
//!     (1..=n).map(|i| i * i).sum()
//! }
//!
//! # fn main() {
//! assert_eq!(sum_of_squares(3), 14); // computed
//! assert_eq!(sum_of_squares(3), 14); // read
//! assert!(sum_of_squares::is_cached(3));
//! # }
//! ```
//!
//! # Any value with its arrays in one file
//!
//! [`dump`] and [`load`] take anything that serde can derive. Arrays are stored as the raw memory
//! they are, compressed on request, and can be mapped instead of read.
//!
//! ```
//! use joblib::prelude::*;
//! use ndarray::{Array1, Array2};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, PartialEq, Debug)]
//! struct Model {
//!     coefficients: Array2<f64>,
//!     intercept: Array1<f64>,
//!     names: Vec<String>,
//! }
//!
//! let model = Model {
//!     coefficients: Array2::eye(3),
//!     intercept: Array1::zeros(3),
//!     names: vec!["a".into(), "b".into(), "c".into()],
//! };
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("model.jbl"); // `model.jbl.gz` is compressed, by its extension
//! dump(&model, &path)?;
//! assert_eq!(load::<Model>(&path)?, model);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! On by default: `threads`, `processes`, `mmap`, and the compressors `zlib` and `gzip`. The others
//! are `bz2`, `lzma`, `xz`, `lz4`, `zstd`, `blake3` (keys of the cache that nobody can forge), and `cloud` (URLs such as `s3://bucket/key` instead of
//! paths; takes about a hundred crates more). Without default features everything still works, in
//! sequence, without maps and without compression, and also on `wasm32-unknown-unknown`.
//!
//! # Parts
//!
//! This crate only names what the parts do: [`parallel`], [`backends`], [`memory`], [`persist`] and
//! [`compress`] are crates of their own, for those who need just one.

#![forbid(unsafe_code)]

pub use joblib_backends as backends;
pub use joblib_compress as compress;
pub use joblib_memory as memory;
pub use joblib_parallel as parallel;
pub use joblib_persist as persist;

pub mod prelude;

pub use joblib_backends::Shared;
pub use joblib_memory::{Memory, hash};
pub use joblib_memory_macros::{cache_for_facade as cache, code_for_facade as code};
#[cfg(feature = "processes")]
pub use joblib_parallel::Node;
pub use joblib_parallel::{
    Parallel, ParallelConfig, Retries, cpu_count, delayed, effective_n_jobs, fold,
};
pub use joblib_persist::{
    DumpOptions, LoadOptions, MappedArray, MmapMode, dump, dump_to, load, load_from,
};
