//! Where a worker finds memory that its parent has made.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The parent's descriptor, and the file behind it, because a descriptor is used again after it was
/// closed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct Place {
    descriptor: i32,
    inode: u64,
}

/// As much of an inode's number as is compared. Those of files in memory have 32 bits.
const INODE: u64 = (1 << 39) - 1;
/// In a number: further tasks will want to see the place, too.
const LASTING: u64 = 1 << 39;
/// Descriptors that can be part of a number.
const DESCRIPTORS: i32 = 1 << 24;

impl Place {
    /// The place of a file of this process.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self { descriptor: file.as_raw_fd(), inode: file.metadata()?.ino() & INODE })
    }

    /// The place as a number; `None` if it is too large for one.
    pub(super) fn to_number(self, lasting: bool) -> Option<u64> {
        let lasting = if lasting { LASTING } else { 0 };
        (self.descriptor < DESCRIPTORS)
            .then_some((self.descriptor as u64) << 40 | lasting | self.inode)
    }

    /// The place that became `number`, and whether it is lasting.
    pub(super) fn from_number(number: u64) -> (Self, bool) {
        let place = Self { descriptor: (number >> 40) as i32, inode: number & INODE };
        (place, number & LASTING != 0)
    }

    /// Where the file is, if the process `owner` has made it.
    pub(super) fn path(self, owner: u32) -> PathBuf {
        format!("/proc/{owner}/fd/{}", self.descriptor).into()
    }

    /// The file, for reading.
    pub(super) fn open(self, owner: u32) -> io::Result<File> {
        let file = File::open(self.path(owner))?;
        if file.metadata()?.ino() & INODE == self.inode {
            return Ok(file);
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "the array is not there any more"))
    }

    /// Whether `owner` still has that file.
    pub(super) fn exists(self, owner: u32) -> bool {
        fs::metadata(self.path(owner)).is_ok_and(|file| file.ino() & INODE == self.inode)
    }
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
        assert_eq!(Place { descriptor: 1 << 24, inode: 1 }.to_number(false), None);
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
