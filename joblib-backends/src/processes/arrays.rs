//! Large arrays on their way between processes: in memory of their own, which both sides map.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

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
}

#[derive(Debug, Default)]
struct Known {
    /// By address and length.
    copies: HashMap<(usize, usize), Copied>,
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
        Self { options, known: Mutex::default() }
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
        if let Some((sent, certain)) = self.find(key)
            && (certain || sent.holds(memory))
        {
            self.remember(key, &sent, borrowed || certain);
            return Ok(sent);
        }
        let sent = Arc::new(Sent::new(block, folder)?);
        self.remember(key, &sent, borrowed);
        Ok(sent)
    }

    /// The copy of what lay at `key`, and whether the same lies there still.
    fn find(&self, key: (usize, usize)) -> Option<(Arc<Sent>, bool)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let copied = known.copies.get(&key)?;
        Some((copied.sent.upgrade()?, copied.borrowed))
    }

    fn remember(&self, key: (usize, usize), sent: &Arc<Sent>, borrowed: bool) {
        let mut guard = self.known.lock().unwrap_or_else(PoisonError::into_inner);
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
