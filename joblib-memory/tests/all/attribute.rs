//! What `#[cache]` makes of a function, and what callers may ask of it.

#![deny(missing_docs, missing_debug_implementations, unreachable_pub, unused)]

use std::cell::Cell;
use std::sync::LazyLock;

use joblib_memory::{Memory, cache, code};
use ndarray::{Array1, Array2, array};
use serde::{Deserialize, Serialize};

thread_local! {
    /// How often functions of this file ran, on this thread: tests do not disturb each other.
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

fn ran() {
    RUNS.set(RUNS.get() + 1);
}

/// How often a function ran within `work`.
fn runs<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = RUNS.get();
    let result = work();
    (RUNS.get() - before, result)
}

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory::new(FOLDER.path()));

/// Fits a line of some kind.
#[cache(MEMORY, ignore(verbose))]
pub(crate) fn fit(x: &Array2<f64>, alpha: f64, verbose: bool) -> Array1<f64> {
    ran();
    if verbose {
        log::info!("fitting");
    }
    x.sum_axis(ndarray::Axis(0)) * alpha
}

#[test]
fn a_second_call_is_not_computed() {
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    let expected = array![0.4, 0.6];
    assert!(!fit::is_cached(&x, 0.1, false));
    for expected_runs in [1, 0] {
        let (runs, w) = runs(|| fit(&x, 0.1, false));
        assert_eq!(runs, expected_runs);
        assert!((w - &expected).mapv(f64::abs).sum() < 1e-12);
    }
    assert!(fit::is_cached(&x, 0.1, false));
    assert_eq!(runs(|| fit(&x, 0.2, false)).0, 1, "another argument");
    assert_eq!(runs(|| fit(&x, 0.1, true)).0, 0, "an ignored argument");
}

#[test]
fn recompute_and_clear() {
    #[cache(MEMORY)]
    fn f(x: u8) -> u8 {
        ran();
        x
    }
    assert_eq!(runs(|| f(1)), (1, 1));
    assert_eq!(runs(|| f::recompute(1)), (1, 1));
    assert_eq!(runs(|| f(1)), (0, 1));
    f::clear().unwrap();
    assert!(!f::is_cached(1));
    assert_eq!(runs(|| f(1)), (1, 1));
}

#[test]
fn shelve_does_not_compute_twice() {
    #[cache(MEMORY)]
    fn f(n: usize) -> Vec<usize> {
        ran();
        (0..n).collect()
    }
    let (first, shelved) = runs(|| f::shelve(3));
    assert_eq!((first, shelved.get().unwrap()), (1, vec![0, 1, 2]));
    let (again, shelved) = runs(|| f::shelve(3));
    assert_eq!((again, shelved.get().unwrap()), (0, vec![0, 1, 2]));
    let metadata = shelved.metadata().unwrap().unwrap();
    assert_eq!(metadata.arguments, [("n".to_owned(), "3".to_owned())]);
    assert!(metadata.function.ends_with("shelve_does_not_compute_twice::f"), "{metadata:?}");
    assert_eq!(metadata.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_error_is_returned_and_not_stored() {
    /// Neither `Serialize` nor `Clone`.
    #[derive(Debug, PartialEq)]
    struct Refused;

    #[cache(MEMORY)]
    fn root(x: f64) -> Result<f64, Refused> {
        ran();
        if x < 0.0 { Err(Refused) } else { Ok(x.sqrt()) }
    }
    for _ in 0..2 {
        assert_eq!(runs(|| root(-1.0)), (1, Err(Refused)));
    }
    assert!(!root::is_cached(-1.0));
    assert_eq!(root::shelve(-1.0).unwrap_err(), Refused);
    assert_eq!(runs(|| root(4.0)), (1, Ok(2.0)));
    assert_eq!(runs(|| root(4.0)), (0, Ok(2.0)));
    assert_eq!(root::shelve(4.0).unwrap().get().unwrap(), 2.0);
}

#[test]
fn an_error_of_an_alias_is_not_stored() {
    #[cache(MEMORY)]
    fn read(path: &str) -> std::io::Result<String> {
        ran();
        std::fs::read_to_string(path)
    }
    assert!(read("/nowhere").is_err());
    assert_eq!(
        runs(|| read("/nowhere").map_err(|e| e.kind())),
        (1, Err(std::io::ErrorKind::NotFound))
    );
}

#[test]
fn generic_functions_keep_their_types_apart() {
    #[cache(MEMORY)]
    fn name<T: Default + Serialize, const N: usize>(x: &T) -> String {
        ran();
        let _ = x;
        format!("{} {N}", std::any::type_name::<T>())
    }
    assert_eq!(runs(|| name::<u8, 1>(&1)), (1, "u8 1".to_owned()));
    assert_eq!(runs(|| name::<u8, 2>(&1)), (1, "u8 2".to_owned()));
    assert_eq!(runs(|| name::<u16, 2>(&1)), (1, "u16 2".to_owned()));
    assert_eq!(runs(|| name::<u8, 1>(&1)), (0, "u8 1".to_owned()));
    assert!(name::is_cached::<u8, 2>(&1));

    #[cache(MEMORY)]
    fn width<T>() -> usize {
        ran();
        size_of::<T>()
    }
    assert_eq!(runs(width::<u8>), (1, 1));
    assert_eq!(runs(width::<u16>), (1, 2));
    assert_eq!(runs(width::<u8>), (0, 1));

    #[cache(MEMORY)]
    fn size(x: impl Serialize + Copy) -> usize {
        ran();
        size_of_val(&x)
    }
    assert_eq!(runs(|| size(1_u8)), (1, 1));
    assert_eq!(runs(|| size(1_u16)), (1, 2));
    assert_eq!(runs(|| size(1_u8)), (0, 1));
}

#[test]
fn every_form_of_argument() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Point {
        x: f64,
        y: f64,
    }

    #[cache(MEMORY)]
    fn f<'a>(
        mut list: Vec<u8>,
        slice: &[f64],
        text: &'a str,
        (a, b): (u8, u8),
        Point { x, y }: Point,
        _: Option<u8>,
        r#type: &&u8,
    ) -> (Vec<u8>, f64, String, u8, Point, u8)
    where
        'a: 'a,
    {
        ran();
        list.push(a + b);
        (list, slice.iter().sum(), text.to_owned(), a, Point { x: y, y: x }, **r#type)
    }
    let call =
        |last: u8| f(vec![1], &[0.5, 1.5], "text", (2, 3), Point { x: 1.0, y: 2.0 }, None, &&last);
    let (first, result) = runs(|| call(1));
    assert_eq!(first, 1);
    assert_eq!(result, (vec![1, 5], 2.0, "text".to_owned(), 2, Point { x: 2.0, y: 1.0 }, 1));
    assert_eq!(runs(|| call(1)), (0, result));
    assert_eq!(runs(|| call(2)).0, 1);
}

#[test]
fn an_ignored_argument_may_be_written_to() {
    #[cache(MEMORY, ignore(log))]
    fn f(x: u8, log: &mut Vec<u8>) -> u8 {
        log.push(x);
        x
    }
    let mut log = Vec::new();
    assert_eq!((f(1, &mut log), f(1, &mut log)), (1, 1));
    assert_eq!(log, [1]);
}

#[test]
fn functions_may_call_themselves_and_each_other() {
    #[cache(MEMORY)]
    fn fibonacci(n: u64) -> u64 {
        ran();
        if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
    }
    assert_eq!(runs(|| fibonacci(50)), (51, 12_586_269_025));
}

#[test]
fn nested_functions_of_one_name_are_two_functions() {
    fn one() -> u8 {
        const X: u8 = 1;
        #[cache(MEMORY)]
        fn inner() -> u8 {
            X
        }
        inner()
    }
    fn two() -> u8 {
        const X: u8 = 2;
        #[cache(MEMORY)]
        fn inner() -> u8 {
            X
        }
        inner()
    }
    assert_eq!((one(), two(), one()), (1, 2, 1));
}

mod dependencies {
    use joblib_memory::code;

    #[code]
    pub(super) fn kernel(x: f64) -> f64 {
        x * SCALE
    }

    #[code]
    pub(super) const SCALE: f64 = 2.0;

    pub(super) mod changed {
        use super::{code, kernel};

        #[code(depends(kernel))]
        pub(in super::super) fn with_kernel(x: f64) -> f64 {
            kernel(x)
        }
    }

    pub(super) mod alone {
        use super::{code, kernel};

        #[code]
        pub(in super::super) fn with_kernel(x: f64) -> f64 {
            kernel(x)
        }
    }
}

#[test]
fn the_code_of_dependencies_counts() {
    use dependencies::{SCALE, alone, changed, kernel};

    #[code(depends(kernel, SCALE))]
    fn with_kernel(x: f64) -> f64 {
        kernel(x)
    }
    #[cache(MEMORY, depends(with_kernel, SCALE))]
    fn result(x: f64) -> f64 {
        with_kernel(x)
    }
    let digests = [
        with_kernel::CODE,
        changed::with_kernel::CODE,
        alone::with_kernel::CODE,
        result::CODE,
        kernel::CODE,
        SCALE::CODE,
    ];
    let distinct: std::collections::HashSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
    assert_eq!(result(1.0) + changed::with_kernel(1.0) + alone::with_kernel(SCALE), 8.0);
}

#[test]
fn attributes_stay_on_the_function() {
    #[cache(MEMORY)]
    #[must_use]
    #[expect(clippy::needless_return, reason = "seen in the body")]
    #[cfg(not(any()))]
    fn f(x: u8) -> u8 {
        return x;
    }
    #[cache(MEMORY)]
    #[cfg(any())]
    fn absent(x: DoesNotExist) -> u8 {}
    assert_eq!(f(1), 1);
}

#[test]
fn a_disabled_memory_calls() {
    static DISABLED: LazyLock<Memory> = LazyLock::new(Memory::none);

    #[cache(DISABLED)]
    fn f(x: u8) -> Vec<u8> {
        ran();
        vec![x]
    }
    for _ in 0..2 {
        assert_eq!(runs(|| f(1)), (1, vec![1]));
    }
    assert!(!f::is_cached(1));
    assert_eq!(f::shelve(1).get().unwrap(), [1]);
    f::clear().unwrap();
}

#[test]
fn functions_that_return_nothing_run_once() {
    #[cache(MEMORY)]
    fn f(x: u8) {
        let _ = x;
        ran();
    }
    assert_eq!(runs(|| f(1)).0, 1);
    assert_eq!(runs(|| f(1)).0, 0);
}

#[test]
fn async_functions() {
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    #[cache(MEMORY)]
    async fn f(x: &str) -> Result<String, ()> {
        std::future::ready(()).await;
        ran();
        Ok(x.to_owned())
    }
    fn ready<F: Future + Send>(future: F) -> F::Output {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("nothing here waits"),
        }
    }
    assert_eq!(runs(|| ready(f("x"))), (1, Ok("x".to_owned())));
    assert_eq!(runs(|| ready(f("x"))), (0, Ok("x".to_owned())));
    assert!(f::is_cached("x"));
    assert_eq!(ready(f::shelve("x")).unwrap().get().unwrap(), "x");
    assert_eq!(runs(|| ready(f::recompute("x"))).0, 1);
}
