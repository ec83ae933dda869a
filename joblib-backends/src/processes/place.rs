//! Where a worker finds memory that its parent has made.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

/// The parent's descriptor, and the file behind it, because a descriptor is used again after it was
/// closed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct Place {
    descriptor: i32,
    /// The end of the inode's number.
    inode: u32,
    /// Counts places: a file system may give both numbers again as soon as a file is gone.
    serial: u16,
}

/// As much of an inode's number as is compared.
const INODE: u64 = (1 << 23) - 1;
/// Descriptors that can be part of a number; its highest bit tells it from an id (`far.rs`).
const DESCRIPTORS: i32 = 1 << 23;

impl Place {
    /// The place of a file of this process.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let (descriptor, inode) = (file.as_raw_fd(), inode(&file.metadata()?));
        Ok(Self { descriptor, inode, serial: NEXT.fetch_add(1, Relaxed) })
    }

    /// The place as a number; `None` if it is too large for one. `lasting`: further tasks will want
    /// to see the place, too.
    pub(super) fn to_number(self, lasting: bool) -> Option<u64> {
        let Self { descriptor, inode, serial } = self;
        (descriptor < DESCRIPTORS).then_some(
            (descriptor as u64) << 40
                | u64::from(lasting) << 39
                | u64::from(inode) << 16
                | u64::from(serial),
        )
    }

    /// The place that became `number`, and whether it is lasting.
    pub(super) fn from_number(number: u64) -> (Self, bool) {
        let inode = (number >> 16 & INODE) as u32;
        let place = Self { descriptor: (number >> 40) as i32, inode, serial: number as u16 };
        (place, number >> 39 & 1 != 0)
    }

    /// Where the file is, if the process `owner` has made it.
    pub(super) fn path(self, owner: u32) -> PathBuf {
        format!("/proc/{owner}/fd/{}", self.descriptor).into()
    }

    /// The file, for reading.
    pub(super) fn open(self, owner: u32) -> io::Result<File> {
        let file = File::open(self.path(owner))?;
        if inode(&file.metadata()?) == self.inode {
            return Ok(file);
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "the array is not there any more"))
    }

    /// Whether `owner` still has that file.
    pub(super) fn exists(self, owner: u32) -> bool {
        fs::metadata(self.path(owner)).is_ok_and(|file| inode(&file) == self.inode)
    }
}

fn inode(file: &Metadata) -> u32 {
    (file.ino() & INODE) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_number() {
        let file = tempfile::tempfile().unwrap();
        let place = Place::of(&file).unwrap();
        for lasting in [false, true] {
            assert_eq!(Place::from_number(place.to_number(lasting).unwrap()), (place, lasting));
        }
        let last = Place { descriptor: (1 << 23) - 1, inode: INODE as u32, serial: u16::MAX };
        for lasting in [false, true] {
            assert_eq!(Place::from_number(last.to_number(lasting).unwrap()), (last, lasting));
        }
        assert_eq!(Place { descriptor: 1 << 23, inode: 1, serial: 1 }.to_number(false), None);
    }

    #[test]
    fn no_two_places_are_the_same() {
        let file = tempfile::tempfile().unwrap();
        assert_ne!(Place::of(&file).unwrap(), Place::of(&file).unwrap());
    }

    #[test]
    fn a_descriptor_that_is_used_again_is_another_place() {
        let (first, second) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let place = Place::of(&first).unwrap();
        let own = std::process::id();
        assert!(place.exists(own) && place.open(own).is_ok());
        let wrong = Place { inode: Place::of(&second).unwrap().inode, ..place };
        assert!(!wrong.exists(own) && wrong.open(own).is_err());
    }
}
