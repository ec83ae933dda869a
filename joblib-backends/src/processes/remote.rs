//! What somebody else than a feeder needs to speak with workers: the bridge to engines, whose side
//! of the socket is written in Python.

use std::hash::{BuildHasher, RandomState};

use super::image::Image;
pub(crate) use super::process::describe;
use super::wire::{self, Kind, RecordHeader};
pub(crate) use super::wire::{HANDSHAKE, Record, word};
use crate::{CallFn, Failure};

/// What workers of this build say first.
pub(crate) fn handshake() -> [u8; HANDSHAKE] {
    wire::handshake(Image::of_this_process().identity())
}

/// Where `function` lies in the executable; `None` if it lies in a shared library.
pub(crate) fn offset_of(function: CallFn) -> Option<u64> {
    Image::of_this_process().offset_of(function)
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
