//! The same with rayon, and with scoped threads and a channel.

use std::sync::{Mutex, mpsc};
use std::thread;

use rayon::prelude::*;

use super::super::sample::Sample;
use super::calls::{nothing, repeats};
use super::work::hits;
use crate::Result;

pub(super) fn par_iter(count: u64) -> Result<Sample> {
    tiny(count, |count| (0..count).into_par_iter().map(nothing).collect())
}

pub(super) fn par_bridge(count: u64) -> Result<Sample> {
    tiny(count, |count| (0..count).par_bridge().map(nothing).collect())
}

fn tiny(count: u64, run: impl Fn(u64) -> Vec<u64> + Sync) -> Result<Sample> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    pool.install(|| run(100));
    let repeats = repeats(count);
    let (results, sample) =
        Sample::take(|| (0..repeats).map(|_| pool.install(|| run(count))).last());
    assert_eq!(results.map(|all| all.len() as u64), Some(count), "not every result");
    Ok(Sample { time: sample.time / repeats, ..sample })
}

/// Two threads that take one task after the other out of a channel.
pub(super) fn channel(count: u64) -> Result<Sample> {
    let (results, sample) = Sample::take(|| {
        let (give, tasks) = mpsc::sync_channel(1024);
        let (answer, answers) = mpsc::channel();
        let tasks = Mutex::new(tasks);
        thread::scope(|scope| {
            for _ in 0..2 {
                let (answer, tasks) = (answer.clone(), &tasks);
                let next = || tasks.lock().ok()?.recv().ok();
                scope.spawn(move || {
                    while let Some(n) = next() {
                        let _ = answer.send((n, nothing(n)));
                    }
                });
            }
            drop(answer);
            (0..count).for_each(|n| give.send(n).unwrap_or_default());
            drop(give);
            let mut results = vec![0; count as usize];
            answers.iter().for_each(|(n, result)| results[n as usize] = result);
            results
        })
    });
    assert_eq!(results.last(), count.checked_sub(1).as_ref(), "not every result");
    Ok(sample)
}

pub(super) fn work(tasks: u64) -> Result<Sample> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let run = |tasks: u64| -> u64 { pool.install(|| (0..tasks).into_par_iter().map(hits).sum()) };
    run(2);
    let (sum, sample) = Sample::take(|| run(tasks));
    assert!(sum > 0, "nothing was done");
    Ok(sample)
}
