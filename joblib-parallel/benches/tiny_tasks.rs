//! What handing over costs: nanoseconds per task for tasks that do nothing.
//! Run with `cargo bench -p joblib-parallel`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark, not an API"
)]

use std::hint::black_box;
use std::time::Instant;

use joblib_parallel::{Parallel, delayed};

fn nothing(n: u64) -> u64 {
    black_box(n)
}

/// The least and the middle of nine runs, if the name contains what the command line asks for.
fn measure(name: &str, tasks: u64, run: impl Fn(u64) -> Vec<u64>) {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if !wanted.is_none_or(|wanted| name.contains(&wanted)) {
        return;
    }
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(run(tasks).len() as u64, tasks);
            start.elapsed().as_nanos() as f64 / tasks as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{name:32} {:9.1} {:9.1} ns/task", times[0], times[4]);
}

fn main() {
    let threads = || Parallel::new().n_jobs(2).backend("threads");
    measure("in sequence", 1_000_000, |n| {
        Parallel::new().run((0..n).map(|i| delayed(move || nothing(i)))).unwrap()
    });
    measure("threads, automatic", 1_000_000, |n| {
        threads().run((0..n).map(|i| delayed(move || nothing(i)))).unwrap()
    });
    measure("threads, delayed!, automatic", 1_000_000, |n| {
        threads().run((0..n).map(|i| delayed!(nothing(i)))).unwrap()
    });
    measure("threads, batches of one", 1_000_000, |n| {
        threads().batch_size(1).run((0..n).map(|i| delayed(move || nothing(i)))).unwrap()
    });
    #[cfg(all(feature = "processes", target_os = "linux"))]
    {
        let processes = || Parallel::new().n_jobs(2).backend("processes");
        measure("processes, automatic", 1_000_000, |n| {
            processes().run((0..n).map(|i| delayed!(nothing(i)))).unwrap()
        });
        measure("processes, batches of one", 50_000, |n| {
            processes().batch_size(1).run((0..n).map(|i| delayed!(nothing(i)))).unwrap()
        });
        measure("processes, a call of one task", 1, |n| {
            processes().run((0..n).map(|i| delayed!(nothing(i)))).unwrap()
        });
    }
    measure("threads, stream, automatic", 1_000_000, |n| {
        threads()
            .stream((0..n).map(|i| delayed(move || nothing(i))))
            .collect::<Result<_, _>>()
            .unwrap()
    });
}
