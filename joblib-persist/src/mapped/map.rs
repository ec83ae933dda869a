//! Memory maps of files.

#![allow(unsafe_code, reason = "memory maps")]

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::{MmapOptions, MmapRaw};

use super::MmapMode;
use super::open_files::OpenFile;
use crate::error::{Error, ErrorKind, Result};

/// A mapped file. There is never a reference to all of it, only to the arrays in it.
#[derive(Debug)]
pub(crate) struct Map {
    pub(super) raw: MmapRaw,
    pub(super) mode: MmapMode,
    /// The parts of a writable map that someone has.
    lent: Mutex<Vec<Range<usize>>>,
    // Below the map, so that it is dropped after it.
    _open: Option<OpenFile>,
}

impl Map {
    /// Whether there are maps in this build.
    pub(crate) const AVAILABLE: bool = true;

    /// Maps a whole file; with the feature there always is a map.
    pub(crate) fn new(file: &File, path: &Path, mode: MmapMode) -> Result<Option<Arc<Self>>> {
        let open = OpenFile::register(file, path, mode == MmapMode::ReadWrite)?;
        let options = MmapOptions::new();
        let raw = match mode {
            // SAFETY: no reference to the map as a whole is ever made. The arrays in it are
            // looked at under the contract that `MappedArray` states to its users; in this
            // process `open` keeps others from mapping a file that is mapped for writing.
            MmapMode::Read => unsafe { options.map(file) }.map(MmapRaw::from),
            // SAFETY: as above. What is written stays in this process.
            MmapMode::Copy => unsafe { options.map_copy(file) }.map(MmapRaw::from),
            MmapMode::ReadWrite => options.map_raw(file),
        };
        let raw = raw.map_err(|source| Error::io("mapping the file", source))?;
        Ok(Some(Arc::new(Map { raw, mode, lent: Mutex::default(), _open: Some(open) })))
    }

    /// Maps a file that nobody else can open. It may be written to where nothing was lent yet.
    pub(super) fn of_nameless(file: &File, mode: MmapMode) -> Result<Arc<Self>> {
        // Shared whatever the mode: a private map need not show what is written to the file later.
        let raw = MmapOptions::new().map_raw(file);
        let raw = raw.map_err(|source| Error::io("mapping an unpacked array", source))?;
        Ok(Arc::new(Map { raw, mode, lent: Mutex::default(), _open: None }))
    }

    #[cfg(unix)]
    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// The address of a byte of the map; one behind the last for its length.
    pub(crate) fn at(&self, offset: usize) -> *const u8 {
        assert!(offset <= self.raw.len(), "outside of the map");
        // SAFETY: within the map, or one behind its end.
        unsafe { self.raw.as_ptr().add(offset) }
    }

    /// Gives a part of the map to the caller, who may make references to it: shared ones, or, if
    /// the map may be written to, any. Nobody gets a part of a writable map that overlaps.
    pub(super) fn lend(&self, offset: u64, len: usize) -> Result<usize> {
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| Some(start..start.checked_add(len)?));
        let within = part.filter(|part| part.end <= self.raw.len());
        let part =
            within.ok_or_else(|| Error::damaged("an array reaches beyond the end of the file"))?;
        if self.mode == MmapMode::Read {
            return Ok(part.start);
        }
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        if lent.iter().any(|other| other.start < part.end && part.start < other.end) {
            return Err(Error::new(ErrorKind::Mapped));
        }
        let start = part.start;
        lent.push(part);
        Ok(start)
    }

    /// Ends a loan: the caller has no reference to the part any more.
    pub(super) fn take_back(&self, start: usize, len: usize) {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = lent.iter().position(|part| *part == (start..start + len)) {
            lent.swap_remove(at);
        }
    }

    /// Copies a part of the map.
    #[cfg(unix)]
    pub(super) fn copy_to(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let start = self.lend(offset, bytes.len())?;
        // SAFETY: the part lies within the map; nobody has a mutable reference to any of it, as it
        // was lent to this call or the map cannot be written to. `bytes` is other memory: nobody
        // can have a reference to the map from elsewhere.
        unsafe {
            let from = self.raw.as_ptr().add(start);
            std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len());
        }
        Ok(())
    }
}
