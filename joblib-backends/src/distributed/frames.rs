//! Frames between us and the side process. ENGINES.md describes them.

use std::io::{self, Read, Write};

use crate::processes::remote;

/// What goes to the side process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Order {
    /// A batch; the id is ours, the payload a [`Job`] and its tasks.
    Submit = 1,
    /// The id is a call; the payload the ids of its batches that are under way.
    Cancel = 2,
    /// Nothing comes any more.
    Close = 3,
    /// An array or shared value for batches to come; the id is the one they refer to it by.
    Put = 4,
    /// No batch refers to that blob, or to results kept under that id, any more.
    Drop = 5,
}

/// What comes back.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum News {
    /// The engine is there, with so many workers; whether it can stop what runs, and keep results; what it is.
    Ready { n_jobs: u64, kill: bool, keep: bool, about: String },
    /// What a worker says about a batch.
    Answer { id: u64, bytes: Vec<u8> },
    /// The engine could not run a batch.
    Failed { id: u64, message: String },
    /// There is no such engine, and why.
    Broken { message: String },
    /// The engine has another number of workers now.
    NJobs(u64),
}

/// In front of the tasks of a batch, for `python/worker.py`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) function: u64,
    pub(super) fingerprint: u64,
    /// How long each task may take, in nanoseconds; 0 for ever.
    pub(super) limit: u64,
    pub(super) call: u64,
    /// The bytes of the record that marks the end of the answers.
    pub(super) end: u32,
    /// How many [`Gap`]s follow, in front of the tasks.
    pub(super) gaps: u32,
}

impl Job {
    pub(super) const LEN: usize = 40;

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let words = [self.function, self.fingerprint, self.limit, self.call];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes[32..36].copy_from_slice(&self.end.to_le_bytes());
        bytes[36..].copy_from_slice(&self.gaps.to_le_bytes());
        bytes
    }
}

/// A place in the arguments of a task where a result belongs that the engine keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub(super) task: u32,
    /// How many bytes of the arguments are in front.
    pub(super) at: u64,
    /// Under which id the results of a batch are kept, and which task's it is.
    pub(super) results: u64,
    pub(super) of: u32,
}

impl Gap {
    pub(super) const LEN: usize = 24;

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&self.task.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.of.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.at.to_le_bytes());
        bytes[16..].copy_from_slice(&self.results.to_le_bytes());
        bytes
    }
}

/// Writes one frame, its payload in pieces.
pub(super) fn write(
    out: &mut impl Write,
    order: Order,
    id: u64,
    pieces: &[&[u8]],
) -> io::Result<()> {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    begin(out, order, id, len)?;
    for piece in pieces {
        out.write_all(piece)?;
    }
    out.flush()
}

/// Writes what is in front of a payload of `len` bytes.
pub(super) fn begin(out: &mut impl Write, order: Order, id: u64, len: usize) -> io::Result<()> {
    let mut head = [0; 17];
    head[..8].copy_from_slice(&(len as u64).to_le_bytes());
    head[8] = order as u8;
    head[9..].copy_from_slice(&id.to_le_bytes());
    out.write_all(&head)
}

/// Reads one frame; `None` at the end of the stream.
pub(super) fn read(source: &mut impl Read) -> io::Result<Option<News>> {
    let mut head = [0; 17];
    match source.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let len = remote::word(&head, 0);
    let id = remote::word(&head, 9);
    let mut bytes = Vec::new();
    // Memory grows with what arrives, not with what the length claims.
    if source.take(len).read_to_end(&mut bytes)? as u64 != len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Some(match head[8] {
        1 => News::Ready {
            n_jobs: id,
            kill: bytes.first() == Some(&1),
            keep: bytes.get(1) == Some(&1),
            about: text(bytes.split_off(2.min(bytes.len()))),
        },
        2 => News::Answer { id, bytes },
        3 => News::Failed { id, message: text(bytes) },
        4 => News::Broken { message: text(bytes) },
        5 => News::NJobs(id),
        kind => {
            let message = format!("a frame of kind {kind} makes no sense");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read_until_the_end_and_a_cut_is_an_error() {
        let mut wire = Vec::new();
        write(&mut wire, Order::Cancel, 7, &[b"ab", b"", b"c"]).unwrap();
        assert_eq!(
            read(&mut &wire[..]).unwrap(),
            Some(News::Answer { id: 7, bytes: b"abc".into() })
        );
        assert_eq!(read(&mut &wire[..0]).unwrap(), None);
        assert!(read(&mut &wire[..18]).is_err());
        wire[8] = 9;
        assert!(read(&mut &wire[..]).unwrap_err().to_string().contains("kind 9"));
    }

    #[test]
    fn an_absurd_length_takes_no_memory() {
        let mut wire = u64::MAX.to_le_bytes().to_vec();
        wire.extend([2; 9]);
        assert!(read(&mut &wire[..]).is_err());
    }
}
