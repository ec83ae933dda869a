//! What a task costs that does nothing.

use std::hint::black_box;
use std::path::Path;

use joblib_parallel::{Parallel, delayed};
use rayon::prelude::*;

use super::sample::Sample;
use super::scenario::{Area, Scenario, Side, Unit};
use crate::Result;

pub(super) const AREA: Area = Area {
    name: "tasks",
    scenarios,
    measure,
    requirements: "requirements",
    script: "bench_tasks.py",
};

fn scenarios(quick: bool) -> Vec<Scenario> {
    let scenario = |name: &str, tasks: u64, sides: &[Side]| Scenario {
        name: name.to_owned(),
        size: if quick { tasks / 10 } else { tasks },
        unit: Unit::NanosecondsPerTask,
        rounds: if quick { 3 } else { 5 },
        sides: sides.to_vec(),
    };
    vec![
        scenario("tiny tasks, 2 threads", 1_000_000, THREADS),
        scenario("tiny tasks, 2 threads, batches of one", 100_000, THREADS_ONE),
        scenario("tiny tasks, 2 processes", 1_000_000, PROCESSES),
        scenario("tiny tasks, 2 processes, batches of one", 20_000, PROCESSES_ONE),
    ]
}

const THREADS: &[Side] = &[
    Side::ours("ours", "tasks-threads"),
    Side::rust("rayon, par_iter", "tasks-rayon"),
    Side::python("joblib threading", "tasks-threading"),
];

const THREADS_ONE: &[Side] = &[
    Side::ours("ours", "tasks-threads-one"),
    Side::python("joblib threading", "tasks-threading-one"),
];

const PROCESSES: &[Side] =
    &[Side::ours("ours", "tasks-processes"), Side::python("joblib loky", "tasks-loky")];

const PROCESSES_ONE: &[Side] =
    &[Side::ours("ours", "tasks-processes-one"), Side::python("joblib loky", "tasks-loky-one")];

fn measure(operation: &str, _: &Path, size: u64) -> Result<Option<Sample>> {
    let on = |backend: &str| Parallel::new().backend(backend);
    match operation {
        "tasks-threads" => tasks(&on("threads"), size),
        "tasks-threads-one" => tasks(&on("threads").batch_size(1), size),
        "tasks-processes" => tasks(&on("processes"), size),
        "tasks-processes-one" => tasks(&on("processes").batch_size(1), size),
        "tasks-rayon" => rayon(size),
        _ => return Ok(None),
    }
    .map(Some)
}

fn rayon(count: u64) -> Result<Sample> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let run = |count: u64| -> Vec<u64> {
        pool.install(|| (0..count).into_par_iter().map(nothing).collect())
    };
    run(100);
    let (results, sample) = Sample::take(|| run(count));
    assert_eq!(results.len() as u64, count, "not every result");
    Ok(sample)
}

fn tasks(parallel: &Parallel, count: u64) -> Result<Sample> {
    let parallel = parallel.clone().n_jobs(2);
    let run = |count: u64| parallel.run((0..count).map(|n| delayed!(nothing(n))));
    // The workers are there before the clock starts.
    run(100)?;
    let (results, sample) = Sample::take(|| run(count));
    assert_eq!(results?.len() as u64, count, "not every result");
    Ok(sample)
}

fn nothing(n: u64) -> u64 {
    black_box(n)
}
