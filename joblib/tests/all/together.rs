//! The two lines that combine the parts: a loop over a cached function, and its result in a file.

use std::path::Path;
use std::sync::LazyLock;

use joblib::prelude::*;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// Workers are this program started again, so that they use the same folder.
static MEMORY: LazyLock<Memory> =
    LazyLock::new(|| Memory::new(Path::new(env!("CARGO_TARGET_TMPDIR")).join("together")));

/// No compression, and the compressors of this build.
fn extensions() -> Vec<String> {
    let registry = joblib::compress::Registry::builtin();
    let known = registry.iter().map(|compressor| compressor.extensions()[0].to_owned());
    std::iter::once(String::new()).chain(known).collect()
}

/// The backends of this build that need nothing but this machine.
fn backends() -> Vec<String> {
    let local = |name: &String| ["sequential", "threads", "processes"].contains(&name.as_str());
    joblib::backends::backend_names().into_iter().filter(local).collect()
}

#[cache(MEMORY, ignore(verbose))]
fn weighted(x: &Array2<f64>, weight: f64, verbose: bool) -> Array1<f64> {
    let _ = verbose;
    x.sum_axis(ndarray::Axis(1)) * weight
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Model {
    coefficients: Array2<f64>,
    names: Vec<String>,
    rows: Vec<Array1<f64>>,
}

fn expected(x: &Array2<f64>) -> Vec<Array1<f64>> {
    (0..8).map(|i| x.sum_axis(ndarray::Axis(1)) * f64::from(i)).collect()
}

#[test]
fn a_cached_function_gives_the_same_on_every_backend() {
    let x = Array2::from_shape_fn((30, 4), |(i, j)| (i * j) as f64);
    weighted::clear().unwrap();
    for backend in backends() {
        for _ in 0..2 {
            let rows = Parallel::new()
                .n_jobs(2)
                .backend(backend.as_str())
                .run((0..8).map(|i| delayed!(weighted(&x, f64::from(i), false))))
                .unwrap();
            assert_eq!(rows, expected(&x), "{backend}");
        }
    }
    assert!((0..8).all(|i| weighted::is_cached(&x, f64::from(i), true)));
}

#[cache(MEMORY, ignore(count))]
fn counted(x: u32, count: &Path) -> u32 {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(count).unwrap();
    file.write_all(b"x").unwrap();
    x + 1
}

#[test]
fn what_many_tasks_want_is_computed_once() {
    let folder = tempfile::tempdir().unwrap();
    for backend in backends() {
        counted::clear().unwrap();
        let count = folder.path().join(&backend);
        let results = Parallel::new()
            .n_jobs(2)
            .batch_size(1)
            .backend(backend.as_str())
            .run((0..40).map(|i| delayed!(counted(i / 8, &count))))
            .unwrap();
        assert_eq!(results, (0..40).map(|i| i / 8 + 1).collect::<Vec<_>>(), "{backend}");
        assert_eq!(std::fs::read(&count).unwrap().len(), 5, "{backend}");
    }
}

#[test]
fn what_one_loop_made_another_program_part_reads() {
    let x = Array2::from_shape_fn((5, 4), |(i, j)| (i + j) as f64);
    let rows = expected(&x);
    let model = Model { coefficients: x, names: vec!["a".into(), "ü".into()], rows };
    let folder = tempfile::tempdir().unwrap();
    for extension in extensions() {
        let name = format!("model.jbl{extension}");
        let path = folder.path().join(&name);
        dump(&model, &path).unwrap();
        let loaded = Parallel::new()
            .n_jobs(2)
            .run((0..4).map(|_| delayed(|| load::<Model>(&path).unwrap())))
            .unwrap();
        assert!(loaded.iter().all(|other| *other == model), "{name}");
    }
}

#[cfg(all(feature = "processes", target_os = "linux"))]
#[test]
fn a_region_is_moved_by_one_word() {
    fn where_am_i() -> u32 {
        std::process::id()
    }
    let run = || Parallel::new().run((0..4).map(|_| delayed!(where_am_i()))).unwrap();
    let here = std::process::id();
    assert!(run().iter().all(|id| *id == here));
    let there = ParallelConfig::new().backend("processes").n_jobs(2).scope(run);
    assert!(there.iter().all(|id| *id != here));
}
