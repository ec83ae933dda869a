//! Tasks of other processes, measured there: in front of each result travels when it was made.

use joblib_backends::{Failure, Frame, Payload, Target};

use super::span::{Packed, Span, measured};
use crate::Task;
use crate::panics::attempt;

/// The function of a task that takes the time as well.
pub(crate) fn target<T: Task>() -> Option<Target> {
    T::portable().map(|wire| Target { call: enter::<T>, ..wire.target })
}

fn enter<T: Task>(
    sent: u64,
    arguments: &mut Payload<'_>,
    result: &mut Frame,
) -> Result<(), Failure> {
    let Some(wire) = T::portable() else { return Err(Failure::Lost) };
    crate::portable::check(sent, wire.target.fingerprint)?;
    let (output, span) = measured(|| attempt(|| (wire.call)(arguments)).flatten());
    result.write(&span.map(|span| span.pack()))?;
    match output {
        Ok(output) => {
            result.write::<Option<Failure>>(&None)?;
            (wire.write)(&output, result)
        }
        Err(failure) => result.write(&Some(failure)),
    }
}

/// Reads what [`enter`] wrote.
pub(crate) fn read<T: Task>(
    payload: &mut Payload<'_>,
) -> (Result<T::Output, Failure>, Option<Span>) {
    let Some(wire) = T::portable() else { return (Err(Failure::Lost), None) };
    let span = match payload.read::<Option<Packed>>() {
        Ok(span) => span.map(Span::unpack),
        Err(failure) => return (Err(failure), None),
    };
    let output = match payload.read::<Option<Failure>>() {
        Ok(None) => attempt(|| (wire.decode)(payload)).flatten(),
        Ok(Some(failure)) | Err(failure) => Err(failure),
    };
    (output, span)
}
