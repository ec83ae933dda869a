//! The status page: memory that a worker shares with its parent, so that a death can be told
//! apart to the task, and results that were ready are not lost with it.

#![allow(unsafe_code, reason = "maps shared memory and reads it from two processes")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

use super::sys;

/// Where the journal begins.
const HEAD: usize = 4096;
/// Answers that fit wait here until they are sent; larger ones are sent at once.
pub(super) const JOURNAL: usize = 64 << 10;
/// So many files of results a worker can know to be its own again.
pub(super) const RETURNED: usize = 4;
/// The length of the whole segment.
pub(super) const LEN: usize = HEAD + JOURNAL;

/// The words at the start of the segment. WORKERS.md describes them.
#[repr(C)]
struct Words {
    batch: AtomicU64,
    task: AtomicU64,
    since: AtomicU64,
    journal: AtomicU64,
    claims: [AtomicU64; 2],
    peak_memory: AtomicU64,
    returned: [AtomicU64; RETURNED],
}

/// The states of a claim, with the number of the batch in the upper bits: an even word is free to
/// be begun by the worker or to be taken back by the parent, whoever comes first.
fn offered(batch: u64) -> u64 {
    batch << 1
}

fn begun(batch: u64) -> u64 {
    batch << 1 | 1
}

const REVOKED: u64 = 0;

/// One mapping of a status page.
#[derive(Debug)]
pub(super) struct Page {
    start: NonNull<u8>,
}

// SAFETY: the words are atomics; the journal is written only through `&mut self` by the worker and
// read by the parent only after the worker has died.
unsafe impl Send for Page {}
// SAFETY: through `&self` only the atomics are written.
unsafe impl Sync for Page {}

/// What a worker was doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Activity {
    /// The sequence number of its batch.
    pub(super) batch: u64,
    /// The task it has begun last; `None` while the batch is still being received.
    pub(super) task: Option<u32>,
    /// When it began, as [`sys::monotonic`].
    pub(super) since: Duration,
}

impl Page {
    /// Maps the segment that `file` refers to, made by [`sys::shared_memory`] with [`LEN`] bytes.
    pub(super) fn map(file: BorrowedFd<'_>) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the system's choice. The file cannot shrink: it
        // is sealed.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), LEN, access, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start })
    }

    fn words(&self) -> &Words {
        // SAFETY: the mapping is longer than the words, aligned to a page, zeroed at first, and
        // only ever changed through atomics.
        unsafe { self.start.cast().as_ref() }
    }

    /// Worker: a batch is being received.
    pub(super) fn begin_batch(&self, batch: u64) {
        self.words().task.store(0, Relaxed);
        self.stamp();
        self.words().batch.store(batch, Release);
    }

    /// Worker: a task of that batch begins.
    pub(super) fn begin_task(&self, task: u32) {
        self.stamp();
        self.words().task.store(u64::from(task) + 1, Release);
    }

    fn stamp(&self) {
        self.words().since.store(sys::monotonic().as_nanos() as u64, Relaxed);
    }

    /// Parent: `batch` is on its way. Of two batches that are, the numbers follow each other.
    pub(super) fn offer(&self, batch: u64) {
        self.claim_of(batch).store(offered(batch), Release);
    }

    /// Worker: begins `batch`, unless the parent has taken it back.
    pub(super) fn claim(&self, batch: u64) -> bool {
        let claim = self.claim_of(batch);
        claim.compare_exchange(offered(batch), begun(batch), AcqRel, Relaxed).is_ok()
    }

    /// Worker: whether the rest of `batch` shall not be run.
    pub(super) fn is_stopped(&self, batch: u64) -> bool {
        self.claim_of(batch).load(Relaxed) != begun(batch)
    }

    /// Parent: takes `batch` back. True if the worker had not begun it, and never will.
    pub(super) fn take_back(&self, batch: u64) -> bool {
        self.revoke(batch, offered(batch))
    }

    /// Parent: the worker, which has begun `batch`, shall begin no further task of it.
    pub(super) fn stop(&self, batch: u64) {
        self.revoke(batch, begun(batch));
    }

    fn revoke(&self, batch: u64, from: u64) -> bool {
        self.claim_of(batch).compare_exchange(from, REVOKED, AcqRel, Relaxed).is_ok()
    }

    fn claim_of(&self, batch: u64) -> &AtomicU64 {
        &self.words().claims[(batch % 2) as usize]
    }

    /// Worker: it has had that many bytes of memory at once.
    pub(super) fn set_peak_memory(&self, bytes: u64) {
        self.words().peak_memory.store(bytes, Relaxed);
    }

    /// Parent: what the worker has told of that last.
    pub(super) fn peak_memory(&self) -> u64 {
        self.words().peak_memory.load(Relaxed)
    }

    /// Parent: nobody here looks any more at the file that the worker sent as number `sending`.
    pub(super) fn give_back(&self, sending: u64) {
        self.returned(sending).store(sending, Release);
    }

    /// Worker: whether the file that it sent as number `sending` is its own again.
    pub(super) fn is_back(&self, sending: u64) -> bool {
        self.returned(sending).load(Acquire) == sending
    }

    fn returned(&self, sending: u64) -> &AtomicU64 {
        &self.words().returned[(sending % RETURNED as u64) as usize]
    }

    /// Worker: appends the pieces of one answer to the journal; false if they do not fit.
    pub(super) fn record(&mut self, pieces: [&[u8]; 2]) -> bool {
        let used = self.used();
        let added = pieces[0].len() + pieces[1].len();
        if JOURNAL - used < added {
            return false;
        }
        let mut at = HEAD + used;
        for piece in pieces {
            // SAFETY: `at + piece.len() <= LEN`, checked above; nobody else touches the journal
            // while this process lives, and a piece is no part of it.
            unsafe {
                let to = self.start.as_ptr().add(at);
                to.copy_from_nonoverlapping(piece.as_ptr(), piece.len());
            }
            at += piece.len();
        }
        self.words().journal.store((used + added) as u64, Release);
        true
    }

    /// Worker: the answers recorded since the last [`clear`](Self::clear).
    pub(super) fn journal(&self) -> &[u8] {
        // SAFETY: `used` lies within the mapping, and only this process writes the journal, through
        // `&mut self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(HEAD), self.used()) }
    }

    /// Worker: the recorded answers have been sent.
    pub(super) fn clear(&mut self) {
        self.words().journal.store(0, Release);
    }

    fn used(&self) -> usize {
        // What another process has written is not believed.
        (self.words().journal.load(Relaxed) as usize).min(JOURNAL)
    }

    /// Parent: what the worker is doing, or did last.
    pub(super) fn activity(&self) -> Activity {
        let words = self.words();
        Activity {
            batch: words.batch.load(Relaxed),
            task: words.task.load(Relaxed).checked_sub(1).map(|task| task as u32),
            since: Duration::from_nanos(words.since.load(Relaxed)),
        }
    }

    /// Parent: the answers that a dead worker left behind.
    pub(super) fn remains(&self) -> Vec<u8> {
        self.journal().to_vec()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and every borrow of it has ended.
        unsafe { libc::munmap(self.start.as_ptr().cast(), LEN) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn two_views() -> (Page, Page) {
        let file = sys::shared_memory(LEN).unwrap();
        (Page::map(file.as_fd()).unwrap(), Page::map(file.as_fd()).unwrap())
    }

    #[test]
    fn the_parent_sees_what_the_worker_does() {
        let (worker, parent) = two_views();
        worker.begin_batch(7);
        assert_eq!((parent.activity().batch, parent.activity().task), (7, None));
        let before = sys::monotonic();
        worker.begin_task(3);
        assert_eq!(parent.activity().task, Some(3));
        assert!(parent.activity().since >= before);
    }

    #[test]
    fn a_batch_is_begun_or_taken_back_but_not_both() {
        let (worker, parent) = two_views();
        parent.offer(4);
        parent.offer(5);
        assert!(worker.claim(4) && !worker.is_stopped(4));
        assert!(parent.take_back(5) && !worker.claim(5));
        assert!(!parent.take_back(4) && !worker.is_stopped(4));
        parent.stop(4);
        assert!(worker.is_stopped(4));
        parent.offer(6);
        assert!(worker.claim(6) && worker.is_stopped(4));
    }

    #[test]
    fn only_the_file_that_was_given_back_is_back() {
        let (worker, parent) = two_views();
        let later = 7 + RETURNED as u64;
        assert!(!worker.is_back(7));
        parent.give_back(7);
        assert!(worker.is_back(7) && !worker.is_back(8) && !worker.is_back(later));
        parent.give_back(later);
        assert!(worker.is_back(later) && !worker.is_back(7));
    }

    #[test]
    fn answers_remain_until_they_are_sent() {
        let (mut worker, parent) = two_views();
        assert!(worker.record([b"ab", b"c"]) && worker.record([b"", b"d"]));
        assert_eq!(parent.remains(), b"abcd");
        worker.clear();
        assert!(parent.remains().is_empty());
    }

    #[test]
    fn the_journal_refuses_what_does_not_fit() {
        let (mut worker, parent) = two_views();
        assert!(worker.record([&[1; 100], &[]]));
        assert!(!worker.record([&[2; 1], &[2; JOURNAL - 100]]));
        assert!(worker.record([&[2; 1], &[2; JOURNAL - 101]]));
        assert_eq!(parent.remains().len(), JOURNAL);
    }
}
