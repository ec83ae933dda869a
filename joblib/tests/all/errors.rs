//! Bad input ends in an error that says what was being done, with what, and what to do instead.

use std::error::Error;
use std::fs;

use joblib::prelude::*;
use ndarray::Array1;
use tempfile::tempdir;

/// The messages of an error and its causes, each on its line.
fn chain(error: impl Error + 'static) -> String {
    let causes = std::iter::successors(Some(&error as &dyn Error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn says(error: impl Error + 'static, parts: &[&str]) {
    let text = chain(error);
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.windows(2).all(|pair| !pair[0].contains(pair[1])), "said twice:\n{text}");
}

#[test]
fn zero_workers_name_the_remedy() {
    let error = Parallel::new().n_jobs(0).run([delayed(|| 1)]).unwrap_err();
    says(error, &["`n_jobs = 0` has no meaning", "-1 uses all cores"]);
}

#[test]
fn an_unknown_backend_lists_the_known_ones() {
    let error = Parallel::new().n_jobs(2).backend("thread").run([delayed(|| 1)]).unwrap_err();
    let known = joblib::backends::backend_names().join(", ");
    says(error, &["no backend named `thread`", &format!("known: {known}")]);
}

#[test]
fn a_panic_names_the_task() {
    let error = Parallel::new()
        .n_jobs(2)
        .run((0..10).map(|i| delayed(move || assert!(i != 7, "seven is not allowed"))))
        .unwrap_err();
    says(error, &["task 7", "seven is not allowed"]);
}

#[cfg(all(feature = "processes", target_os = "linux"))]
mod processes {
    use super::*;

    fn die_at(i: u32) -> u32 {
        if i == 3 {
            std::process::abort();
        }
        i
    }

    #[test]
    fn a_dead_worker_names_the_task_and_the_signal() {
        let error = Parallel::new()
            .n_jobs(2)
            .backend("processes")
            .run((0..10).map(|i| delayed!(die_at(i))))
            .unwrap_err();
        says(error, &["task 3", "die_at", "signal 6"]);
    }

    #[test]
    fn a_closure_is_told_how_to_travel() {
        let offset = 1;
        let error = Parallel::new()
            .n_jobs(2)
            .backend("processes")
            .run((0..2).map(|i| delayed(move || i + offset)))
            .unwrap_err();
        says(error, &["closures cannot travel", "delayed!"]);
    }
}

#[test]
fn an_unknown_compressor_lists_the_known_ones_and_leaves_no_file() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.jbl");
    let error = DumpOptions::new().compress("zip").dump(&1, &path).unwrap_err();
    says(error, &["x.jbl", "`zip`", "registered: "]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_foreign_file_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.jbl");
    fs::write(&path, "a,b\n1,2\n").unwrap();
    says(load::<u8>(&path).unwrap_err(), &["x.jbl", "not a joblib file"]);
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.jbl");
    dump(&Array1::<f64>::ones(1000), &path).unwrap();
    let whole = fs::read(&path).unwrap();
    for len in (0..whole.len()).step_by(97) {
        fs::write(&path, &whole[..len]).unwrap();
        assert!(load::<Array1<f64>>(&path).is_err(), "{len} of {} bytes", whole.len());
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    says(load::<Array1<f64>>(&path).unwrap_err(), &["x.jbl", "too early"]);
}

#[test]
fn another_type_is_refused_with_its_place() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("x.jbl");
    dump(&vec![(1, Array1::<f64>::ones(3))], &path).unwrap();
    let error = load::<Vec<(i32, Array1<f32>)>>(&path).unwrap_err();
    says(error, &["x.jbl", "`[0].[1]`", "array of f64 found, f32 wanted"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named_and_the_old_file_stays() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "kept").unwrap();
    says(dump(&1, file.join("x.jbl")).unwrap_err(), &["file/x.jbl"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}
