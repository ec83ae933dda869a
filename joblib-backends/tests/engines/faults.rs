use std::io::Write;

use joblib_backends::{Distributed, Error, Failure, Frame, NJobs, Payload, backend_by_name};

use crate::calls::call;
use crate::{address, engine};

/// What connecting to `address` says, with its cause.
fn refused(address: &str) -> String {
    let error = Distributed::connect(address).unwrap_err();
    assert!(matches!(&error, Error::Engine { address: told, .. } if told == address), "{error}");
    std::error::Error::source(&error).unwrap().to_string()
}

#[test]
fn a_missing_python_is_named() {
    let why = refused("python:concurrent.futures:ThreadPoolExecutor?python=/no/such/python");
    assert!(why.starts_with("there is no `/no/such/python`"), "{why}");
}

#[test]
fn a_missing_module_or_factory_is_named() {
    let why = refused("python:no_such_module:Executor");
    assert!(why.contains("`no_such_module:Executor`") && why.contains("No module"), "{why}");
    let why = refused("python:concurrent.futures:Exekutor");
    assert!(why.contains("has no attribute 'Exekutor'"), "{why}");
}

#[test]
fn a_missing_package_is_named_with_the_remedy() {
    // Python's own modules alone.
    let mut python = tempfile::NamedTempFile::new().unwrap();
    python.write_all(b"#!/bin/sh\nexec python3 -S \"$@\"\n").unwrap();
    let python = executable(python);
    for (scheme, package) in [
        ("dask", "distributed"),
        ("ipyparallel", "ipyparallel"),
        ("ray", "ray"),
        ("spark", "pyspark"),
    ] {
        let why = refused(&format!("{scheme}://127.0.0.1:9?python={}", python.display()));
        assert!(why.starts_with(&format!("the module `{package}` cannot be imported by")), "{why}");
        assert!(why.contains(&format!("`pip install {package}`")), "{why}");
    }
}

#[test]
fn an_engine_that_is_not_there_is_told_within_its_time_out() {
    for engine in [
        "dask://127.0.0.1:9?timeout=2s",
        "tls://127.0.0.1:9?timeout=2s",
        "ipyparallel:///no/such/client.json",
        "ray://127.0.0.1:9",
        "spark://127.0.0.1:9",
    ] {
        // One line, whether the package is missing or the engine.
        let why = refused(engine);
        assert!(!why.is_empty() && !why.trim().contains('\n'), "{why}");
    }
}

#[test]
fn a_connection_is_kept_by_its_address() {
    let address = "python:concurrent.futures:ThreadPoolExecutor?max_workers=2";
    let connect = || backend_by_name(address, NJobs::from(2)).unwrap();
    let first = connect();
    assert_eq!(
        (first.name(), first.effective_n_jobs(NJobs::from(-1)).unwrap().get()),
        ("python", 2)
    );
    assert!(std::sync::Arc::ptr_eq(&first, &connect()));
}

/// The payload as text, unless it asks for something else.
fn act(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let text: String = input.read()?;
    match text.as_str() {
        "abort" => std::process::abort(),
        "exit 7" => std::process::exit(7),
        "path" => out.write(&std::env::current_exe().unwrap()),
        _ => out.write(&text),
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_worker_that_dies_costs_the_task_it_ran() {
    let engine = engine(1);
    for (how, expected) in [("abort", "signal 6 (SIGABRT)"), ("exit 7", "exit code 7")] {
        let answers = call::<_, String>(&engine, act, texts(&["a", how, "b"]));
        assert_eq!(answers[0], Ok("a".to_owned()));
        let died =
            matches!(&answers[1], Err(Failure::WorkerDied { status, .. }) if status == expected);
        assert!(died, "{answers:?}");
        assert_eq!(answers[2], Err(Failure::NotRun));
        assert_eq!(call::<_, String>(&engine, act, texts(&["c"])), [Ok("c".to_owned())]);
    }
}

#[test]
fn a_program_that_is_not_on_the_worker_is_named_with_the_remedy() {
    let place = format!("{}&executable=/no/such/program", with_options());
    let answers = call::<_, String>(&Distributed::connect(&place).unwrap(), act, texts(&["a"]));
    let Err(Failure::Refused { message }) = &answers[0] else { panic!("{answers:?}") };
    assert!(message.starts_with("`/no/such/program` could not be started on "), "{message}");
    assert!(message.contains("ship=true"), "{message}");
}

/// Closes the file and lets it be started.
fn executable(file: tempfile::NamedTempFile) -> tempfile::TempPath {
    let path = file.into_temp_path();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&path, mode).unwrap();
    path
}

#[test]
fn another_program_on_the_worker_is_refused() {
    let mut other = tempfile::NamedTempFile::new().unwrap();
    other.write_all(b"#!/bin/sh\nprintf 'joblibW1................' >&0\ncat >/dev/null\n").unwrap();
    let path = executable(other);
    let place = format!("{}&executable={}", with_options(), path.display());
    let answers = call::<_, String>(&Distributed::connect(&place).unwrap(), act, texts(&["a"]));
    let Err(Failure::Refused { message }) = &answers[0] else { panic!("{answers:?}") };
    assert!(message.contains("is another build than the one that asks"), "{message}");
}

#[test]
fn a_shipped_program_needs_no_path_and_is_sent_where_it_is_not() {
    // Under another name, so that no worker of other tests serves, which is there when it is read.
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("program");
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &link).unwrap();
    let place = format!("{}&ship=true&executable={}", with_options(), link.display());
    let engine = Distributed::connect(&place).unwrap();
    std::fs::remove_file(link).unwrap();
    // Each time, another worker has to be started.
    let path = || {
        let mut answers = call::<_, String>(&engine, act, texts(&["path", "abort"]));
        assert!(matches!(answers[1], Err(Failure::WorkerDied { .. })), "{answers:?}");
        answers.remove(0).unwrap()
    };
    let shipped = path();
    let folder = std::env::temp_dir().join("joblib-rust-");
    assert!(shipped.starts_with(folder.to_str().unwrap()), "{shipped}");
    // What came with the first batch is gone. An engine with several workers may have started others before.
    std::fs::remove_file(&shipped).unwrap();
    assert!((0..100).any(|_| path() == shipped));
}

/// The address, with options already begun.
fn with_options() -> String {
    let address = address(1);
    if address.contains('?') { address } else { format!("{address}?timeout=20") }
}
