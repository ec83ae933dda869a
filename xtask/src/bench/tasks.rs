//! What a task costs: on threads and in processes, from a hundred to ten million of them, with large
//! arrays, and when they take unequal times.

mod arrays;
mod calls;
mod rivals;
mod uneven;
mod work;

use std::path::Path;

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

/// What the names of scenarios begin with that the figure is made of.
pub(super) const COST: &str = "cost of a task that does nothing, ";

fn scenarios(quick: bool) -> Vec<Scenario> {
    let mut all = tiny(quick);
    all.extend(pools(quick));
    all.extend(large(quick));
    all.extend(busy(quick));
    all.extend(costs(quick));
    all
}

fn measure(operation: &str, _: &Path, size: u64) -> Result<Option<Sample>> {
    let words: Vec<&str> = operation.split(':').collect();
    match words[..] {
        ["tiny", "rayon"] => rivals::par_iter(size).map(Some),
        ["tiny", "bridge"] => rivals::par_bridge(size).map(Some),
        ["tiny", "channel"] => rivals::channel(size).map(Some),
        ["tiny", backend] => calls::tiny(backend, None, size).map(Some),
        ["tiny", backend, batch] => calls::tiny(backend, Some(batch.parse()?), size).map(Some),
        ["cold"] => calls::cold().map(Some),
        ["warm", backend] => calls::warm(backend, size).map(Some),
        ["give", form] => arrays::give(form, size).map(Some),
        ["take", form] => arrays::take(form, size).map(Some),
        ["stream"] => arrays::slow_reader(size).map(Some),
        ["work", "rayon"] => rivals::work(size).map(Some),
        ["work", backend, n_jobs] => work::run(backend, n_jobs.parse()?, size).map(Some),
        ["wait", times, backend] => uneven::wait(times, backend, size).map(Some),
        _ => Ok(None),
    }
}

fn scenario(name: &str, size: u64, unit: Unit, rounds: usize, sides: &[Side]) -> Scenario {
    Scenario { name: name.to_owned(), size, unit, rounds, sides: sides.to_vec() }
}

/// Tasks that do nothing. Where Python would need minutes, it does a part of them.
fn tiny(quick: bool) -> Vec<Scenario> {
    let part = if quick { 10 } else { 1 };
    let row = |name: &str, tasks: u64, sides: &[Side]| {
        scenario(name, tasks / part, Unit::NanosecondsPerTask, 3, sides)
    };
    vec![
        row(
            "tiny tasks, 2 threads",
            1_000_000,
            &[
                Side::ours("ours", "tiny:threads"),
                Side::rust("rayon, par_iter", "tiny:rayon"),
                Side::rust("rayon, par_bridge", "tiny:bridge"),
                Side::rust("thread::scope, channel", "tiny:channel"),
                Side::python("joblib threading, a 20th", "tiny:threading:auto:20"),
                Side::python("ThreadPoolExecutor, a 20th", "tiny:executor:threads:20"),
            ],
        ),
        row(
            "tiny tasks, 2 threads, batches of one",
            100_000,
            &[
                Side::ours("ours", "tiny:threads:1"),
                Side::rust("rayon, par_bridge", "tiny:bridge"),
                Side::rust("thread::scope, channel", "tiny:channel"),
                Side::python("joblib threading, a 5th", "tiny:threading:1:5"),
                Side::python("ThreadPoolExecutor, a 5th", "tiny:executor:threads:5"),
            ],
        ),
        row(
            "tiny tasks, 2 processes",
            1_000_000,
            &[
                Side::ours("ours", "tiny:processes"),
                Side::python("joblib loky, a 5th", "tiny:loky:auto:5"),
                Side::python("ProcessPoolExecutor, chunks of 1000", "tiny:executor:chunks:5"),
            ],
        ),
        row(
            "tiny tasks, 2 processes, batches of one",
            20_000,
            &[
                Side::ours("ours", "tiny:processes:1"),
                Side::python("joblib loky, half", "tiny:loky:1:2"),
                Side::python("ProcessPoolExecutor", "tiny:executor:processes:1"),
            ],
        ),
    ]
}

/// Pools of two workers, each given one task.
fn pools(quick: bool) -> Vec<Scenario> {
    vec![
        scenario(
            "2 processes, from nothing to the first results",
            1,
            Unit::MicrosecondsPerCall,
            if quick { 3 } else { 5 },
            &[
                Side::ours("ours", "cold"),
                Side::python("joblib loky", "cold:loky"),
                Side::python("ProcessPoolExecutor", "cold:executor"),
            ],
        ),
        scenario(
            "a call on 2 processes that are there",
            if quick { 20 } else { 100 },
            Unit::MicrosecondsPerCall,
            3,
            &[
                Side::ours("ours", "warm:processes"),
                Side::python("joblib loky", "warm:loky"),
                Side::python("ProcessPoolExecutor", "warm:executor"),
            ],
        ),
        scenario(
            "a call on 2 threads that are there",
            if quick { 100 } else { 1000 },
            Unit::MicrosecondsPerCall,
            3,
            &[
                Side::ours("ours", "warm:threads"),
                Side::python("joblib threading, a 10th", "warm:threading:10"),
            ],
        ),
    ]
}

/// Large arrays on their way to two processes and back.
fn large(quick: bool) -> Vec<Scenario> {
    let part = if quick { 5 } else { 1 };
    let row = |name: &str, bytes: u64, sides: &[Side]| {
        scenario(name, bytes / part, Unit::Milliseconds, if quick { 2 } else { 5 }, sides)
    };
    vec![
        row(
            "an array for 100 tasks, 2 processes",
            80_000_000,
            &[
                Side::ours("ours, mapped", "give:mapped"),
                Side::ours("ours, as `Array`", "give:owned"),
                Side::python("joblib loky", "give:loky"),
            ],
        ),
        row(
            "50 arrays back, 2 processes",
            500_000_000,
            &[
                Side::ours("ours, as `Array`", "take:owned"),
                Side::ours("ours, mapped", "take:mapped"),
                Side::python("joblib loky", "take:loky"),
            ],
        ),
        row(
            "50 arrays back for a reader that takes 10 ms for each, 2 threads",
            500_000_000,
            &[
                Side::ours("ours, stream", "stream"),
                Side::python("joblib threading, generator", "stream:threading"),
            ],
        ),
    ]
}

/// Tasks that compute, and tasks that wait for unequal times.
fn busy(quick: bool) -> Vec<Scenario> {
    let part = if quick { 10 } else { 1 };
    let mut rows = vec![scenario(
        "tasks that compute, 2 workers",
        100 / part,
        Unit::MillisecondsInAll,
        if quick { 2 } else { 5 },
        &[
            Side::ours("ours, 2 threads", "work:threads:2"),
            Side::ours("ours, 2 processes", "work:processes:2"),
            Side::ours("ours, one worker", "work:threads:1"),
            Side::rust("rayon, par_iter", "work:rayon"),
            Side::python("joblib loky, 2 processes", "work:loky:2"),
            Side::python("joblib, one worker", "work:loky:1"),
        ],
    )];
    for (times, name, tasks) in [
        ("even", "tasks of 1 ms", 5000),
        ("noisy", "tasks of 1 ms with noise of 1 ms", 5000),
        ("cyclic", "tasks that take up to 100 ms, by turns", 300),
    ] {
        let [ours, threads, loky] = match times {
            "even" => ["wait:even:processes", "wait:even:threads", "wait:even:loky"],
            "noisy" => ["wait:noisy:processes", "wait:noisy:threads", "wait:noisy:loky"],
            _ => ["wait:cyclic:processes", "wait:cyclic:threads", "wait:cyclic:loky"],
        };
        rows.push(scenario(
            &format!("{name}, 20 MB for each, 100 kB back, 2 workers"),
            tasks / part,
            Unit::MillisecondsInAll,
            if quick { 1 } else { 2 },
            &[
                Side::ours("ours, processes", ours),
                Side::ours("ours, threads", threads),
                Side::python("joblib loky", loky),
            ],
        ));
    }
    rows
}

/// A hundred to ten million tasks: the figure.
fn costs(quick: bool) -> Vec<Scenario> {
    let cost = |tasks: u64| {
        let mut sides = vec![
            Side::ours("threads", "tiny:threads"),
            Side::ours("processes", "tiny:processes"),
            Side::rust("rayon, par_iter", "tiny:rayon"),
        ];
        // More of them would take Python minutes.
        if tasks <= 100_000 {
            sides.push(Side::python("joblib threading", "tiny:threading:auto:1"));
        }
        if tasks <= 1_000_000 {
            sides.push(Side::python("joblib loky", "tiny:loky:auto:1"));
        }
        let name = format!("{COST}{tasks} of them");
        scenario(&name, tasks, Unit::NanosecondsPerTask, if quick { 1 } else { 2 }, &sides)
    };
    (2..=if quick { 4 } else { 7 }).map(|power| cost(10_u64.pow(power))).collect()
}
