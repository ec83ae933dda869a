#![allow(unsafe_code, reason = "an entry in the table of functions that run before `main`")]

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use joblib_backends::{Error, Failure, Frame, Payload, Processes, inside_worker};

use crate::support::{call, one_worker};

static CONSTRUCTED: AtomicU32 = AtomicU32::new(0);

extern "C" fn construct() {
    CONSTRUCTED.fetch_add(1, Relaxed);
}

#[used]
// SAFETY: the section is a table of functions that take no arguments they need.
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = construct;

/// What the worker process answers to a question.
fn ask(_: u64, input: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
    let question: String = input.read()?;
    let answer = match question.as_str() {
        "inside" => inside_worker().to_string(),
        "constructed" => CONSTRUCTED.load(Relaxed).to_string(),
        "invitation" => format!("{:?}", std::env::var_os("JOBLIB_WORKER")),
        "thread" => format!("{:?}", std::thread::current().name()),
        "stdin" => io::stdin().read(&mut [0; 8]).unwrap().to_string(),
        "pool" => match Processes::new(NonZeroUsize::MIN) {
            Err(Error::InsideWorker) => "refused".into(),
            other => format!("{other:?}"),
        },
        other => panic!("no such question: {other}"),
    };
    out.write(&answer)
}

#[test]
fn a_worker_knows_that_it_is_one() {
    assert!(!inside_worker());
    let answers = call(&one_worker(), ask, &["inside", "pool", "thread"]);
    assert_eq!(answers, ["true", "refused", "Some(\"joblib-worker\")"].map(|a| Ok(a.into())));
}

#[test]
fn every_constructor_has_run_once() {
    assert_eq!(CONSTRUCTED.load(Relaxed), 1);
    assert_eq!(call(&one_worker(), ask, &["constructed"]), [Ok("1".into())]);
}

#[test]
fn what_a_task_starts_is_no_worker() {
    assert_eq!(call(&one_worker(), ask, &["invitation"]), [Ok("None".into())]);
}

#[test]
fn standard_input_is_empty() {
    assert_eq!(call(&one_worker(), ask, &["stdin"]), [Ok("0".into())]);
}
