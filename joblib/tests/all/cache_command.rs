//! `joblib cache`, as a person runs it.

use std::path::Path;
use std::process::Command;

use joblib::prelude::*;

/// Exit code, standard output and standard error.
fn joblib(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_joblib"))
        .arg("cache")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path().join("cache"));
    let fit = memory.cache("model::fit", |x: &f64| vec![*x; 100]);
    for x in [0.5, 1.5, 2.5] {
        fit.call(&x);
    }
    memory.cache("model::fit", |x: &f64| vec![*x; 100]).version(2).call(&0.5);
    let other = memory.cache("other", |x: &u8| *x);
    other.call(&1);
    other.call(&1);
    folder
}

#[test]
fn lists_and_sums() {
    let folder = filled();
    let (code, text, _) = joblib(&["ls", "cache"], folder.path());
    assert_eq!(code, 0);
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["function", "results", "versions", "size", "used", "hits", "saved"]);
    assert_eq!(lines[1][..3], ["model::fit", "4", "2"]);
    let (_, text, _) = joblib(&["ls", "cache", "fit"], folder.path());
    assert!(text.contains("fit(argument=1.5)"), "{text}");
    let (_, json, _) = joblib(&["ls", "cache", "fit", "--json"], folder.path());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 4);
    assert!(json[0]["bytes"].as_u64().unwrap() > 800);
    let (_, json, _) = joblib(&["stat", "cache", "--json"], folder.path());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["results"], &json["versions"]), (&5.into(), &3.into()));
    assert_eq!((&json["calls"]["hits"], &json["calls"]["misses"]), (&1.into(), &5.into()));
    let (_, text, _) = joblib(&["stat", "cache"], folder.path());
    assert!(text.contains("hits       1 (17 % of calls), "), "{text}");
}

#[test]
fn says_why() {
    let folder = filled();
    let memory = Memory::new(folder.path().join("cache"));
    memory.cache("model::fit", |x: &f64| vec![*x; 100]).call(&(2.5 + 1e-14));
    let (code, text, _) = joblib(&["why", "cache", "fit"], folder.path());
    assert_eq!(code, 0);
    assert!(text.contains("argument: 2.50000000000001, was 2.5 (looks like rounding)"), "{text}");
}

#[test]
fn verifies_reduces_and_clears() {
    let folder = filled();
    assert_eq!(joblib(&["verify", "cache"], folder.path()).1, "5 whole, 0 damaged\n");
    let memory = Memory::new(folder.path().join("cache"));
    let id = memory.entries_of(&joblib::memory::Function::new("other")).unwrap()[0].id.clone();
    let file = format!("cache/joblib/other/{}/{}.jbl", id.code, id.arguments);
    std::fs::write(folder.path().join(file), "damage").unwrap();
    let (code, text, _) = joblib(&["verify", "cache", "--delete"], folder.path());
    assert_eq!(code, 1);
    assert!(text.ends_with("4 whole, 1 damaged (deleted)\n"), "{text}");
    assert_eq!(joblib(&["verify", "cache"], folder.path()).0, 0);
    let (_, text, _) = joblib(&["reduce", "cache", "--items", "3"], folder.path());
    assert!(text.starts_with("1 results deleted, "), "{text}");
    let (_, text, _) = joblib(&["clear", "cache", "fit"], folder.path());
    assert_eq!(text, "3 results deleted\n");
    assert!(memory.entries().unwrap().is_empty());
}

#[test]
fn mistakes_are_named_in_one_line() {
    let folder = filled();
    for (arguments, expected) in [
        (&["ls", "nowhere"][..], "no results in `nowhere`: it has no folder `joblib`"),
        (&["ls", "cache/joblib"], "did you mean `cache`?"),
        (&["why", "cache", "fi"], "no results of `fi` (functions: `model::fit`, `other`)"),
        (&["reduce", "cache"], "give `--bytes`, `--items` or `--age`"),
    ] {
        let (code, _, error) = joblib(arguments, folder.path());
        assert_eq!((code, error.lines().count()), (2, 1), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let (code, _, error) = joblib(&["reduce", "cache", "--bytes", "many"], folder.path());
    assert_eq!(code, 2);
    assert!(error.contains("`many` is no number of bytes"), "{error}");
}

#[test]
fn takes_urls() {
    let folder = filled();
    let url = format!("file://{}/cache", folder.path().display());
    let (code, text, error) = joblib(&["verify", &url], folder.path());
    assert_eq!((code, &*text), (0, "5 whole, 0 damaged\n"), "{error}");
    let (code, _, error) = joblib(&["ls", &format!("{url}/joblib")], folder.path());
    assert_eq!(code, 2);
    assert!(error.contains("no folder `joblib`; did you mean"), "{error}");
    let (code, _, error) = joblib(&["ls", "nosuch://bucket"], folder.path());
    assert_eq!(code, 2);
    assert!(error.contains("nosuch://bucket") && error.contains("known: "), "{error}");
}
