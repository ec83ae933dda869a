use std::num::NonZeroUsize;
use std::sync::mpsc::{Sender, channel};

use joblib_backends::{Backend, Batch, CallFn, CallId, Failure, Frame, Payload, Processes, Target};

pub(crate) type Answers = Vec<Result<String, Failure>>;

/// One call of a function for each argument.
struct Calls {
    function: CallFn,
    arguments: Vec<String>,
    answers: Vec<Option<Result<String, Failure>>>,
    done: Sender<Answers>,
}

impl Batch for Calls {
    fn call(&self) -> CallId {
        CallId(1)
    }

    fn len(&self) -> u32 {
        self.arguments.len() as u32
    }

    fn target(&self) -> Option<Target> {
        Some(Target { call: self.function, fingerprint: 0, name: "faults" })
    }

    fn run(self: Box<Self>) {
        unreachable!("the tasks are for worker processes");
    }

    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure> {
        out.write(&self.arguments[task as usize])
    }

    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>) {
        let answer = answer.and_then(|mut payload| payload.read());
        assert!(self.answers[task as usize].replace(answer).is_none(), "answered twice");
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        let answers = self.answers.drain(..).map(|answer| answer.unwrap_or(Err(Failure::Lost)));
        self.done.send(answers.collect()).ok();
    }
}

/// Calls `function` in a worker, once for each argument, in one batch.
pub(crate) fn call(backend: &dyn Backend, function: CallFn, arguments: &[&str]) -> Answers {
    let (done, answers) = channel();
    let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
    let empty = vec![None; arguments.len()];
    backend.submit(Box::new(Calls { function, arguments, answers: empty, done }));
    answers.recv().unwrap()
}

pub(crate) fn one_worker() -> Processes {
    Processes::new(NonZeroUsize::MIN).unwrap()
}

/// The process id of the worker, as every function here gives it.
pub(crate) fn pid(backend: &dyn Backend) -> String {
    fn pid(_: u64, _: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        out.write(&std::process::id().to_string())
    }
    call(backend, pid, &[""])[0].clone().unwrap()
}
