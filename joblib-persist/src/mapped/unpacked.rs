//! Arrays that cannot be mapped where they are: they are put into files without a name as they are
//! read, and mapped there.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Map, MappedBytes, MmapMode, Place};
use crate::array::{DType, Elements, no_bools};
use crate::error::{Error, Result};
use crate::file::nameless;

/// A file has room for this many bytes, or for one array that is larger: neither maps nor files
/// become many, whatever the arrays.
const ROOM: u64 = 64 << 20;

/// How many bytes are in memory on their way.
const CHUNK: usize = 256 * 1024;

/// Arrays begin at multiples of this, which suits every element type.
const ALIGNMENT: u64 = 64;

/// Puts arrays into files.
pub(crate) struct Unpacker {
    folder: PathBuf,
    mode: MmapMode,
    /// The file that has room left.
    current: RefCell<Option<Unpacked>>,
}

impl Unpacker {
    /// None for maps that write to their file: there would be none to write to.
    pub(crate) fn new(folder: &Path, mode: MmapMode) -> Option<Self> {
        let folder = folder.to_owned();
        (mode != MmapMode::ReadWrite).then(|| Unpacker {
            folder,
            mode,
            current: RefCell::default(),
        })
    }

    /// Takes all elements of an array, and says where they are now.
    pub(crate) fn put(
        &self,
        byte_len: usize,
        elements: &mut dyn Elements,
    ) -> Result<(Arc<Map>, Place)> {
        if elements.available().is_some_and(|available| available < byte_len as u64) {
            return Err(Error::reading("an array", std::io::ErrorKind::UnexpectedEof.into()));
        }
        let mut current = self.current.borrow_mut();
        let file = match &mut *current {
            Some(file) if file.room >= byte_len as u64 => file,
            full => full.insert(Unpacked::new(&self.folder, self.mode, byte_len as u64)?),
        };
        let offset = file.put(byte_len, elements)?;
        Ok((Arc::clone(&file.map), Place { offset, has_checksum: false }))
    }

    /// As [`put`](Self::put), for elements whose type, if Rust has it, is known at run time only.
    pub(crate) fn put_as(
        &self,
        dtype: Option<DType>,
        byte_len: usize,
        elements: &mut dyn Elements,
    ) -> Result<MappedBytes> {
        let (map, place) = self.put(byte_len, elements)?;
        MappedBytes::new(map, place, byte_len, dtype).ok_or_else(no_bools)
    }
}

/// A file that nobody else can open, mapped whole, and filled from its front.
struct Unpacked {
    file: File,
    map: Arc<Map>,
    used: u64,
    room: u64,
}

impl Unpacked {
    fn new(folder: &Path, mode: MmapMode, byte_len: u64) -> Result<Self> {
        let failed = |source| Error::io("unpacking an array", source);
        let file = nameless(folder).map_err(failed)?;
        let room = byte_len.max(ROOM);
        // Takes no room on the disk yet; where there is none is said by the write that needs it.
        file.set_len(room).map_err(failed)?;
        let map = Map::of_nameless(&file, mode)?;
        Ok(Unpacked { file, map, used: 0, room })
    }

    /// Writes behind what was lent, never to it.
    fn put(&mut self, byte_len: usize, elements: &mut dyn Elements) -> Result<u64> {
        let failed = |source| Error::io("unpacking an array", source);
        let offset = self.used;
        let next = (offset + byte_len as u64).next_multiple_of(ALIGNMENT);
        // Also where reading fails on the way: nobody is going to have these bytes.
        self.room = (self.room + offset).saturating_sub(next);
        self.used = next;
        self.file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        let mut buffer = vec![0; byte_len.min(CHUNK)];
        let mut left = byte_len;
        while left > 0 {
            let chunk = &mut buffer[..left.min(CHUNK)];
            elements.fill(chunk)?;
            self.file.write_all(chunk).map_err(failed)?;
            left -= chunk.len();
        }
        elements.finish()?;
        Ok(offset)
    }
}
