//! What the environment sets and what is printed: each test starts this binary again as a child
//! whose variables and output it owns.

#![cfg(feature = "threads")]
#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

use std::process::{Command, Output};

use joblib_parallel::{Parallel, ParallelConfig, delayed};

/// Tells a child which test it is to be.
const CHILD: &str = "JOBLIB_TEST_CHILD";

/// In the child runs `body`; in the parent starts the child with `variables` and returns what it
/// printed.
fn child(test: &str, variables: &[(&str, &str)], body: fn()) -> Option<Output> {
    if std::env::var(CHILD).is_ok_and(|child| child == test) {
        body();
        return None;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env_remove("JOBLIB_BACKEND")
        .env_remove("JOBLIB_N_JOBS")
        .env_remove("JOBLIB_TEMP_FOLDER")
        .env_remove("JOBLIB_VERBOSE")
        .envs(variables.iter().copied())
        .env(CHILD, test)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Some(output)
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    // Test runners print the name of a test without a new line.
    let ours = |line: &str| line.find("[Parallel(").map(|start| line[start..].to_owned());
    text.lines().filter_map(ours).collect()
}

fn n_jobs() -> usize {
    Parallel::new().effective_n_jobs().unwrap()
}

#[test]
fn arguments_go_before_regions_and_these_before_the_environment() {
    child(
        "arguments_go_before_regions_and_these_before_the_environment",
        &[("JOBLIB_N_JOBS", "3"), ("JOBLIB_BACKEND", "threading")],
        || {
            assert_eq!(n_jobs(), 3);
            ParallelConfig::new().n_jobs(4).scope(|| {
                assert_eq!(n_jobs(), 4);
                assert_eq!(Parallel::new().n_jobs(5).effective_n_jobs().unwrap(), 5);
            });
            // It does not reach into tasks.
            let inside = Parallel::new().run([delayed(n_jobs)]).unwrap();
            assert_eq!(inside, [1]);
        },
    );
}

#[test]
fn the_environment_chooses_the_backend() {
    child("the_environment_chooses_the_backend", &[("JOBLIB_BACKEND", "sequential")], || {
        assert_eq!(Parallel::new().n_jobs(4).effective_n_jobs().unwrap(), 1);
    });
}

#[test]
fn a_wrong_variable_is_an_error_that_names_it() {
    child("a_wrong_variable_is_an_error_that_names_it", &[("JOBLIB_N_JOBS", "many")], || {
        let error = Parallel::new().run([delayed(|| ())]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable `JOBLIB_N_JOBS` is `many`, not a whole number"
        );
    });
}

#[test]
fn nothing_is_printed_unless_asked() {
    let output = child("nothing_is_printed_unless_asked", &[], || {
        Parallel::new().n_jobs(2).run((0..100).map(|i| delayed(move || i))).unwrap();
    });
    let Some(output) = output else { return };
    assert!(lines(&output.stdout).is_empty() && lines(&output.stderr).is_empty());
}

#[test]
fn progress_goes_to_the_standard_error() {
    let output = child("progress_goes_to_the_standard_error", &[("JOBLIB_VERBOSE", "11")], || {
        let parallel = Parallel::new().n_jobs(2).batch_size(1).pre_dispatch(1);
        parallel.run((0..3).map(|i| delayed(move || i))).unwrap();
    });
    let Some(output) = output else { return };
    assert!(lines(&output.stdout).is_empty());
    let lines = lines(&output.stderr);
    assert_eq!(lines[0], "[Parallel(n_jobs=2)]: Using backend threads with 2 concurrent workers.");
    assert!(lines[1].starts_with("[Parallel(n_jobs=2)]: Done 1 out of 3 | elapsed:"), "{lines:?}");
    let last = lines.last().unwrap();
    assert!(last.starts_with("[Parallel(n_jobs=2)]: Done 3 out of 3 | elapsed:"), "{last}");
    assert!(last.ends_with("s finished"), "{last}");
}

#[test]
fn from_50_on_progress_goes_to_the_standard_output() {
    let output = child("from_50_on_progress_goes_to_the_standard_output", &[], || {
        let tasks = (0..3).map(|i| delayed(move || i));
        assert_eq!(Parallel::new().verbose(50).stream(tasks.filter(|_| true)).count(), 3);
    });
    let Some(output) = output else { return };
    assert!(lines(&output.stderr).is_empty());
    let lines = lines(&output.stdout);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines[0].starts_with("[Parallel(n_jobs=1)]: Done   1 tasks      | elapsed:"));
    assert!(lines[3].starts_with("[Parallel(n_jobs=1)]: Done   3 out of   3 | elapsed:"));
}

#[test]
fn a_failed_call_does_not_report_that_it_finished() {
    let output = child("a_failed_call_does_not_report_that_it_finished", &[], || {
        let tasks = (0..3).map(|i| delayed(move || assert!(i != 1)));
        Parallel::new().verbose(11).run(tasks).unwrap_err();
    });
    let Some(output) = output else { return };
    assert!(lines(&output.stderr).iter().all(|line| !line.ends_with("finished")));
}
