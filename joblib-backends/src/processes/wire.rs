//! The bytes between a parent and its worker. WORKERS.md describes them.

use crate::{ArrayMode, Failure};

/// What a worker says first.
pub(super) const MAGIC: [u8; 8] = *b"joblibW1";
/// The length of the handshake: the magic and the identity of the build.
pub(crate) const HANDSHAKE: usize = 24;
/// No frame is longer than this: whatever claims to be was not written by us.
const LIMIT: u64 = 1 << 40;

/// The handshake of a worker of this build.
pub(super) fn handshake(identity: u128) -> [u8; HANDSHAKE] {
    let mut bytes = [0; HANDSHAKE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..].copy_from_slice(&identity.to_le_bytes());
    bytes
}

/// In front of the tasks of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BatchHeader {
    /// The number of bytes that follow.
    pub(super) len: u64,
    /// Counts the batches sent to this worker, from one.
    pub(super) batch: u64,
    /// Where the function lies in the executable.
    pub(super) function: u64,
    /// What the function checks its types with.
    pub(super) fingerprint: u64,
    /// The most bytes of an array in a result that travels with it.
    pub(crate) max_nbytes: u64,
    /// How tasks see the arrays that did not travel with their arguments.
    pub(crate) mode: ArrayMode,
}

impl BatchHeader {
    pub(super) const LEN: usize = 48;

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let mode = self.mode as u64;
        let words = [self.len, self.batch, self.function, self.fingerprint, self.max_nbytes, mode];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads the header at the start of `bytes`; `None` if there are too few.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Garbage> {
        let Some(bytes) = bytes.get(..Self::LEN) else {
            return Ok(None);
        };
        let header = Self {
            len: word(bytes, 0),
            batch: word(bytes, 8),
            function: word(bytes, 16),
            fingerprint: word(bytes, 24),
            max_nbytes: word(bytes, 32),
            mode: match word(bytes, 40) {
                0 => ArrayMode::Read,
                1 => ArrayMode::Copy,
                2 => ArrayMode::InMemory,
                _ => return Err(Garbage("the mode of arrays")),
            },
        };
        if header.len > LIMIT { Err(Garbage("the length of a batch")) } else { Ok(Some(header)) }
    }
}

/// What a record holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Arguments or a result.
    Value,
    /// A [`Failure`], as postcard writes it.
    Failure,
    /// Where the arrays and shared values of the batch are, in front of its tasks.
    Places,
}

/// In front of one task's arguments or answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RecordHeader {
    pub(super) task: u32,
    pub(super) kind: Kind,
    /// How many files with arrays came along.
    pub(crate) files: u16,
    pub(super) len: u64,
}

impl RecordHeader {
    pub(super) const LEN: usize = 16;

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&self.task.to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[6..8].copy_from_slice(&self.files.to_le_bytes());
        bytes[8..].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; Self::LEN]) -> Result<Self, Garbage> {
        let kind = match bytes[4..6] {
            [0, 0] => Kind::Value,
            [1, 0] => Kind::Failure,
            [2, 0] => Kind::Places,
            _ => return Err(Garbage("the kind of a record")),
        };
        let files = u16::from_le_bytes([bytes[6], bytes[7]]);
        let task = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let len = word(bytes, 8);
        if len > LIMIT {
            Err(Garbage("the length of a record"))
        } else {
            Ok(Self { task, kind, files, len })
        }
    }
}

/// One task's arguments or answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Record<'a> {
    pub(crate) task: u32,
    pub(crate) kind: Kind,
    pub(crate) files: u16,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Takes a record off the front of `bytes`; `None` if it is not complete yet.
    pub(crate) fn take(bytes: &mut &'a [u8]) -> Result<Option<Self>, Garbage> {
        let Some((head, rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let RecordHeader { task, kind, files, len } = RecordHeader::read(head)?;
        let len = usize::try_from(len).map_err(|_| Garbage("the length of a record"))?;
        let Some((body, rest)) = rest.split_at_checked(len) else {
            return Ok(None);
        };
        *bytes = rest;
        Ok(Some(Self { task, kind, files, bytes: body }))
    }

    /// The answer this record holds.
    pub(crate) fn answer(self) -> Result<Result<&'a [u8], Failure>, Garbage> {
        match self.kind {
            Kind::Value => Ok(Ok(self.bytes)),
            Kind::Failure => match postcard::from_bytes(self.bytes) {
                Ok(failure) => Ok(Err(failure)),
                Err(_) => Err(Garbage("a failure")),
            },
            Kind::Places => Err(Garbage("an answer")),
        }
    }
}

/// The bytes of a record of kind [`Kind::Failure`].
pub(super) fn failure_bytes(failure: &Failure) -> Vec<u8> {
    // Only a type whose `Serialize` fails on its own can fail to be written to memory. Were it so,
    // the other side would find that these bytes are no failure, and say so.
    postcard::to_stdvec(failure).unwrap_or_default()
}

/// Bytes that the other side cannot have meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} makes no sense")]
pub(crate) struct Garbage(pub(crate) &'static str);

/// Eight bytes at `at`, as a number.
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        use Kind::*;
        prop_oneof![Just(Value), Just(Failure), Just(Places)]
    }

    proptest! {
        #[test]
        fn records_come_back_and_are_incomplete_until_their_last_byte(
            task: u32, kind in kinds(), files: u16, bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let len = bytes.len() as u64;
            let mut wire = RecordHeader { task, kind, files, len }.to_bytes().to_vec();
            wire.extend(&bytes);
            for cut in 0..wire.len() {
                prop_assert_eq!(Record::take(&mut &wire[..cut]), Ok(None));
            }
            let mut rest = &wire[..];
            let record = Record::take(&mut rest);
            prop_assert_eq!(record, Ok(Some(Record { task, kind, files, bytes: &bytes })));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_a_record_or_garbage_or_too_few(bytes: Vec<u8>) {
            let mut rest = &bytes[..];
            while let Ok(Some(_)) = Record::take(&mut rest) {}
        }

        #[test]
        fn batch_headers_come_back(
            len in 0..LIMIT, batch: u64, function: u64, fingerprint: u64, max_nbytes: u64,
            mode in prop::sample::select(vec![ArrayMode::Read, ArrayMode::Copy, ArrayMode::InMemory]),
        ) {
            let header = BatchHeader { len, batch, function, fingerprint, max_nbytes, mode };
            prop_assert_eq!(BatchHeader::read(&header.to_bytes()), Ok(Some(header)));
        }
    }

    #[test]
    fn absurd_lengths_are_garbage() {
        let header = RecordHeader { task: 0, kind: Kind::Value, files: 0, len: LIMIT + 1 };
        assert!(Record::take(&mut &header.to_bytes()[..]).is_err());
        let header = BatchHeader {
            len: u64::MAX,
            batch: 1,
            function: 0,
            fingerprint: 0,
            max_nbytes: 0,
            mode: ArrayMode::Read,
        };
        assert!(BatchHeader::read(&header.to_bytes()).is_err());
        let mut bytes = BatchHeader { len: 0, ..header }.to_bytes();
        bytes[40] = 3;
        assert_eq!(BatchHeader::read(&bytes), Err(Garbage("the mode of arrays")));
    }

    #[test]
    fn failures_survive_the_way() {
        let message = || "why".to_owned();
        for failure in [
            Failure::Panic { message: message() },
            Failure::Codec { message: message() },
            Failure::Refused { message: message() },
            Failure::WorkerDied {
                worker: 1,
                status: message(),
                after: Duration::from_millis(3),
                peak_memory: 1 << 33,
            },
            Failure::TimedOut { worker: Some(1), after: Duration::from_millis(3) },
            Failure::NotRun,
            Failure::Lost,
        ] {
            let bytes = failure_bytes(&failure);
            let record = Record { task: 0, kind: Kind::Failure, files: 0, bytes: &bytes };
            assert_eq!(record.answer(), Ok(Err(failure)));
            let cut = Record { bytes: &bytes[..bytes.len() - 1], ..record };
            assert_eq!(cut.answer(), Err(Garbage("a failure")));
        }
    }
}
