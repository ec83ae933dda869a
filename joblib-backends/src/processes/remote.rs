//! What somebody else than a feeder needs to speak with workers: the bridge to engines, whose side
//! of the socket is written in Python, and the relay of workers that were started elsewhere.

#![allow(unsafe_code, reason = "turns an offset into a function")]

use std::fs::File;
#[cfg(feature = "distributed")]
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::entry;
use super::image::Image;
pub(crate) use super::process::describe;
use super::sys::{self, Awaited};
use super::wire::{self, Kind, RecordHeader};
pub(crate) use super::wire::{HANDSHAKE, Record, word};
use crate::{Batch, CallFn, Failure, Target};

/// What workers of this build say first.
pub(crate) fn handshake() -> [u8; HANDSHAKE] {
    wire::handshake(Image::of_this_process().identity())
}

/// Where `function` lies in the executable; `None` if it lies in a shared library.
pub(crate) fn offset_of(function: CallFn) -> Option<u64> {
    Image::of_this_process().offset_of(function)
}

/// The function that lies there.
///
/// # Safety
///
/// `offset` must be what [`offset_of`] gave in a process of the same build.
pub(crate) unsafe fn function_at(offset: u64) -> Option<CallFn> {
    // SAFETY: as the caller promises.
    unsafe { Image::of_this_process().function_at(offset) }
}

/// The function that `batch` calls, and where it lies; or why that cannot be called elsewhere.
pub(crate) fn target_of(batch: &dyn Batch) -> Result<(u64, Target), String> {
    let target = batch.target().ok_or(
        "a closure cannot leave the process: write the task as a call, \
         `delayed!(function(arguments))`",
    )?;
    let function = offset_of(target.call).ok_or_else(|| {
        format!(
            "`{}` lies in a shared library, where other machines would not find it",
            target.name
        )
    })?;
    Ok((function, target))
}

/// What makes this executable a relay, as `env` is told it.
pub(crate) fn relay_invitation() -> String {
    format!("{}={}", entry::VARIABLE, entry::RELAY)
}

/// In a relay: takes its standard input and output, and puts nothing and `output` in their place, and
/// `errors` in that of the standard error.
pub(crate) fn take_pipes(
    output: BorrowedFd<'_>,
    errors: BorrowedFd<'_>,
) -> io::Result<(File, File)> {
    let input = entry::take_stdin()?;
    let own = io::stdout().as_fd().try_clone_to_owned()?;
    sys::put_at(output, libc::STDOUT_FILENO)?;
    sys::put_at(errors, libc::STDERR_FILENO)?;
    Ok((input.into(), own.into()))
}

/// Whether there is something to read, or the end; waits for it up to `limit`, or until a signal comes.
pub(crate) fn is_readable(source: BorrowedFd<'_>, limit: Option<Duration>) -> bool {
    sys::wait(Awaited { socket: Some(source), timeout: limit, ..Awaited::default() }).readable
}

/// Appends the arguments of one task, or why they could not be encoded, which comes back as it is.
pub(crate) fn push_record(out: &mut Vec<u8>, task: u32, encoded: Result<&[u8], Failure>) {
    let (kind, failure);
    let bytes = match encoded {
        Ok(bytes) => {
            kind = Kind::Value;
            bytes
        }
        Err(why) => {
            kind = Kind::Failure;
            failure = wire::failure_bytes(&why);
            &failure
        }
    };
    out.extend(RecordHeader { task, kind, files: 0, len: bytes.len() as u64 }.to_bytes());
    out.extend(bytes);
}

/// A record that comes back from the worker as it is, behind all answers: whoever waits for it need
/// not understand them. It holds a number at random, because answers may hold anything.
#[cfg(feature = "distributed")]
pub(crate) fn end_mark() -> Vec<u8> {
    let number = || RandomState::new().hash_one(0_u8);
    let message = format!("{:016x}{:016x}", number(), number());
    let mut mark = Vec::new();
    push_record(&mut mark, u32::MAX, Err(Failure::Refused { message }));
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "distributed")]
    #[test]
    fn a_mark_is_one_record_and_never_the_same() {
        let (mark, other) = (end_mark(), end_mark());
        assert_ne!(mark, other);
        let mut rest = &mark[..];
        let record = Record::take(&mut rest).unwrap().unwrap();
        assert_eq!(record.task, u32::MAX);
        assert!(rest.is_empty() && matches!(record.answer(), Ok(Err(Failure::Refused { .. }))));
    }

    #[test]
    fn arguments_and_failures_become_records() {
        let mut wire = Vec::new();
        push_record(&mut wire, 0, Ok(b"ab"));
        push_record(&mut wire, 1, Err(Failure::NotRun));
        let mut rest = &wire[..];
        assert_eq!(Record::take(&mut rest).unwrap().unwrap().answer(), Ok(Ok(&b"ab"[..])));
        assert_eq!(Record::take(&mut rest).unwrap().unwrap().answer(), Ok(Err(Failure::NotRun)));
    }
}
