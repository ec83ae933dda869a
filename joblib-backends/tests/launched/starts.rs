use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use joblib_backends::{Backend, Error, Failure, Launched, Launcher, NJobs, backend_by_name};

use crate::{acts, launched};

/// A launcher that is this script, with our words as its arguments.
fn script(text: &str) -> Launcher {
    Launcher::new(["sh", "-c", text, "sh"])
}

fn pool(workers: usize, launcher: &Launcher) -> Launched {
    Launched::new(NonZeroUsize::new(workers).unwrap(), launcher).unwrap()
}

/// What tasks are told on a pool that has no worker.
#[track_caller]
fn refusal(launcher: &Launcher) -> String {
    let pool = pool(1, launcher);
    let answers = acts(&pool, &["a", "b"]);
    let [Err(Failure::Refused { message }), Err(Failure::Refused { .. })] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(answers, acts(&pool, &["a", "b"]), "it stays so");
    message.clone()
}

#[test]
fn a_launcher_that_starts_no_worker_is_told_with_its_words_and_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let text = format!("echo start >>{}; echo no route to host >&2; exit 255", log.display());
    let pool = pool(3, &script(&text));
    for _ in 0..50 {
        let answers = acts(&pool, &["a"]);
        let Err(Failure::Refused { message }) = &answers[0] else { panic!("{answers:?}") };
        assert!(message.starts_with("`sh -c echo start"), "{message}");
        let end = "started no worker, and ended with exit code 255: no route to host";
        assert!(message.ends_with(end), "{message}");
    }
    let starts = fs::read_to_string(&log).unwrap().lines().count();
    assert_eq!(starts, 1, "there was never more than one batch");
}

#[test]
fn a_launcher_that_is_not_there_is_named() {
    let message = refusal(&Launcher::new(["/no/such/launcher", "-x"]));
    assert!(message.starts_with("`/no/such/launcher -x` could not be started: "), "{message}");
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let message = refusal(&Launcher::new(["env"]).executable("/no/such/program"));
    assert!(message.contains("ended with exit code 127: "), "{message}");
    assert!(message.contains("/no/such/program"), "{message}");
}

#[test]
fn another_build_is_refused() {
    let message = refusal(&script("printf joblibW1................; cat >/dev/null"));
    assert!(message.contains("started another build of this program"), "{message}");
}

#[test]
fn silence_is_an_error_after_the_limit() {
    let limit = Some(Duration::from_millis(50));
    let message = refusal(&script("exec sleep 1000").start_limit(limit));
    assert!(message.ends_with("started no worker within 50ms"), "{message}");
}

#[test]
fn a_worker_that_is_late_leaves_the_others_to_work() {
    // The first start makes the folder and goes on, the second waits.
    let folder = tempfile::tempdir().unwrap();
    let text = format!("mkdir {}/first && exec \"$@\"; exec sleep 1000", folder.path().display());
    let one = script(&text).start_limit(Some(Duration::from_secs(30)));
    let pool = pool(2, &one);
    assert_eq!(acts(&pool, &["a"]), [Ok("a".to_owned())]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(acts(&pool, &["b"]), [Ok("b".to_owned())]));
        }
    });
    // Does not wait for the second.
    pool.shutdown(Duration::ZERO).unwrap();
}

#[test]
fn what_a_shell_says_before_the_greeting_is_passed_over() {
    let pool = pool(1, &script("echo welcome to joblib; exec \"$@\""));
    assert_eq!(acts(&pool, &["a"]), [Ok("a".to_owned())]);
}

#[test]
fn a_pool_is_kept_by_its_command_until_it_breaks() {
    let get = |text: &str| backend_by_name(text, NJobs::from(2)).unwrap();
    assert!(Arc::ptr_eq(&get("launch:env"), &get("launch:env")));
    assert_eq!(get("launch:env").effective_n_jobs(NJobs::from(-1)).unwrap().get(), 2);
    let broken = get("launch:false");
    assert!(matches!(acts(&*broken, &["a"])[0], Err(Failure::Refused { .. })));
    assert!(!Arc::ptr_eq(&broken, &get("launch:false")));
}

#[test]
fn no_command_is_an_error_with_the_remedy() {
    let error = backend_by_name("launch:", NJobs::from(2)).unwrap_err();
    assert!(matches!(error, Error::NoCommand), "{error}");
    assert!(error.to_string().contains("`launch:srun -Q -n1 --exact --unbuffered`"), "{error}");
}

#[test]
fn workers_stay() {
    let pool = launched(2);
    let worker = |_| acts(&pool, &["worker"]).remove(0).unwrap();
    // The second one may be started while the first has answered, and is not yet known to be idle.
    let workers: BTreeSet<String> = (0..10).map(worker).collect();
    assert!(workers.len() <= 2, "{workers:?}");
}
