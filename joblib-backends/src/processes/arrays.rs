//! Large arrays on their way between processes: in memory of their own, which both sides map.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use joblib_persist::array::Block;

use super::place::Place;
use super::region::Region;
use super::result_files::ResultFiles;
use super::sys;
use crate::Error;
use crate::options::{ArrayMode, ArrayOptions};
use crate::scatter::Parcel;

/// Of so many arrays that tasks borrow, those used last, the copies are kept while the call runs.
const KEPT: usize = 16;
/// The arrays of one call on their way to workers. Each that tasks borrow is copied once.
#[derive(Debug)]
pub(crate) struct Arrays {
    options: ArrayOptions,
    known: Mutex<Known>,
    /// Notified when a copy has been made.
    made: Condvar,
}

/// Where an array lies: its address and length.
type Key = (usize, usize);

#[derive(Debug, Default)]
struct Known {
    copies: HashMap<Key, Copied>,
    /// What a feeder is copying; the others would do the same at the same time.
    making: HashSet<Key>,
    /// Copies that would be made again soon.
    kept: VecDeque<Arc<Sent>>,
    /// How many entries there were after the last tidying.
    tidied: usize,
}

#[derive(Debug)]
struct Copied {
    sent: Weak<Sent>,
    /// The array does not change while the call runs.
    borrowed: bool,
}

/// A copy of an array that workers open through our descriptor.
#[derive(Debug)]
pub(crate) struct Sent {
    file: File,
    place: Place,
}

impl Arrays {
    pub(super) fn new(options: ArrayOptions) -> Self {
        Self { options, known: Mutex::default(), made: Condvar::new() }
    }

    pub(super) fn mode(&self) -> ArrayMode {
        self.options.mode
    }

    /// The most bytes of an array that travels with its value.
    pub(super) fn max_nbytes(&self) -> u64 {
        match self.options.mode {
            ArrayMode::InMemory => u64::MAX,
            ArrayMode::Read | ArrayMode::Copy => self.options.max_nbytes.unwrap_or(u64::MAX),
        }
    }

    /// A copy of the array, an old one if that is still right. `borrowed`: the array is what the task
    /// has a reference to, so that it stays as it is until the call ends.
    fn copy_of(&self, block: &Block<'_>, borrowed: bool) -> io::Result<Arc<Sent>> {
        let folder = self.options.folder.as_deref();
        let Some(memory) = block.memory() else {
            return Sent::new(block, folder).map(Arc::new);
        };
        let key = (memory.as_ptr() as usize, memory.len());
        if let Some((sent, true)) = self.find(key) {
            self.remember(key, &sent, true);
            return Ok(sent);
        }
        let _turn = self.take_turn(key);
        let (sent, certain) = match self.find(key) {
            Some((sent, certain)) if certain || sent.holds(memory) => (sent, certain),
            _ => (Arc::new(Sent::new(block, folder)?), false),
        };
        self.remember(key, &sent, borrowed || certain);
        Ok(sent)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other feeder is at the array, and keeps others from it.
    fn take_turn(&self, key: Key) -> Turn<'_> {
        let known = self.lock();
        let mut known = self
            .made
            .wait_while(known, |known| known.making.contains(&key))
            .unwrap_or_else(PoisonError::into_inner);
        known.making.insert(key);
        Turn { arrays: self, key }
    }

    /// The copy of what lay at `key`, and whether the same lies there still.
    fn find(&self, key: Key) -> Option<(Arc<Sent>, bool)> {
        let known = self.lock();
        let copied = known.copies.get(&key)?;
        Some((copied.sent.upgrade()?, copied.borrowed))
    }

    fn remember(&self, key: Key, sent: &Arc<Sent>, borrowed: bool) {
        let mut guard = self.lock();
        let known = &mut *guard;
        if known.copies.len() > 2 * known.tidied + 64 {
            known.copies.retain(|_, copied| copied.sent.strong_count() > 0);
            known.tidied = known.copies.len();
        }
        known.copies.insert(key, Copied { sent: Arc::downgrade(sent), borrowed });
        if borrowed {
            known.kept.retain(|kept| !Arc::ptr_eq(kept, sent));
            known.kept.push_back(Arc::clone(sent));
        }
        let oldest = if known.kept.len() > KEPT { known.kept.pop_front() } else { None };
        drop(guard);
        drop(oldest);
    }
}

/// The right to copy an array. However it ends, others who want the array go on.
#[derive(Debug)]
struct Turn<'a> {
    arrays: &'a Arrays,
    key: Key,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.arrays.lock().making.remove(&self.key);
        self.arrays.made.notify_all();
    }
}

impl Sent {
    fn new(block: &Block<'_>, folder: Option<&Path>) -> io::Result<Self> {
        let file = match folder {
            None => memory_file()?,
            Some(folder) => few(nameless_file(folder)?)?,
        };
        fill(&file, block)?;
        if folder.is_none() {
            sys::make_constant(&file)?;
        }
        let place = Place::of(&file)?;
        Ok(Self { file, place })
    }

    /// Whether these are its bytes.
    fn holds(&self, memory: &[u8]) -> bool {
        Region::of(&self.file, memory.len()).is_ok_and(|region| region.bytes() == memory)
    }
}

/// A file without a name, on the disk of `folder`.
fn nameless_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_TMPFILE).open(folder)
}

/// An error if arrays cannot be put where `options` want them.
pub(super) fn check(options: &ArrayOptions) -> Result<(), Error> {
    let Some(folder) = &options.folder else { return Ok(()) };
    let file = nameless_file(folder);
    file.map(drop).map_err(|source| Error::TempFolder { folder: folder.clone(), source })
}

/// Memory without a name, for an array.
pub(super) fn memory_file() -> io::Result<File> {
    few(sys::memory_file()?.into())
}

/// The lowest free number is given: half of them are left to everybody else.
fn few(file: File) -> io::Result<File> {
    let many = file.as_raw_fd() as usize > sys::most_descriptors() / 2;
    if many { Err(io::Error::from_raw_os_error(libc::EMFILE)) } else { Ok(file) }
}

/// Copies an array into a file.
pub(super) fn fill(mut file: &File, block: &Block<'_>) -> io::Result<()> {
    // Written, not mapped and filled: pages are then not zeroed first, no page fault is taken for
    // each, and a full disk is an error and not the end of the process.
    block.try_for_each_chunk(|bytes| file.write_all(bytes))
}

/// What takes large arrays out of a frame.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// Of arguments; keeps what it refers to.
    ToWorker { arrays: Arc<Arrays>, used: Vec<Arc<Sent>> },
    /// Of a result, as files that are sent along.
    ToParent { max_nbytes: u64, files: ResultFiles },
    /// Of arguments, for workers that share no memory with us.
    Far(Arc<Parcel>),
}

impl Carrier {
    /// Takes the array, and says where it is; `None` if it travels with its value.
    pub(crate) fn carry(&mut self, block: &Block<'_>, borrowed: bool) -> Option<u64> {
        let len = block.byte_len() as u64;
        match self {
            Carrier::ToWorker { arrays, used } if len > arrays.max_nbytes() => {
                // Without memory or descriptors it can still travel with its value.
                let sent = arrays.copy_of(block, borrowed).inspect_err(said).ok()?;
                let number = sent.place.to_number(borrowed)?;
                used.push(sent);
                Some(number)
            }
            Carrier::ToParent { max_nbytes, files } if len > *max_nbytes => files.push(block).ok(),
            Carrier::Far(parcel) => parcel.carry(block, borrowed),
            _ => None,
        }
    }
}

fn said(error: &io::Error) {
    log::warn!(
        "a large array is sent through a socket, because there is no memory to share: {error}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use joblib_persist::message::encode_with;
    use std::os::unix::fs::FileExt;
    use std::sync::Barrier;
    use std::thread;

    /// What stands for `array`, as a feeder would have it copied.
    fn copy(arrays: &Arrays, array: &[u64], borrowed: bool) -> io::Result<Arc<Sent>> {
        let mut copy = None;
        encode_with(array, &mut Vec::new(), &mut |block| {
            let sent = arrays.copy_of(block, borrowed)?;
            let number = sent.place.to_number(borrowed);
            copy = Some(sent);
            Ok(number)
        })
        .map_err(io::Error::other)?;
        Ok(copy.expect("it is large enough"))
    }

    #[test]
    fn feeders_that_want_an_array_at_once_copy_it_once() {
        let array = vec![7; 1 << 20];
        for borrowed in [false, true] {
            let arrays = Arrays::new(ArrayOptions::default());
            let together = Barrier::new(4);
            let feed = || {
                together.wait();
                let sent = copy(&arrays, &array, borrowed).unwrap();
                // Nobody lets go of it before all have it.
                together.wait();
                sent.place
            };
            let places: Vec<Place> = thread::scope(|scope| {
                let feeders: Vec<_> = (0..4).map(|_| scope.spawn(feed)).collect();
                feeders.into_iter().map(|feeder| feeder.join().unwrap()).collect()
            });
            assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
        }
    }

    #[test]
    fn a_copy_that_fails_keeps_nobody_from_the_array() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("not there");
        let options = ArrayOptions { folder: Some(missing.clone()), ..ArrayOptions::default() };
        let arrays = Arrays::new(options);
        let array = vec![7; 1000];
        assert!(copy(&arrays, &array, true).is_err());
        std::fs::create_dir(missing).unwrap();
        assert!(copy(&arrays, &array, true).is_ok());
    }

    #[test]
    fn a_copy_cannot_change_any_more() {
        let sent = copy(&Arrays::new(ArrayOptions::default()), &[7; 1000], true).unwrap();
        assert!(sent.file.write_all_at(b"x", 0).is_err());
        assert!(sent.file.set_len(0).is_err() && sent.file.set_len(1 << 20).is_err());
    }
}
