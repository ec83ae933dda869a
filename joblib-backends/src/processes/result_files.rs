//! In a worker: the memory in which arrays of results go to the parent. It is written again when the parent
//! has let go of it, which saves the system from finding, accounting and freeing its pages.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use joblib_persist::array::Block;

use super::arrays;
use super::status::{Page, RETURNED};
use super::sys;

/// So many arrays a result may have beside it; the system sends no more than 253 at once.
const MOST: usize = 200;
/// Larger files are not kept, so that a worker holds no more than six times as much.
const LARGEST: u64 = 32 << 20;
/// So many files wait at most for a result that they suit.
const FREE: usize = 2;

/// How many arrays of a result may come as files at once, so that their reader has descriptors for them.
fn most_files() -> usize {
    static FILES: OnceLock<usize> = OnceLock::new();
    *FILES.get_or_init(|| MOST.min(sys::most_descriptors() / 4))
}

/// The files of one result, and those of earlier ones.
#[derive(Debug, Default)]
pub(crate) struct ResultFiles {
    /// Those of this result.
    new: Vec<ResultFile>,
    /// Sent before; the one that was sent as number `n` is in the place `n % RETURNED`.
    sent: [Option<ResultFile>; RETURNED],
    /// Those of `sent` that nobody looks at any more.
    free: Vec<ResultFile>,
    /// How many were sent, with those of this result.
    sendings: u64,
    /// Whether there is anything in it.
    in_use: bool,
}

#[derive(Debug)]
struct ResultFile {
    file: File,
    len: u64,
    sending: u64,
}

/// What stands for an array in its result: the number of the sending, and the place of the file among
/// those of the result.
fn to_number(sending: u64, index: usize) -> u64 {
    sending << 8 | index as u64
}

/// The sending and the place that became `number`.
pub(super) fn from_number(number: u64) -> (u64, usize) {
    (number >> 8, (number & 0xff) as usize)
}

impl ResultFiles {
    /// Looks which of the files that were sent the parent has given back.
    pub(super) fn take_back(&mut self, page: &Page) {
        if !self.in_use {
            return;
        }
        for place in &mut self.sent {
            if let Some(file) = place.take_if(|file| page.is_back(file.sending)) {
                self.free.push(file);
            }
        }
    }

    /// Copies an array into a file, and says what stands for it in the result.
    pub(super) fn push(&mut self, block: &Block<'_>) -> io::Result<u64> {
        if self.new.len() >= most_files() {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let len = block.byte_len() as u64;
        // One that is much larger would hold memory for nothing.
        let fits = |file: &ResultFile| len <= file.len && file.len <= len + len / 4;
        let (mut file, whole) = match self.free.iter().position(fits) {
            Some(at) => {
                let ResultFile { file, len, .. } = self.free.remove(at);
                (file, Some(len))
            }
            None => (arrays::memory_file()?, None),
        };
        file.rewind()?;
        arrays::fill(&file, block)?;
        // The parent maps it: were it cut off, a look at it would be the end of the process.
        match whole {
            Some(_) => {}
            None if len > LARGEST => sys::make_constant(&file)?,
            None => sys::keep_size(&file)?,
        }
        self.sendings += 1;
        self.in_use = true;
        let number = to_number(self.sendings, self.new.len());
        self.new.push(ResultFile { file, len: whole.unwrap_or(len), sending: self.sendings });
        Ok(number)
    }

    /// The files of this result, to be sent.
    pub(super) fn new_files(&self) -> Vec<BorrowedFd<'_>> {
        self.new.iter().map(|new| new.file.as_fd()).collect()
    }

    /// The files of this result have been sent.
    pub(super) fn keep(&mut self) {
        for new in self.new.drain(..).filter(|new| new.len <= LARGEST) {
            let place = (new.sending % RETURNED as u64) as usize;
            self.sent[place] = Some(new);
        }
        // The oldest go: sizes that are not needed any more are among them.
        let many = self.free.len().saturating_sub(FREE);
        self.free.drain(..many);
    }

    /// Whether this result has none.
    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty()
    }

    /// The task has ended. What was not sent was of a result that could not be written to its end.
    pub(super) fn end(&mut self) {
        self.new.clear();
    }

    /// Whether there is memory that could be let go.
    pub(super) fn has_work(&self) -> bool {
        self.in_use && (!self.free.is_empty() || self.sent.iter().any(Option::is_some))
    }

    /// Lets all of them go. The parent keeps what it still needs.
    pub(super) fn forget(&mut self) {
        self.free.clear();
        self.sent = Default::default();
        self.in_use = false;
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::LEN;
    use super::*;
    use joblib_persist::message::encode_with;
    use std::os::unix::fs::{FileExt, MetadataExt};

    fn page() -> Page {
        Page::map(sys::shared_memory(LEN).unwrap().as_fd()).unwrap()
    }

    /// Sends a result with arrays of so many numbers; gives the sending of the last, and the inodes.
    fn send(files: &mut ResultFiles, page: &Page, lens: &[usize]) -> (u64, Vec<u64>) {
        files.take_back(page);
        let arrays: Vec<Vec<u64>> = lens.iter().map(|&len| vec![len as u64; len]).collect();
        let mut sending = 0;
        encode_with(&arrays, &mut Vec::new(), &mut |block| {
            let number = files.push(block)?;
            sending = from_number(number).0;
            Ok(Some(number))
        })
        .unwrap();
        let inode = |new: &ResultFile| {
            let mut first = [0; 8];
            new.file.read_exact_at(&mut first, 0).unwrap();
            assert!(lens.contains(&(u64::from_le_bytes(first) as usize)));
            new.file.metadata().unwrap().ino()
        };
        let inodes = files.new.iter().map(inode).collect();
        files.keep();
        files.end();
        (sending, inodes)
    }

    #[test]
    fn a_file_is_written_again_only_when_it_was_given_back() {
        let (page, mut files) = (page(), ResultFiles::default());
        let (first, inode) = send(&mut files, &page, &[1000]);
        let (_, other) = send(&mut files, &page, &[1000]);
        assert_ne!(inode, other);
        page.give_back(first);
        let (again, same) = send(&mut files, &page, &[900]);
        assert_eq!(inode, same);
        page.give_back(again);
        assert_eq!(send(&mut files, &page, &[1000]).1, inode, "it has its whole length");
    }

    #[test]
    fn a_file_that_does_not_fit_is_left_and_goes_in_the_end() {
        let (page, mut files) = (page(), ResultFiles::default());
        for lens in [[1000, 2000], [400, 3000], [500, 700]] {
            let (last, inodes) = send(&mut files, &page, &lens);
            page.give_back(last - 1);
            page.give_back(last);
            let (other, others) = send(&mut files, &page, &[200]);
            page.give_back(other);
            assert!(!inodes.contains(&others[0]));
            assert!(files.free.len() <= FREE);
        }
        assert!(files.has_work());
        files.forget();
        assert!(!files.has_work());
    }

    #[test]
    fn a_large_file_is_not_kept() {
        let (page, mut files) = (page(), ResultFiles::default());
        send(&mut files, &page, &[LARGEST as usize / 8 + 1]);
        assert!(!files.has_work());
    }
}
