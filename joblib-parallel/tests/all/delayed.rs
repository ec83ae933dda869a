use std::fmt::Debug;
use std::path::{Path, PathBuf};

use joblib_parallel::{Error, Parallel, Task, delayed};
use ndarray::{Array2, array};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::backends::{Does, Scripted};

/// The task's output here and, if tasks can travel, after a journey; both must be `expected`.
fn assert_gives<T, R>(make: impl Fn() -> T, expected: R)
where
    T: Task<Output = R>,
    R: PartialEq + Debug + Send,
{
    assert_eq!(make().run(), expected, "here");
    if cfg!(feature = "processes") {
        let travelled = Parallel::new().backend(Scripted::new(Does::Ship)).run([make()]).unwrap();
        assert_eq!(travelled, [expected], "there");
    }
}

fn label(number: i32, text: &str) -> String {
    format!("{text}{number}")
}

fn total(values: &[f64]) -> f64 {
    values.iter().sum()
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

fn none() -> u8 {
    7
}

#[expect(clippy::too_many_arguments)]
fn eight(a: u8, b: &u8, c: u8, d: &str, e: &[u8], f: String, g: (u8, u8), h: Vec<u8>) -> usize {
    usize::from(a + b + c + g.0 + g.1) + d.len() + e.len() + f.len() + h.len()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Model {
    weights: Array2<f64>,
}

impl Model {
    fn new(scale: f64) -> Self {
        Self { weights: array![[scale, 0.0], [0.0, scale]] }
    }

    fn apply(&self, x: &Array2<f64>) -> Array2<f64> {
        self.weights.dot(x)
    }
}

#[test]
fn arguments_by_value_and_by_reference() {
    let text = String::from("x");
    let values = vec![1.0, 2.0];
    assert_gives(|| delayed!(none()), 7);
    assert_gives(|| delayed!(label(1, &text)), "x1".to_owned());
    assert_gives(|| delayed!(label(2, "literal",)), "literal2".to_owned());
    assert_gives(|| delayed!(label(3, text.as_str())), "x3".to_owned());
    let path = PathBuf::from("a/b/c");
    assert_gives(|| delayed!(depth(&path)), 3);
    assert_gives(|| delayed!(depth(Path::new("a"))), 1);
    assert_gives(|| delayed!(total(&values)), 3.0);
    assert_gives(|| delayed!(total(&values[1..])), 2.0);
    assert_gives(|| delayed!(total(&[0.5; 4])), 2.0);
}

#[test]
fn up_to_eight_arguments() {
    let (b, e) = (2, [1, 2, 3]);
    assert_gives(
        || delayed!(eight(1, &b, 3, "four", &e[..], "f".to_owned(), (4, 5), vec![1])),
        15 + 4 + 3 + 1 + 1,
    );
    assert_gives(|| delayed!((|a, b, c| a + b + c)(1, 2, 3)), 6);
    assert_gives(|| delayed!((|a, b, c, d| a + b + c + d)(1, 2, 3, 4)), 10);
    assert_gives(|| delayed!((|a, b, c, d, e| a + b + c + d + e)(1, 2, 3, 4, 5)), 15);
    assert_gives(|| delayed!((|a, b, c, d, e, f| a + b + c + d + e + f)(1, 2, 3, 4, 5, 6)), 21);
    assert_gives(
        || delayed!((|a, b, c, d, e, f, g| a + b + c + d + e + f + g)(1, 2, 3, 4, 5, 6, 7)),
        28,
    );
}

#[test]
fn any_path_of_a_function() {
    let (model, x, pairs) = (Model::new(2.0), array![[1.0], [2.0]], vec![(1, None)]);
    assert_gives(|| delayed!(f64::sqrt(4.0)), 2.0);
    assert_gives(|| delayed!(Model::new(1.0)), Model::new(1.0));
    assert_gives(|| delayed!(Model::apply(&model, &x)), array![[2.0], [4.0]]);
    assert_gives(|| delayed!(Vec::<(i32, Option<u8>)>::len(&pairs)), 1);
    assert_gives(|| delayed!(<str as ToString>::to_string("text")), "text".to_owned());
    assert_gives(|| delayed!(usize::max(3, 4)), 4);
}

#[test]
fn generic_functions_in_generic_functions() {
    fn copy<T>(value: &T) -> T
    where
        T: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        assert_gives(|| delayed!(T::clone(value)), value.clone());
        delayed!(T::clone(value)).run()
    }
    assert_eq!(copy(&4), 4);
    assert_eq!(copy(&vec![Some("a".to_owned())]), [Some("a".to_owned())]);
}

#[test]
fn names_of_the_caller_do_not_meet_those_of_the_macro() {
    struct JoblibName;
    impl JoblibName {
        fn number(a: i32) -> i32 {
            a
        }
    }
    let (task, probe, function, a) = (1, 2, 3, 4);
    assert_eq!(JoblibName::number(a), 4);
    assert_gives(|| delayed!((|x, y, z, w| x + y + z + w)(task, probe, function, a)), 10);
}

#[test]
fn what_arguments_borrow_lives_to_the_end_of_the_statement() {
    assert_eq!(delayed!(total(&vec![1.0, 2.0])).run(), 3.0);
    assert_eq!(delayed!(label(1, &"a".repeat(2))).run(), "aa1");
}

#[test]
fn closures_borrow_and_move() {
    let rows = [vec![1, 2], vec![3]];
    let offset = 10;
    let sums = Parallel::new()
        .n_jobs(2)
        .run(rows.iter().map(|row| delayed(|| row.iter().sum::<i32>() + offset)))
        .unwrap();
    assert_eq!(sums, [13, 13]);
    let owned = Parallel::new().n_jobs(2).run(rows.map(|row| delayed(move || row))).unwrap();
    assert_eq!(owned, [vec![1, 2], vec![3]]);
}

#[test]
fn a_closure_cannot_travel_and_the_error_names_the_remedy() {
    let error =
        Parallel::new().backend(Scripted::new(Does::Ship)).run([delayed(|| 1)]).unwrap_err();
    assert!(matches!(error, Error::NotPortable { .. }));
    assert_eq!(
        error.to_string(),
        "closures cannot travel to the workers of the `scripted` backend: write \
         `delayed!(function(arguments))` for tasks and `fold!(…)` for folds, or choose the backend \
         `threads`"
    );
}

#[cfg(feature = "processes")]
#[test]
fn a_call_of_another_type_is_refused() {
    let wire = wire_of(&delayed!(none()));
    let error = (wire.target.call)(
        !wire.target.fingerprint,
        &mut joblib_backends::Payload::new(&[]),
        &mut joblib_backends::Frame::default(),
    );
    assert!(matches!(error, Err(joblib_backends::Failure::Refused { .. })));
    assert_ne!(wire.target.fingerprint, wire_of(&delayed!(f64::sqrt(1.0))).target.fingerprint);
    assert_eq!(wire.target.name, "none");
    assert_eq!(wire_of(&delayed!(f64::sqrt(1.0))).target.name, "f64::sqrt");
}

#[cfg(feature = "processes")]
fn wire_of<T: Task>(_: &T) -> joblib_parallel::Wire<T> {
    T::portable().unwrap()
}
