#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};

use joblib_backends::{Backend, Batch, CallFn, CallId, Failure, Frame, Payload, Processes, Target};
use serde::{Serialize, de::DeserializeOwned};

/// One call of a function for each argument.
struct Calls<A, R> {
    call: CallId,
    function: CallFn,
    arguments: Vec<A>,
    encode: fn(&A, &mut Frame) -> Result<(), Failure>,
    answers: Vec<Option<Result<R, Failure>>>,
    done: Sender<Vec<Result<R, Failure>>>,
}

impl<A: Send, R: DeserializeOwned + Send> Batch for Calls<A, R> {
    fn call(&self) -> CallId {
        self.call
    }

    fn len(&self) -> u32 {
        self.arguments.len() as u32
    }

    fn target(&self) -> Option<Target> {
        Some(Target { call: self.function, fingerprint: 0, name: "test" })
    }

    fn run(self: Box<Self>) {
        unreachable!("the tasks are for worker processes");
    }

    fn encode(&self, task: u32, out: &mut Frame) -> Result<(), Failure> {
        (self.encode)(&self.arguments[task as usize], out)
    }

    fn reply(&mut self, task: u32, answer: Result<Payload<'_>, Failure>) {
        let answer = answer.and_then(|mut payload| payload.read());
        assert!(self.answers[task as usize].replace(answer).is_none(), "answered twice");
    }
}

impl<A, R> Drop for Calls<A, R> {
    fn drop(&mut self) {
        let answers = self.answers.drain(..).map(|answer| answer.unwrap_or(Err(Failure::Lost)));
        self.done.send(answers.collect()).ok();
    }
}

/// Calls `function` in a worker, once for each argument, in one batch.
pub(crate) fn call<A, R>(
    backend: &dyn Backend,
    function: CallFn,
    arguments: Vec<A>,
) -> Vec<Result<R, Failure>>
where
    A: Serialize + Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    call_with(backend, function, arguments, |argument, out| out.write(argument))
}

/// The same, with arguments written in another way.
pub(crate) fn call_with<A, R>(
    backend: &dyn Backend,
    function: CallFn,
    arguments: Vec<A>,
    encode: fn(&A, &mut Frame) -> Result<(), Failure>,
) -> Vec<Result<R, Failure>>
where
    A: Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    submit(backend, new_call(), function, arguments, encode).recv().unwrap()
}

/// The number of a call of its own.
pub(crate) fn new_call() -> CallId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    CallId(NEXT.fetch_add(1, Relaxed))
}

/// Submits one batch of `call`, whose answers will come.
pub(crate) fn submit<A, R>(
    backend: &dyn Backend,
    call: CallId,
    function: CallFn,
    arguments: Vec<A>,
    encode: fn(&A, &mut Frame) -> Result<(), Failure>,
) -> Receiver<Vec<Result<R, Failure>>>
where
    A: Send + 'static,
    R: DeserializeOwned + Send + 'static,
{
    let (done, results) = channel();
    let answers = arguments.iter().map(|_| None).collect();
    backend.submit(Box::new(Calls { call, function, arguments, encode, answers, done }));
    results
}

#[allow(dead_code, reason = "not every test binary has such a pool")]
pub(crate) fn one_worker() -> Processes {
    Processes::new(NonZeroUsize::MIN).unwrap()
}
