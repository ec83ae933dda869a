//! Graphs of calls that do nothing, computed on two threads.

use joblib_parallel::{Node, Parallel, delayed};

use super::super::sample::Sample;
use crate::Result;

/// How many chains there are.
const CHAINS: u64 = 100;

fn leaf(n: u64) -> u64 {
    n
}

fn add(left: &u64, right: &u64) -> u64 {
    left + right
}

fn next(n: &u64) -> u64 {
    n + 1
}

fn sum(all: &[u64]) -> u64 {
    all.iter().sum()
}

fn computed(wanted: impl FnOnce() -> Node<u64>) -> Result<(u64, Sample)> {
    let parallel = Parallel::new().n_jobs(2);
    // The threads are there before the clock starts.
    parallel.compute(&delayed!(leaf(0)).node())?;
    // As with Python, making the graph is a part of it.
    let (value, sample) = Sample::take(|| parallel.compute(&wanted()));
    Ok((value?, sample))
}

/// About `nodes` nodes, half of which are leaves.
pub(super) fn tree(nodes: u64) -> Result<Sample> {
    let leaves = (nodes / 2).max(1);
    let (value, sample) = computed(|| {
        let mut level: Vec<_> = (0..leaves).map(|n| delayed!(leaf(n)).node()).collect();
        while level.len() > 1 {
            let pair = |pair: &[Node<u64>]| match pair {
                [left, right] => delayed!(add(left, right)).node(),
                rest => rest[0].clone(),
            };
            level = level.chunks(2).map(pair).collect();
        }
        level.remove(0)
    })?;
    assert_eq!(value, leaves * (leaves - 1) / 2, "the sum of the leaves");
    Ok(sample)
}

/// About `nodes` nodes, each but the first of a chain with one argument.
pub(super) fn chain(nodes: u64) -> Result<Sample> {
    let length = nodes / CHAINS;
    let (value, sample) = computed(|| {
        let mut ends: Vec<_> = (0..CHAINS).map(|n| delayed!(leaf(n)).node()).collect();
        for _ in 1..length {
            ends = ends.iter().map(|end| delayed!(next(end)).node()).collect();
        }
        delayed!(sum(&ends)).node()
    })?;
    assert_eq!(value, CHAINS * (CHAINS - 1) / 2 + CHAINS * (length - 1), "the sum of the ends");
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphs_of_any_size_have_the_right_value() {
        for nodes in [2, 3, 7, 64] {
            tree(nodes).unwrap();
        }
        chain(500).unwrap();
    }
}
