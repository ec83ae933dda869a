use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use joblib_parallel::{Error, Failure, Node, Parallel, Retries, delayed};
use ndarray::{Array1, Array2};
use proptest::prelude::*;
use proptest::sample::Index;
use serde::{Deserialize, Serialize};

use crate::backends::{Does, Scripted};
use crate::watchdog::must_end;

fn number(n: u64) -> u64 {
    n
}

fn add(a: &u64, b: &u64) -> u64 {
    a.wrapping_mul(3).wrapping_add(*b)
}

fn list(values: Vec<u64>) -> u64 {
    values.iter().fold(7, |all, value| add(&all, value))
}

fn slice(values: &[u64], last: u64) -> u64 {
    list(values.iter().copied().chain([last]).collect())
}

/// Every kind of backend that computes graphs.
fn everywhere() -> Vec<Parallel> {
    let scripted = |does| Parallel::new().n_jobs(3).backend(Scripted::new(does));
    let mut parallels = vec![Parallel::new().n_jobs(1)];
    parallels.extend([Does::RunNow, Does::RunLater].map(scripted));
    parallels.extend([Does::Ship, Does::ShipBackwards, Does::ShipTwice].map(scripted));
    parallels.extend([Does::ShipAfterReturns, Does::ShipEverySecond, Does::Keep].map(scripted));
    if cfg!(feature = "threads") {
        parallels.push(Parallel::new().n_jobs(2).backend("threads"));
    }
    if cfg!(target_os = "linux") {
        parallels.push(Parallel::new().n_jobs(2).backend("processes"));
    }
    parallels
}

/// What each node of a random graph does with earlier ones.
#[derive(Clone, Debug)]
enum Kind {
    Value(u64),
    Number(u64),
    Add(usize, usize),
    List(Vec<usize>),
    Slice(Vec<usize>, usize),
}

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    type Raw = (u8, u64, Index, Index, Vec<Index>);
    fn kind(place: usize, (kind, n, a, b, many): Raw) -> Kind {
        if place == 0 {
            return Kind::Number(n);
        }
        let many = many.iter().map(|at| at.index(place)).collect();
        match kind {
            0 => Kind::Value(n),
            1 => Kind::Number(n),
            2 => Kind::Add(a.index(place), b.index(place)),
            3 => Kind::List(many),
            _ => Kind::Slice(many, a.index(place)),
        }
    }
    let index = any::<Index>;
    let raw = (0..5u8, any::<u64>(), index(), index(), prop::collection::vec(index(), 0..4));
    prop::collection::vec(raw, 1..40)
        .prop_map(|raws| raws.into_iter().enumerate().map(|(at, raw)| kind(at, raw)).collect())
}

fn expected(kinds: &[Kind]) -> Vec<u64> {
    let mut all: Vec<u64> = Vec::new();
    for kind in kinds {
        let of = |places: &[usize]| places.iter().map(|place| all[*place]).collect::<Vec<_>>();
        all.push(match kind {
            Kind::Value(n) | Kind::Number(n) => *n,
            Kind::Add(a, b) => add(&all[*a], &all[*b]),
            Kind::List(places) => list(of(places)),
            Kind::Slice(places, last) => slice(&of(places), all[*last]),
        });
    }
    all
}

fn nodes(kinds: &[Kind]) -> Vec<Node<u64>> {
    let mut all: Vec<Node<u64>> = Vec::new();
    for kind in kinds {
        let of = |places: &[usize]| places.iter().map(|at| all[*at].clone()).collect::<Vec<_>>();
        all.push(match kind {
            Kind::Value(n) => Node::value(*n),
            Kind::Number(n) => delayed!(number(*n)).node(),
            Kind::Add(a, b) => delayed!(add(&all[*a], &all[*b])).node(),
            Kind::List(places) => delayed!(list(of(places))).node(),
            Kind::Slice(places, last) => delayed!(slice(&of(places), all[*last].clone())).node(),
        });
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn graphs_are_what_they_are_in_sequence(
        kinds in kinds(),
        wanted in prop::collection::vec(any::<Index>(), 1..4),
    ) {
        let values = expected(&kinds);
        let nodes = nodes(&kinds);
        let wanted: Vec<usize> = wanted.into_iter().map(|at| at.index(kinds.len())).collect();
        let chosen: Vec<_> = wanted.iter().map(|at| nodes[*at].clone()).collect();
        let right: Vec<_> = wanted.iter().map(|at| values[*at]).collect();
        for parallel in everywhere() {
            for parallel in [parallel.clone(), parallel.batch_size(3)] {
                prop_assert_eq!(&parallel.compute(&chosen).unwrap(), &right, "{:?}", parallel);
            }
        }
    }
}

#[test]
fn nothing_wanted_is_nothing_done() {
    for parallel in everywhere() {
        assert_eq!(parallel.compute(&Vec::<Node<u64>>::new()).unwrap(), [0; 0]);
        assert_eq!(parallel.compute(&Node::value(3)).unwrap(), 3);
    }
}

#[test]
fn what_is_shared_runs_once_and_what_is_not_needed_never() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    fn count(n: u64) -> u64 {
        RUNS.fetch_add(1, Relaxed);
        n
    }
    let shared = delayed!(count(5)).node();
    let _unused = delayed!(add(&shared, &delayed!(count(9)).node())).node();
    let sums: Vec<_> = (0..10).map(|n| delayed!(add(&shared, &Node::value(n))).node()).collect();
    let all = delayed!(slice(&sums, shared.clone())).node();
    let parallel = Parallel::new().n_jobs(2);
    let right = slice(&(0..10).map(|n| add(&5, &n)).collect::<Vec<_>>(), 5);
    assert_eq!(parallel.compute((&all, &shared, &shared)).unwrap(), (right, 5, 5));
    assert_eq!(RUNS.load(Relaxed), 1);
    // Another computation computes anew.
    assert_eq!(parallel.compute(&shared).unwrap(), 5);
    assert_eq!(RUNS.load(Relaxed), 2);
}

/// A value that is counted while it exists.
#[derive(Debug, Deserialize, Serialize)]
struct Counted(u64);

static ALIVE: Mutex<(i32, i32)> = Mutex::new((0, 0));

impl Counted {
    fn new(n: u64) -> Self {
        let mut alive = ALIVE.lock().unwrap();
        alive.0 += 1;
        alive.1 = alive.1.max(alive.0);
        Self(n)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.lock().unwrap().0 -= 1;
    }
}

#[test]
fn what_nobody_needs_any_more_is_dropped() {
    fn begin(n: u64) -> Counted {
        Counted::new(n)
    }
    fn go_on(last: &Counted, n: u64) -> Counted {
        Counted::new(add(&last.0, &n))
    }
    fn sum(ends: &[u64]) -> u64 {
        ends.iter().fold(0, |sum, end| sum.wrapping_add(*end))
    }
    // Hundred chains of hundred calls each.
    let chain = |start: u64| {
        let chain = (0..100)
            .fold(delayed!(begin(start)).node(), |chain, n| delayed!(go_on(&chain, n)).node());
        delayed!((|end: &Counted| end.0)(&chain)).node()
    };
    let chains: Vec<_> = (0..100).map(chain).collect();
    let total = delayed!(sum(&chains)).node();
    Parallel::new().n_jobs(2).backend("threads").compute(&total).unwrap();
    let (alive, most) = *ALIVE.lock().unwrap();
    assert_eq!(alive, 0);
    assert!(most <= 6, "{most} at once");
}

#[test]
fn long_chains_do_not_overflow_the_stack() {
    must_end(|| {
        let first = Node::value(0);
        let chain =
            (0..200_000).fold(first, |chain, n| delayed!(add(&chain, &Node::value(n))).node());
        Parallel::new().n_jobs(2).compute(&chain).unwrap();
        drop(chain);
    });
}

#[test]
fn a_failure_names_its_call_and_the_rest_is_left() {
    static AFTER: AtomicU32 = AtomicU32::new(0);
    fn fail(n: &u64) -> u64 {
        panic!("no {n}")
    }
    fn after(n: &u64) -> u64 {
        AFTER.fetch_add(1, Relaxed);
        *n
    }
    for parallel in everywhere() {
        let failing = delayed!(fail(&delayed!(number(4)).node())).node();
        let last = delayed!(after(&failing)).node();
        let error = must_end(move || parallel.compute(&last)).unwrap_err();
        // Some backends of these tests have words of their own.
        assert!(error.to_string().starts_with("task 1 (`fail`): panicked: "), "{error}");
    }
    assert_eq!(AFTER.load(Relaxed), 0);
}

#[test]
fn backends_that_lose_calls_are_an_error() {
    for does in [Does::Drop, Does::DropLater, Does::Return, Does::ShipFirst, Does::Garbage] {
        let numbers: Vec<_> = (0..20).map(|n| delayed!(number(n)).node()).collect();
        let all = delayed!(slice(&numbers, 1)).node();
        let parallel = Parallel::new().n_jobs(2).batch_size(4).backend(Scripted::new(does));
        let error = must_end(move || parallel.compute(&all)).unwrap_err();
        let Error::Task(error) = error else { panic!("{error}") };
        let failure = error.failure();
        let right = match does {
            Does::Return => *failure == Failure::NotRun,
            Does::Garbage => matches!(failure, Failure::Codec { .. }),
            _ => *failure == Failure::Lost,
        };
        assert!(right, "{does:?}: {failure:?}");
    }
}

#[test]
fn calls_are_tried_again() {
    static ATTEMPTS: AtomicU32 = AtomicU32::new(0);
    fn flaky(values: Vec<u64>) -> u64 {
        assert!(ATTEMPTS.fetch_add(1, Relaxed) % 3 == 2, "not yet");
        list(values)
    }
    let numbers: Vec<_> = (0..3).map(|n| delayed!(number(n)).node()).collect();
    let all = delayed!(flaky(numbers.clone())).node();
    for parallel in everywhere() {
        // Each worker process counts for itself.
        if parallel.clone().effective_n_jobs().is_ok()
            && format!("{parallel:?}").contains("processes")
        {
            continue;
        }
        let parallel = parallel.retries(Retries::new(2).panics());
        assert_eq!(parallel.compute(&all).unwrap(), list(vec![0, 1, 2]), "{parallel:?}");
    }
}

#[test]
fn a_call_that_takes_too_long_fails() {
    fn slow(millis: u64) -> u64 {
        std::thread::sleep(Duration::from_millis(millis));
        millis
    }
    let soon = Duration::from_millis(50);
    for parallel in everywhere() {
        let shown = format!("{parallel:?}");
        if shown.contains("Scripted") {
            continue;
        }
        // Where the call is killed, it must not end by itself before somebody looks.
        let long = if shown.contains("processes") { 20_000 } else { 200 };
        let error = parallel.clone().timeout(soon).compute(&delayed!(slow(long)).node());
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("task 0 (`slow`): took too long"), "{error}");
        let two = delayed!(slow(delayed!(slow(long)).node())).node();
        let error = parallel.total_timeout(soon).compute(&two).unwrap_err();
        assert!(matches!(error, Error::OutOfTime { .. }), "{error}");
    }
}

#[test]
fn arrays_go_from_call_to_call() {
    fn make(n: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, n), |(i, j)| (i * n + j) as f64)
    }
    fn rows(matrix: &Array2<f64>, scale: f64) -> Array1<f64> {
        matrix.sum_axis(ndarray::Axis(1)) * scale
    }
    fn join(parts: &[Array1<f64>]) -> f64 {
        parts.iter().map(|part| part.sum()).sum()
    }
    let (sum, n) = (|matrix: &Array2<f64>| matrix.sum(), 400);
    let data = delayed!(make(n)).node();
    let given = Node::value(make(n));
    for matrix in [data, given] {
        let parts: Vec<_> =
            (1..=4).map(|scale| delayed!(rows(&matrix, f64::from(scale))).node()).collect();
        let total = delayed!(join(&parts)).node();
        for parallel in everywhere() {
            let (total, whole) = parallel.compute((&total, &matrix)).unwrap();
            assert_eq!((total, whole.sum()), (10.0 * sum(&make(n)), sum(&make(n))), "{parallel:?}");
        }
    }
}

#[test]
fn only_what_is_asked_for_leaves_a_backend_that_keeps_results() {
    fn make(n: usize) -> Vec<u8> {
        vec![1; n]
    }
    fn grow(mut bytes: Vec<u8>, all: &[Vec<u8>]) -> Vec<u8> {
        bytes.push(all.len() as u8);
        bytes
    }
    let scripted = Scripted::new(Does::Keep);
    let parallel = Parallel::new().n_jobs(2).backend(Arc::clone(&scripted));
    let made = delayed!(make(100_000)).node();
    let list = vec![made.clone(), delayed!(make(3)).node()];
    let chain = (0..10).fold(made, |last, _| delayed!(grow(last, &list)).node());
    let length = delayed!((|bytes: &Vec<u8>| bytes.len())(&chain)).node();
    assert_eq!(parallel.compute(&length).unwrap(), 100_010);
    assert!(scripted.sent.load(Relaxed) < 100, "{scripted:?}");
    assert_eq!(Arc::strong_count(&scripted.kept), 1, "something is still kept");
    // What is asked for and used besides comes once.
    let (bytes, length) = parallel.compute((&chain, &length)).unwrap();
    assert_eq!((bytes.len(), length), (100_010, 100_010));
    assert!((100_000..101_000).contains(&scripted.sent.load(Relaxed)), "{scripted:?}");
    assert_eq!(Arc::strong_count(&scripted.kept), 1, "something is still kept");
}

#[test]
fn calls_inside_run_calls_themselves() {
    fn inner(n: u64) -> u64 {
        let tasks = (0..n).map(|n| delayed!(number(n)));
        Parallel::new().n_jobs(2).run(tasks).unwrap().iter().sum()
    }
    for parallel in everywhere() {
        let outer: Vec<_> = (0..8).map(|n| delayed!(inner(n + 10)).node()).collect();
        let right: Vec<u64> = (0..8).map(|n| (0..n + 10).sum()).collect();
        assert_eq!(must_end(move || parallel.compute(&outer)).unwrap(), right);
    }
}
