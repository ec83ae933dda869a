//! `#[cache]` on `impl` blocks, and options of single functions.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Duration;

use joblib_memory::{Digest, Memory, cache};
use joblib_persist::{MappedArray, MmapMode};
use ndarray::{Array1, Ix1};
use serde::Serialize;

thread_local! {
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

fn ran() {
    RUNS.set(RUNS.get() + 1);
}

fn runs<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = RUNS.get();
    let result = work();
    (RUNS.get() - before, result)
}

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory::new(FOLDER.path()));

#[derive(Serialize, Clone)]
struct Model {
    weight: f64,
}

#[cache(MEMORY)]
impl Model {
    fn plain(&self) -> f64 {
        self.weight
    }

    /// Predicts.
    #[cache]
    pub(crate) fn predict(&self, x: f64) -> f64 {
        ran();
        self.weight * x + self.plain() * 0.0
    }

    #[cache(ignore(self))]
    fn constant(&self, x: u8) -> u8 {
        ran();
        x
    }

    #[cache(depends(digest(Digest::of(b"v1"))))]
    fn consume(mut self, x: f64) -> Result<f64, String> {
        ran();
        self.weight += x;
        if x < 0.0 { Err("negative".to_owned()) } else { Ok(self.weight) }
    }

    #[cache]
    fn associated<T: Serialize>(x: T) -> usize {
        ran();
        size_of_val(&x)
    }

    #[cache]
    async fn later(&self, x: u8) -> u8 {
        ran();
        std::future::ready(x).await
    }
}

#[derive(Serialize)]
struct Wrapper<T>(T);

#[cache(MEMORY)]
impl<T: Serialize> Wrapper<T> {
    #[cache]
    fn width(&self) -> usize {
        ran();
        size_of::<T>()
    }
}

#[test]
fn methods_are_cached_by_their_receiver() {
    let (one, two) = (Model { weight: 1.0 }, Model { weight: 2.0 });
    assert!(!one.predict_is_cached(3.0));
    assert_eq!(runs(|| one.predict(3.0)), (1, 3.0));
    assert_eq!(runs(|| one.clone().predict(3.0)), (0, 3.0));
    assert_eq!(runs(|| two.predict(3.0)), (1, 6.0));
    assert!(one.predict_is_cached(3.0));
    assert_eq!(runs(|| one.predict_recompute(3.0)), (1, 3.0));
    assert_eq!(one.predict_shelve(3.0).get().unwrap(), 3.0);
    assert_eq!(Model::predict_entries().unwrap().len(), 2);
    assert_ne!(Model::PREDICT_CODE, Model::CONSTANT_CODE);
    assert!(Model::predict_entries().unwrap()[0].id.function.path().ends_with("Model::predict"));
    let why = Model { weight: 1.5 }.predict_explain(3.0).to_string();
    assert!(why.contains("self.weight: 1.5, was "), "{why}");
    Model::predict_clear().unwrap();
    assert!(!one.predict_is_cached(3.0));
}

#[test]
fn a_receiver_may_be_ignored_or_consumed() {
    let (one, two) = (Model { weight: 1.0 }, Model { weight: 2.0 });
    assert_eq!(runs(|| one.constant(1)), (1, 1));
    assert_eq!(runs(|| two.constant(1)), (0, 1));
    assert_eq!(runs(|| one.clone().consume(1.0)), (1, Ok(2.0)));
    assert_eq!(runs(|| one.clone().consume(1.0)), (0, Ok(2.0)));
    assert_eq!(runs(|| one.clone().consume(-1.0)).0, 1);
    assert_eq!(runs(|| one.clone().consume(-1.0)).0, 1);
}

#[test]
fn generic_types_and_functions_without_receiver() {
    assert_eq!(runs(|| Model::associated(1_u8)), (1, 1));
    assert_eq!(runs(|| Model::associated(1_u16)), (1, 2));
    assert_eq!(runs(|| Model::associated(1_u8)), (0, 1));
    assert_eq!(runs(|| Wrapper(Option::<u8>::None).width()), (1, 2));
    assert_eq!(runs(|| Wrapper(Option::<u16>::None).width()), (1, 4));
    assert_eq!(runs(|| Wrapper(Option::<u8>::None).width()), (0, 2));
}

#[test]
fn async_methods() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};
    fn ready<F: Future>(future: F) -> F::Output {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("nothing here waits"),
        }
    }
    let model = Model { weight: 1.0 };
    assert_eq!(runs(|| ready(model.later(1))), (1, 1));
    assert_eq!(runs(|| ready(model.later(1))), (0, 1));
}

#[test]
fn errors_are_kept_where_that_is_asked_for() {
    #[cache(MEMORY, cache_errors)]
    fn root(x: f64) -> Option<f64> {
        ran();
        (x >= 0.0).then(|| x.sqrt())
    }
    #[cache(MEMORY)]
    fn log(x: f64) -> Option<f64> {
        ran();
        (x > 0.0).then(|| x.ln())
    }
    #[cache(MEMORY, cache_errors)]
    fn parse(text: &str) -> Result<u8, String> {
        ran();
        text.parse().map_err(|_| text.to_owned())
    }
    assert_eq!((runs(|| root(-1.0)), runs(|| root(-1.0))), ((1, None), (0, None)));
    assert_eq!((runs(|| log(-1.0)), runs(|| log(-1.0))), ((1, None), (1, None)));
    assert_eq!((runs(|| log(1.0)), runs(|| log(1.0))), ((1, Some(0.0)), (0, Some(0.0))));
    assert_eq!(runs(|| parse("x")), (1, Err("x".to_owned())));
    assert_eq!(runs(|| parse("x")), (0, Err("x".to_owned())));
}

/// What counts of a table is its length.
fn length(table: &[f64]) -> usize {
    table.len()
}

struct Opaque(u8);

fn id_of(opaque: &Opaque) -> u8 {
    opaque.0
}

#[test]
fn an_argument_may_have_a_digest_of_its_own() {
    #[cache(MEMORY, hash(table = length, opaque = id_of))]
    fn f(table: &[f64], opaque: Opaque) -> f64 {
        ran();
        table.iter().sum::<f64>() + f64::from(opaque.0)
    }
    assert_eq!(runs(|| f(&[1.0, 2.0], Opaque(1))), (1, 4.0));
    assert_eq!(runs(|| f(&[5.0, 5.0], Opaque(1))), (0, 4.0));
    assert_eq!(runs(|| f(&[5.0], Opaque(1))), (1, 6.0));
    assert_eq!(runs(|| f(&[5.0], Opaque(2))), (1, 7.0));
}

fn is_ours(metadata: &joblib_memory::Metadata) -> bool {
    metadata.arguments[0].1 != "13"
}

#[test]
fn options_of_one_function() {
    #[cache(MEMORY, mmap_mode = MmapMode::Read, verbose = 0)]
    fn mapped(n: usize) -> MappedArray<f64, Ix1> {
        ran();
        MappedArray::from(Array1::zeros(n))
    }
    #[cache(MEMORY, compress = 3)]
    fn small(n: usize) -> Array1<f64> {
        Array1::zeros(n)
    }
    #[cache(MEMORY, expires_after = Duration::ZERO)]
    fn brief(x: u8) -> u8 {
        ran();
        x
    }
    #[cache(MEMORY, validate = is_ours)]
    fn validated(x: u8) -> u8 {
        ran();
        x
    }
    for expected in [1, 0] {
        let (runs, array) = runs(|| mapped(100_000));
        assert_eq!((runs, array.is_mapped()), (expected, cfg!(feature = "mmap")));
    }
    small(100_000);
    assert!(small::entries().unwrap()[0].bytes < 10_000);
    assert_eq!((runs(|| brief(1)).0, runs(|| brief(1)).0), (1, 1));
    assert!(!brief::is_cached(1));
    assert!(brief::explain(1).to_string().contains("expires after 0 s"));
    assert_eq!((runs(|| validated(1)).0, runs(|| validated(1)).0), (1, 0));
    assert_eq!((runs(|| validated(13)).0, runs(|| validated(13)).0), (1, 1));
}
