//! In the parent: the arrays of one result, and which of their files its worker may write again.

use std::cell::RefCell;
use std::fs::File;
use std::io;

use joblib_persist::MmapMode;
use joblib_persist::message::{Carried, Segment};

use super::result_files::from_number;
use super::status::Page;
use super::sys;

/// The files of one result, as they are asked for.
pub(super) struct Fetched<'f> {
    files: &'f [File],
    maps: RefCell<Vec<(u64, usize, Segment)>>,
}

impl<'f> Fetched<'f> {
    pub(super) fn new(files: &'f [File]) -> Self {
        Self { files, maps: RefCell::default() }
    }

    /// The array that `number` stands for, in memory to which the caller may write.
    pub(super) fn fetch(&self, number: u64) -> io::Result<Carried> {
        let (sending, index) = from_number(number);
        let file = self.files.get(index).ok_or(io::ErrorKind::InvalidData)?;
        let map = Segment::map(file, MmapMode::Copy).map_err(io::Error::other)?;
        let array = map.at(0);
        self.maps.borrow_mut().push((sending, index, map));
        Ok(array)
    }

    /// Gives those files back to the worker that nobody has mapped any more. The others are the
    /// caller's for good: their contents must not change.
    pub(super) fn give_back(self, page: &Page) {
        let maps = self.maps.into_inner();
        if maps.is_empty() {
            return;
        }
        let (mut used, mut unused) = (Vec::new(), Vec::new());
        for (sending, index, mut map) in maps {
            if map.is_unused() {
                unused.push(sending);
            } else {
                // The worker does not write to it; from now on nobody can.
                sys::make_constant(&self.files[index]).ok();
                used.push(sending);
            }
        }
        let free = unused.into_iter().filter(|sending| !used.contains(sending));
        free.for_each(|sending| page.give_back(sending));
    }
}
