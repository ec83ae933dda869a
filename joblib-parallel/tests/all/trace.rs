use std::path::Path;

use joblib_parallel::{Error, Parallel, Retries, delayed, fold};
use serde_json::Value;

use crate::backends::{Does, Scripted};
#[cfg(all(feature = "processes", target_os = "linux"))]
use crate::watchdog::must_end;

#[cfg(all(feature = "processes", target_os = "linux"))]
fn half(n: u32) -> u32 {
    assert!(n != 7, "seven is odd");
    n / 2
}

/// What `run` does, as the file of its trace has it.
fn traced(name: &str, run: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    run(&path);
    std::fs::read_to_string(path).unwrap()
}

/// The bars of a trace: task, number of tasks, ending. In the order of the tasks.
fn bars(json: &str) -> Vec<(u64, u64, String)> {
    let trace: Value = serde_json::from_str(json).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let mut bars: Vec<_> = events
        .iter()
        .filter(|event| event["ph"] == "X")
        .map(|event| {
            let facts = &event["args"];
            let ending = facts["ending"].as_str().unwrap().to_owned();
            assert!(event["dur"].as_f64().unwrap() >= 0.0 && event["ts"].as_f64().unwrap() >= 0.0);
            (facts["task"].as_u64().unwrap(), facts["tasks"].as_u64().unwrap(), ending)
        })
        .collect();
    bars.sort();
    bars
}

/// That every one of `count` tasks is in one bar.
fn whole(bars: &[(u64, u64, String)], count: u64) {
    let mut next = 0;
    for (first, tasks, _) in bars {
        assert_eq!(*first, next, "{bars:?}");
        next += tasks;
    }
    assert_eq!(next, count);
}

fn here() -> Vec<Parallel> {
    let scripted = |does| Parallel::new().n_jobs(2).backend(Scripted::new(does));
    let mut parallels =
        vec![Parallel::new().n_jobs(1), scripted(Does::RunNow), scripted(Does::RunLater)];
    if cfg!(feature = "threads") {
        parallels.push(Parallel::new().n_jobs(2).backend("threads"));
    }
    parallels
}

#[test]
fn each_task_is_in_the_picture_of_every_way_to_run() {
    for parallel in here() {
        let tasks = || (0..300).map(|n| delayed(move || n));
        let run = traced("a.json", |path| {
            let results = parallel.clone().trace(path).run(tasks()).unwrap();
            assert!(results.into_iter().eq(0..300));
        });
        whole(&bars(&run), 300);
        let stream = traced("b.json", |path| {
            assert_eq!(parallel.clone().trace(path).stream(tasks()).flatten().sum::<u32>(), 44850);
        });
        whole(&bars(&stream), 300);
        let reduced = traced("c.json", |path| {
            let sum = fold(|| 0, |sum, n: u32| sum + n, |left, right| left + right);
            assert_eq!(parallel.clone().trace(path).reduce(tasks(), sum).unwrap(), 44850);
        });
        whole(&bars(&reduced), 300);
    }
}

#[test]
fn failures_and_attempts_are_told_apart() {
    for parallel in here().into_iter().skip(1) {
        let tasks = (0..4).map(|n| delayed(move || assert!(n != 2)).repeatable());
        let json = traced("run.json", |path| {
            let retries = Retries::new(1).panics();
            let each = parallel.clone().retries(retries).trace(path).run_each(tasks).unwrap();
            assert!(each[2].is_err());
        });
        let of_two: Vec<_> = bars(&json).into_iter().filter(|(task, ..)| *task == 2).collect();
        assert_eq!(of_two, [(2, 1, "again".to_owned()), (2, 1, "failed".to_owned())]);
    }
}

#[test]
fn a_stream_that_is_dropped_has_a_picture() {
    for parallel in here() {
        let page = traced("run.html", |path| {
            let mut stream = parallel.clone().trace(path).stream((0..).map(|n| delayed(move || n)));
            assert_eq!(stream.next().unwrap().unwrap(), 0);
        });
        assert!(page.ends_with("</html>\n") && !page.contains("{/*picture*/}"));
    }
}

#[test]
fn a_file_that_cannot_be_is_refused_before_any_task() {
    let never = || delayed(|| unreachable!("no task begins"));
    let run = |path: &str| Parallel::new().trace(path).run([never()]).map(|_: Vec<()>| ());
    let error = run("/no/such/folder/run.json").unwrap_err();
    assert!(matches!(error, Error::Trace { .. }));
    assert_eq!(error.to_string(), "cannot create the trace `/no/such/folder/run.json`");
    assert_eq!(
        run("run.txt").unwrap_err().to_string(),
        "`trace`: the name `run.txt` says no format (expected an end in `.json`, the Chrome trace \
         format, or `.html`, a page)"
    );
}

#[cfg(all(feature = "processes", target_os = "linux"))]
#[test]
fn worker_processes_take_the_time_themselves() {
    let parallel = Parallel::new().n_jobs(2).backend("processes");
    let json = traced("run.json", |path| {
        let tasks = (0..40).map(|n| delayed!(half(n)));
        let each = must_end({
            let parallel = parallel.clone().trace(path);
            move || parallel.run_each(tasks).unwrap()
        });
        assert_eq!(each[8], Ok(4));
        assert_eq!(
            each[7].as_ref().unwrap_err().to_string(),
            "task 7 (`half`): panicked: seven is odd"
        );
    });
    let bars = bars(&json);
    whole(&bars, 40);
    assert!(bars.contains(&(7, 1, "failed".to_owned())));
    assert!(json.contains("\"name\":\"half 8\"") || json.contains("\"process "), "{json}");
    let trace: Value = serde_json::from_str(&json).unwrap();
    let own = u64::from(std::process::id());
    let events = trace["traceEvents"].as_array().unwrap();
    assert!(events.iter().all(|event| event["ph"] != "X" || event["pid"].as_u64() != Some(own)));
}
