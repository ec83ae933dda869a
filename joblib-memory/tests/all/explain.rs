//! Why a result was not found.

use std::collections::BTreeMap;

use joblib_memory::{Explanation, Limits, Memory, Reason};
use ndarray::Array1;
use serde::Serialize;

#[derive(Serialize, Clone)]
struct Settings {
    name: String,
    rates: Vec<(u8, f64)>,
    extra: BTreeMap<String, Option<u8>>,
    kind: Kind,
}

#[derive(Serialize, Clone)]
enum Kind {
    Plain,
    Scaled { by: f64 },
}

fn settings() -> Settings {
    Settings {
        name: "base".to_owned(),
        rates: vec![(1, 0.5), (2, 0.25)],
        extra: BTreeMap::from([("depth".to_owned(), Some(3))]),
        kind: Kind::Plain,
    }
}

type Arguments = (Settings, Array1<f64>, f64);

/// Why `asked` is not found when `stored` is there.
fn why(stored: &[Arguments], asked: &Arguments) -> Explanation {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let f = memory.cache("f", |(_, x, y): &Arguments| x.sum() + y);
    for arguments in stored {
        f.call(arguments);
    }
    let before = memory.stats();
    let why = f.explain(asked);
    assert_eq!(memory.stats(), before, "an explanation is no call");
    why
}

fn differences(why: &Explanation) -> Vec<(String, bool)> {
    let Reason::ArgumentsDiffer { differences, .. } = &why.reason else { panic!("{why}") };
    differences.iter().map(|found| (found.path.clone(), found.is_rounding)).collect()
}

#[test]
fn first_stored_and_disabled() {
    let base = (settings(), Array1::zeros(3), 1.0);
    assert_eq!(why(&[], &base).reason, Reason::FirstCall);
    assert_eq!(why(std::slice::from_ref(&base), &base).reason, Reason::Stored);
    let f = Memory::none().cache("f", |x: &u8| *x).explain(&1);
    assert_eq!((f.id, f.reason), (None, Reason::Disabled));
}

#[test]
fn the_nearest_call_and_what_differs() {
    let base = (settings(), Array1::from_iter((0..1000).map(f64::from)), 1.0);
    let mut far = base.clone();
    far.0.name = "far".to_owned();
    far.1.fill(7.0);
    far.2 = 3.0;
    let mut asked = base.clone();
    asked.0.rates[1].1 = 0.75;
    asked.1[17] += 1e-12;
    asked.1[400] += 1e-11;
    let why = why(&[far, base], &asked);
    let text = why.to_string();
    assert_eq!(
        differences(&why),
        [("argument[0].rates[1][1]".to_owned(), false), ("argument[1]".to_owned(), true)],
        "{text}"
    );
    assert!(text.contains("0.75, was 0.25"), "{text}");
    assert!(text.contains("2 elements differ"), "{text}");
    assert!(text.contains("1.000444171950221e-11"), "{text}");
    assert!(text.contains("array of f64, shape [1000] (looks like rounding)"), "{text}");
}

#[test]
fn near_misses_are_named() {
    let base = (settings(), Array1::zeros(1), 0.3);
    let asked = (settings(), Array1::zeros(1), 0.1 + 0.2);
    let why = why(&[base], &asked);
    assert_eq!(differences(&why), [("argument[2]".to_owned(), true)]);
    assert!(why.to_string().contains("0.30000000000000004, was 0.3 (looks like rounding)"));
}

#[test]
fn structures_differ_by_path() {
    let base = (settings(), Array1::zeros(1), 0.0);
    let mut asked = base.clone();
    asked.0.kind = Kind::Scaled { by: 2.0 };
    asked.0.extra = BTreeMap::from([("depth".to_owned(), None), ("width".to_owned(), Some(1))]);
    asked.1 = Array1::zeros(2);
    let why = why(&[base], &asked).to_string();
    for expected in [
        "argument[0].kind: Scaled, was Plain",
        "argument[0].kind.by: 2.0, was not there",
        "argument[0].extra[\"depth\"]: None, was 3",
        "argument[0].extra[\"width\"]: 1, was not there",
        "argument[1]: array of f64, shape [2], was array of f64, shape [1]",
    ] {
        assert!(why.contains(expected), "{expected}\n{why}");
    }
}

/// As on a file system whose clock stands still.
#[cfg(unix)]
#[test]
fn why_does_not_depend_on_the_clock_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let f = memory.cache("f", |x: &u64| *x);
    let mut ids = Vec::new();
    for x in 0..20 {
        f.call(&x);
        let new = f.entries().unwrap().into_iter().find(|entry| !ids.contains(&entry.id)).unwrap();
        let path = format!("joblib/f/{}/{}.jbl", new.id.code, new.id.arguments);
        let file = std::fs::File::open(folder.path().join(path)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let newest = memory.newest(&joblib_memory::Function::new("f")).unwrap().unwrap();
        assert_eq!(newest.id, new.id);
        ids.push(new.id);
    }
    assert_eq!(memory.why(&ids[0]).unwrap().unwrap().reason, Reason::FirstCall);
    for at in 1..ids.len() {
        let why = memory.why(&ids[at]).unwrap().unwrap().reason;
        let Reason::ArgumentsDiffer { nearest, .. } = why else { panic!("{why}") };
        assert!(ids[..at].contains(&nearest), "compared with a later call");
    }
}

#[test]
fn changed_code_damage_and_eviction() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let version = |v: u8| memory.cache("f", |x: &u8| *x).version(v);
    version(1).call(&1);
    assert!(matches!(version(2).explain(&1).reason, Reason::CodeChanged { stored: Some(_) }));
    let other = version(2).explain(&2);
    assert!(other.to_string().ends_with("argument: 2, was 1\n  its code"), "{other}");
    memory.reduce_size(&Limits::new().items(0)).unwrap();
    let why = version(1).explain(&1);
    assert!(matches!(why.reason, Reason::Evicted { .. }), "{why}");
    version(1).call(&1);
    let id = version(1).entries().unwrap()[0].id.clone();
    let path = folder.path().join(format!("joblib/f/{}/{}.jbl", id.code, id.arguments));
    std::fs::write(path, "garbage").unwrap();
    assert!(matches!(version(1).explain(&1).reason, Reason::Damaged(_)));
}
