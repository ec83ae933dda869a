use joblib_backends::{Backend, CallFn, Failure, Frame, Payload};

pub(crate) use crate::calls::one_worker;

/// Calls `function` in a worker, once for each argument, in one batch.
pub(crate) fn call(
    backend: &dyn Backend,
    function: CallFn,
    arguments: &[&str],
) -> Vec<Result<String, Failure>> {
    let arguments: Vec<_> = arguments.iter().map(|text| (*text).to_owned()).collect();
    crate::calls::call(backend, function, arguments)
}

/// The process id of the worker, as text.
pub(crate) fn pid(backend: &dyn Backend) -> String {
    fn pid(_: u64, _: &mut Payload<'_>, out: &mut Frame) -> Result<(), Failure> {
        out.write(&std::process::id().to_string())
    }
    call(backend, pid, &[""]).remove(0).expect("a worker knows its id")
}
