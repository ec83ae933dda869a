use std::process::Command;

use joblib_backends::{Failure, Frame, Payload, Shared};

use crate::calls::call;
use crate::engine;

/// As many bytes as asked for.
fn bytes(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let length: usize = input.read()?;
    out.write(&vec![7_u8; length])
}

#[test]
fn a_result_of_200_mb_arrives() {
    let answers = call::<usize, Vec<u8>>(&engine(1), bytes, vec![200_000_000, 3]);
    let lengths: Vec<usize> = answers.iter().map(|answer| answer.as_ref().unwrap().len()).collect();
    assert_eq!(lengths, [200_000_000, 3]);
}

/// How many bytes were sent.
fn length(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    out.write(&input.read::<Vec<u8>>()?.len())
}

#[test]
fn arguments_of_20_mb_arrive() {
    let answers = call::<Vec<u8>, usize>(&engine(1), length, vec![vec![1; 20_000_000]; 2]);
    assert_eq!(answers, [Ok(20_000_000), Ok(20_000_000)]);
}

#[test]
fn a_shared_value_arrives() {
    fn sum(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        out.write(&input.read::<Shared<Vec<u64>>>()?.iter().sum::<u64>())
    }
    let shared = Shared::new((0..1000).collect::<Vec<u64>>());
    let answers = call::<Shared<Vec<u64>>, u64>(&engine(1), sum, vec![shared.clone(), shared]);
    assert_eq!(answers, [Ok(499_500), Ok(499_500)]);
}

/// Not a test: prints, as a program of its own, what tasks printed on the engine.
#[test]
#[ignore = "started by `what_tasks_print_comes_back`"]
fn prints() {
    #[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is about prints")]
    fn print(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        let text: String = input.read()?;
        println!("to the output: {text}");
        eprintln!("to the errors: {text}");
        out.write(&text)
    }
    let answers = call::<String, String>(&engine(1), print, vec!["one".into(), "two".into()]);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[test]
fn what_tasks_print_comes_back() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["traffic::prints", "--exact", "--ignored", "--nocapture"]).output();
    let output = output.unwrap();
    for (stream, text) in [(&output.stdout, "to the output"), (&output.stderr, "to the errors")] {
        let stream = String::from_utf8_lossy(stream);
        for task in ["one", "two"] {
            assert!(stream.contains(&format!("{text}: {task}\n")), "{stream}");
        }
    }
}
