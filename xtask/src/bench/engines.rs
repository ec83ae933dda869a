//! What a task costs on engines, and a node of a graph on threads.

mod graph;
mod traffic;

use std::path::Path;

use super::sample::Sample;
use super::scenario::{Area, Scenario, Side, Unit};
use crate::Result;

pub(super) const AREA: Area = Area {
    name: "engines",
    scenarios,
    measure,
    requirements: "requirements-engines-bench",
    script: "bench_engines.py",
};

fn scenarios(quick: bool) -> Vec<Scenario> {
    let mut all = graphs(quick);
    for engine in ["dask", "ipyparallel", "ray"] {
        all.extend(tasks(engine, quick));
    }
    all
}

fn measure(operation: &str, _: &Path, size: u64) -> Result<Option<Sample>> {
    match operation.split(':').collect::<Vec<_>>()[..] {
        ["tree"] => graph::tree(size).map(Some),
        ["chain"] => graph::chain(size).map(Some),
        ["tiny"] => traffic::tiny(None, size).map(Some),
        ["tiny", batch] => traffic::tiny(Some(batch.parse()?), size).map(Some),
        ["warm"] => traffic::warm(size).map(Some),
        ["give", form] => traffic::give(form, size).map(Some),
        _ => Ok(None),
    }
}

/// Nodes that do nothing.
fn graphs(quick: bool) -> Vec<Scenario> {
    let row = |name: &str, sides: &[Side]| Scenario {
        name: name.to_owned(),
        size: if quick { 2_000 } else { 50_000 },
        unit: Unit::NanosecondsPerTask,
        rounds: if quick { 2 } else { 5 },
        sides: sides.to_vec(),
    };
    vec![
        row(
            "a graph in the form of a tree, each node of two others, 2 threads",
            &[Side::ours("ours", "tree"), Side::python("dask.delayed, threaded scheduler", "tree")],
        ),
        row(
            "a graph of 100 chains, 2 threads",
            &[
                Side::ours("ours", "chain"),
                Side::python("dask.delayed, threaded scheduler", "chain"),
            ],
        ),
    ]
}

/// Calls and tasks on an engine of two workers, against joblib's own backend for it.
fn tasks(engine: &'static str, quick: bool) -> Vec<Scenario> {
    let row = |what: &str, size: u64, unit, ours: Vec<Side>, joblib: &'static str| Scenario {
        name: format!("{engine}: {what}"),
        size,
        unit,
        rounds: if quick { 1 } else { 3 },
        sides: ours.into_iter().chain([Side::python("joblib's own backend", joblib)]).collect(),
    };
    let part = if quick { 10 } else { 1 };
    vec![
        row(
            "tasks that do nothing, 2 workers, batches of one",
            1000 / part,
            Unit::MicrosecondsPerCall,
            vec![Side::ours("ours", "tiny:1")],
            "tiny:1",
        ),
        row(
            "tasks that do nothing, 2 workers, automatic batches",
            20_000 / part,
            Unit::MicrosecondsPerCall,
            vec![Side::ours("ours", "tiny")],
            "tiny:auto",
        ),
        row(
            "a call of one task",
            100 / part,
            Unit::MicrosecondsPerCall,
            vec![Side::ours("ours", "warm")],
            "warm",
        ),
        row(
            "an array of 20 MB for 100 tasks, 2 workers",
            20_000_000,
            Unit::Milliseconds,
            vec![
                Side::ours("ours, borrowed", "give:borrowed"),
                Side::ours("ours, `Shared`", "give:shared"),
            ],
            "give",
        ),
    ]
}
