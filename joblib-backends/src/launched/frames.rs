//! What we and our relay on the other side of the pipes say. WORKERS.md describes it.

use std::io::{self, Read, Write};
use std::num::{NonZeroU32, NonZeroUsize};

use serde::{Deserialize, Serialize};

use crate::processes::remote::word;

/// What goes to the relay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Order {
    /// A [`Setup`], before anything else.
    Setup = 1,
    /// A [`Job`], the number of ids that its tasks refer to, these ids, and a record for each task. The next one comes after the end of this.
    Batch = 2,
    /// The call whose batch shall be given up: eight bytes.
    Abort = 3,
    /// An id, and what is to be kept under it for batches to come.
    Put = 4,
    /// An id that no batch refers to any more.
    Drop = 5,
}

/// What comes back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum News {
    /// Records, each of them whole.
    Answers = 1,
    /// The batch is over.
    End = 2,
    /// What tasks printed to the standard output.
    Output = 3,
    /// And to the standard error.
    Errors = 4,
    /// Why there can be no worker.
    Unable = 5,
}

impl Order {
    const ALL: [Self; 5] = [Self::Setup, Self::Batch, Self::Abort, Self::Put, Self::Drop];
}

impl News {
    const ALL: [Self; 5] = [Self::Answers, Self::End, Self::Output, Self::Errors, Self::Unable];
}

/// What is wanted of the worker.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Setup {
    pub(super) inner_threads: Option<NonZeroUsize>,
    pub(super) max_tasks: Option<NonZeroU32>,
    pub(super) memory_limit: Option<u64>,
    pub(super) initializer: Option<Initializer>,
}

/// The call that it makes before its first task.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Initializer {
    pub(super) function: u64,
    pub(super) fingerprint: u64,
    pub(super) arguments: Vec<u8>,
}

/// In front of the records of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Job {
    pub(super) function: u64,
    pub(super) fingerprint: u64,
    /// How long each task may take, in nanoseconds; 0 for ever.
    pub(super) limit: u64,
    pub(super) call: u64,
}

impl Job {
    const LEN: usize = 32;

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let words = [self.function, self.fingerprint, self.limit, self.call];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The job at the start of `bytes`, and where the records begin.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let bytes = bytes.get(..Self::LEN)?;
        let job = Self {
            function: word(bytes, 0),
            fingerprint: word(bytes, 8),
            limit: word(bytes, 16),
            call: word(bytes, 24),
        };
        Some((job, Self::LEN))
    }
}

pub(super) fn write_order(out: &mut impl Write, order: Order, payload: &[u8]) -> io::Result<()> {
    write(out, order as u8, payload)
}

pub(super) fn write_news(out: &mut impl Write, news: News, payload: &[u8]) -> io::Result<()> {
    write(out, news as u8, payload)
}

/// The next order; `None` at the end.
pub(super) fn read_order(source: &mut impl Read) -> io::Result<Option<(Order, Vec<u8>)>> {
    read(source, |kind| Order::ALL.into_iter().find(|order| *order as u8 == kind))
}

/// The next news; `None` at the end.
pub(super) fn read_news(source: &mut impl Read) -> io::Result<Option<(News, Vec<u8>)>> {
    read(source, |kind| News::ALL.into_iter().find(|news| *news as u8 == kind))
}

/// Writes what is in front of a payload of `len` bytes.
pub(super) fn begin(out: &mut impl Write, order: Order, len: usize) -> io::Result<()> {
    out.write_all(&head(order as u8, len))
}

fn head(kind: u8, len: usize) -> [u8; 9] {
    let mut head = [kind; 9];
    head[..8].copy_from_slice(&(len as u64).to_le_bytes());
    head
}

fn write(out: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let head = head(kind, payload.len());
    if payload.len() < 4096 {
        // In one piece: each write would wake the other side.
        return out.write_all(&[&head, payload].concat());
    }
    out.write_all(&head)?;
    out.write_all(payload)
}

fn read<K>(
    source: &mut impl Read,
    known: impl Fn(u8) -> Option<K>,
) -> io::Result<Option<(K, Vec<u8>)>> {
    let mut head = [0; 9];
    match source.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let Some(kind) = known(head[8]) else {
        let message = format!("a frame of kind {} makes no sense", head[8]);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    };
    let len = word(&head, 0);
    let mut payload = Vec::new();
    // Memory grows with what arrives, not with what the length claims.
    if source.take(len).read_to_end(&mut payload)? as u64 != len {
        return Ok(None);
    }
    Ok(Some((kind, payload)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_come_back_and_a_cut_one_is_the_end(
            payload in prop::collection::vec(any::<u8>(), 0..6000), kind in 0..5_usize,
        ) {
            let mut wire = Vec::new();
            write_order(&mut wire, Order::ALL[kind], &payload).unwrap();
            for cut in [0, 5, wire.len() - 1] {
                prop_assert!(read_order(&mut &wire[..cut]).unwrap().is_none());
            }
            prop_assert_eq!(read_order(&mut &wire[..]).unwrap(), Some((Order::ALL[kind], payload)));
        }

        #[test]
        fn any_bytes_are_frames_or_an_error(bytes: Vec<u8>) {
            let mut rest = &bytes[..];
            while let Ok(Some(_)) = read_news(&mut rest) {}
        }
    }

    #[test]
    fn an_absurd_length_takes_no_memory_and_an_unknown_kind_is_an_error() {
        let mut wire = u64::MAX.to_le_bytes().to_vec();
        wire.extend([News::End as u8; 9]);
        assert!(read_news(&mut &wire[..]).unwrap().is_none());
        wire[8] = 9;
        assert!(read_news(&mut &wire[..]).unwrap_err().to_string().contains("kind 9"));
    }

    #[test]
    fn jobs_come_back() {
        let job = Job { function: 1, fingerprint: 2, limit: 3, call: u64::MAX };
        assert_eq!(Job::read(&job.to_bytes()), Some((job, 32)));
        assert_eq!(Job::read(&[0; 31]), None);
    }
}
