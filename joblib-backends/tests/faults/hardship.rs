use std::num::NonZeroUsize;
use std::process::Command;
use std::thread;
use std::time::Duration;

use joblib_backends::{Backend, Failure, Frame, Payload, Processes, WorkerOptions};
use joblib_persist::MappedArray;
use ndarray::{Array1, Ix1};

use crate::calls;
use crate::deaths::kill;
use crate::support::{call, one_worker, pid};

/// Works a little, and gives the argument back.
fn work(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let text: String = input.read()?;
    thread::sleep(Duration::from_micros(200));
    out.write(&text)
}

/// A worker is killed at a moment that differs from run to run: at most one task is blamed, results
/// are right or missing, and the pool goes on.
fn killed_at_any_moment(runs: u64) {
    let pool = one_worker();
    let texts: Vec<_> = (0..20).map(|i| i.to_string()).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    for run in 0..runs {
        let worker = pid(&pool);
        let answers = thread::scope(|scope| {
            let answers = scope.spawn(|| call(&pool, work, &texts));
            thread::sleep(Duration::from_micros(run * 7919 % 6000));
            kill(&worker);
            answers.join().unwrap()
        });
        let mut blamed = 0;
        for (answer, text) in answers.iter().zip(&texts) {
            match answer {
                Ok(result) => assert_eq!(result, text),
                Err(Failure::WorkerDied { status, .. }) => {
                    assert_eq!(status, "signal 9 (SIGKILL)");
                    blamed += 1;
                }
                other => assert_eq!(other, &Err(Failure::NotRun)),
            }
        }
        assert!(blamed <= 1, "{answers:?}");
    }
}

#[test]
fn a_death_at_any_moment_costs_one_task_at_most() {
    killed_at_any_moment(20);
}

#[test]
#[ignore = "takes seconds"]
fn two_hundred_deaths_cost_one_task_each_at_most() {
    killed_at_any_moment(200);
}

type Mapped = MappedArray<f64, Ix1>;

/// Gives an array back, doubled.
fn double(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let array: Mapped = input.read()?;
    out.write(&(&array.view() * 2.0))
}

/// What the test below starts with few descriptors; nothing in the ordinary run.
#[test]
fn frugal() {
    if std::env::var_os("JOBLIB_FAULTS_FRUGAL").is_none() {
        return;
    }
    let options = WorkerOptions::new().max_nbytes(Some(2000));
    let pool = Processes::with_options(NonZeroUsize::MIN, &options).unwrap();
    let arrays: Vec<_> = (0..500).map(|i| Array1::from_elem(1000, f64::from(i))).collect();
    for answers in [(); 3].map(|()| calls::call::<_, Array1<f64>>(&pool, double, arrays.clone())) {
        for (answer, array) in answers.into_iter().zip(&arrays) {
            assert_eq!(answer.unwrap(), array * 2.0);
        }
    }
}

#[test]
fn few_descriptors_are_enough() {
    let own = std::env::current_exe().unwrap();
    let limited = "ulimit -n 40 && exec \"$0\" --exact hardship::frugal --nocapture";
    let mut command = Command::new("sh");
    command.args(["-c", limited]).arg(own).env("JOBLIB_FAULTS_FRUGAL", "1");
    assert!(command.status().unwrap().success());
}

#[test]
fn a_hundred_calls_at_once_are_answered() {
    let pool = Processes::new(NonZeroUsize::new(2).unwrap()).unwrap();
    thread::scope(|scope| {
        for number in 0..100 {
            let pool = &pool;
            scope.spawn(move || {
                let text = number.to_string();
                let answers = call(pool, work, &[text.as_str(); 5]);
                assert_eq!(answers, vec![Ok(text); 5]);
            });
        }
    });
    pool.shutdown(Duration::from_secs(60)).unwrap();
}

/// The first and the last byte of an array, and how many there are.
fn ends(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let array: MappedArray<u8, Ix1> = input.read()?;
    let view = array.view();
    out.write(&(view[0], view[view.len() - 1], view.len()))
}

#[test]
#[ignore = "needs 2 GB of memory"]
fn an_argument_of_a_gigabyte_travels() {
    let mut array = Array1::<u8>::ones(1 << 30);
    array[0] = 7;
    let answers = calls::call::<_, (u8, u8, usize)>(&one_worker(), ends, vec![array]);
    assert_eq!(answers, [Ok((7, 1, 1 << 30))]);
    // And through the socket.
    let options = WorkerOptions::new().max_nbytes(None);
    let pool = Processes::with_options(NonZeroUsize::MIN, &options).unwrap();
    let answers = calls::call::<_, (u8, u8, usize)>(&pool, ends, vec![Array1::<u8>::ones(1 << 30)]);
    assert_eq!(answers, [Ok((1, 1, 1 << 30))]);
}
