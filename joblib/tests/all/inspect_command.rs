//! `joblib inspect`, as a person runs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::{Array2, array};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Model {
    coef: Array2<f64>,
    names: Vec<String>,
    scale: Option<f32>,
}

fn model() -> Model {
    Model { coef: array![[1.0, 2.5], [-3.0, 0.0]], names: vec!["a".into()], scale: None }
}

/// Exit code, standard output and standard error.
fn joblib(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_joblib"));
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn succeed(arguments: &[&str], folder: &Path) -> String {
    let (code, output, error) = joblib(arguments, folder);
    assert_eq!((code, &*error), (0, ""), "{arguments:?}");
    output
}

fn inspect_json(file: &str, more: &[&str], folder: &Path) -> serde_json::Value {
    let arguments = [&["inspect", file, "--json"], more].concat();
    serde_json::from_str(&succeed(&arguments, folder)).unwrap()
}

/// A file that Python has written.
fn python_file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.join("../joblib-persist/tests/fixtures/python").join(name).display().to_string()
}

#[test]
fn shows_native_files() {
    let folder = tempfile::tempdir().unwrap();
    joblib::dump(&model(), folder.path().join("a.jbl")).unwrap();
    let text = succeed(&["inspect", "a.jbl"], folder.path());
    assert!(text.starts_with("native format, version 1"), "{text}");
    assert!(text.contains("\n  coef: array of f64 [2, 2] C, 32 bytes"), "{text}");
    let json = inspect_json("a.jbl", &["--depth", "0"], folder.path());
    assert_eq!(json["values"][0]["type_name"], "Model");
    assert!(json["values"][0].get("items").is_none());
}

#[test]
fn shows_python_files() {
    let folder = tempfile::tempdir().unwrap();
    for (name, compressor) in [("arrays.joblib", None), ("arrays.joblib.gz", Some("gzip"))] {
        let file = python_file(name);
        let json = inspect_json(&file, &["--full"], folder.path());
        assert_eq!(json["format"], "Python pickle");
        assert_eq!(json.get("compressor").and_then(|name| name.as_str()), compressor);
        let items = json["values"][0]["items"].as_array().unwrap();
        let find = |name: &str| items.iter().find(|item| item["name"] == name).unwrap();
        assert_eq!(find("f8")["array"]["shape"], serde_json::json!([2, 3]));
        assert_eq!(find("f8")["array"]["dtype"], "float64");
        assert_eq!(find("fortran")["array"]["order"], "F");
        assert_eq!(find("big")["array"]["dtype"], ">float64");
        assert_eq!(json["values"][0]["len"], items.len());
        assert!(json["arrays"].as_u64().unwrap() > 10);
    }
    let text = succeed(&["inspect", &python_file("objects.joblib")], folder.path());
    assert!(text.lines().count() > 5 && text.contains("\n  "), "{text}");
}

#[test]
fn what_is_long_is_cut_unless_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let list: Vec<String> = (0..30).map(|i| i.to_string()).collect();
    joblib::dump(&list, folder.path().join("a.pkl")).unwrap();
    let text = succeed(&["inspect", "a.pkl"], folder.path());
    assert!(text.contains("\n  [9]: str '9'\n") && text.ends_with("… 20 more\n"), "{text}");
    assert!(succeed(&["inspect", "a.pkl", "--full"], folder.path()).contains("[29]: str '29'"));
}

#[test]
fn what_contains_itself_ends() {
    use joblib::persist::value::Builder;
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Builder::new();
    // Lists in lists, each twice: 2^40 lists on paper.
    let mut list = builder.list(&[]);
    for _ in 0..40 {
        list = builder.list(&[list, list]);
    }
    builder.push(list, list);
    joblib::dump(&builder.finish(list), folder.path().join("a.pkl")).unwrap();
    let text = succeed(&["inspect", "a.pkl", "--full"], folder.path());
    assert_eq!(text.lines().count(), 1 + 1 + 2 * 40 + 1);
    assert!(text.ends_with("\n  [2]: list (shown above)\n"), "{text}");
}

#[test]
fn failures_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text.pkl"), "some text").unwrap();
    for (file, expected) in [
        ("missing.jbl", "inspecting `missing.jbl`: opening the file failed"),
        ("text.pkl", "loading `text.pkl`"),
    ] {
        let (code, output, error) = joblib(&["inspect", file], folder.path());
        assert_eq!((code, &*output, error.lines().count()), (1, "", 1), "{error}");
        assert!(error.starts_with("joblib: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn mistakes_in_arguments_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["inspect"][..], &["inspect", "a", "--depth", "x"]] {
        assert_eq!(joblib(arguments, folder.path()).0, 2, "{arguments:?}");
    }
    assert!(succeed(&["inspect", "--help"], folder.path()).contains("Examples:"));
}

/// As `joblib inspect … | head -1` does.
#[cfg(unix)]
#[test]
fn who_reads_only_the_beginning_is_not_told_of_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..100_000).map(|i| format!("text number {i}")).collect();
    joblib::dump(&texts, folder.path().join("a.pkl")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_joblib"));
    command.args(["inspect", "a.pkl", "--full"]).current_dir(folder.path());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
}
