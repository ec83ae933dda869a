//! Memory maps of files.

#![allow(unsafe_code, reason = "memory maps")]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use memmap2::{MmapOptions, MmapRaw};

use super::MmapMode;
use super::open_files::OpenFile;
use crate::error::{Error, Result};

/// A mapped file. There is never a reference to all of it, only to the arrays in it.
#[derive(Debug)]
pub(crate) struct Map {
    pub(super) raw: MmapRaw,
    pub(super) mode: MmapMode,
    // Below the map, so that it is dropped after it.
    _open: OpenFile,
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
        Ok(Some(Arc::new(Map { raw, mode, _open: open })))
    }

    #[allow(dead_code, reason = "readers of Python files come next")]
    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    /// The address of a byte of the map; one behind the last for its length.
    pub(crate) fn at(&self, offset: usize) -> *const u8 {
        assert!(offset <= self.raw.len(), "outside of the map");
        // SAFETY: within the map, or one behind its end.
        unsafe { self.raw.as_ptr().add(offset) }
    }
}
