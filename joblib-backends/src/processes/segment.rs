//! Memory that holds a [`Shared`] value for the workers.

use std::any::Any;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use joblib_persist::{LoadOptions, MmapMode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::sys;
use crate::Shared;
use crate::codec::explain;

/// A value in memory that workers open through our descriptor. It cannot change any more.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    place: Place,
}

/// Where a worker finds a segment: the parent's descriptor, and the file behind it, because a
/// descriptor is used again after it was closed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub(crate) struct Place {
    descriptor: i32,
    inode: u64,
}

impl Segment {
    /// Dumps `value` into memory of its own: arrays are copied once, from their own memory.
    pub(crate) fn holding<T: Serialize>(value: &T) -> Result<Self, String> {
        let file = sys::memory_file().map(File::from).map_err(refused)?;
        joblib_persist::dump_to(value, &file).map_err(|error| explain(&error))?;
        Self::of(file).map_err(refused)
    }

    fn of(file: File) -> io::Result<Self> {
        sys::make_constant(&file)?;
        let inode = file.metadata()?.ino();
        let place = Place { descriptor: file.as_raw_fd(), inode };
        Ok(Self { file, place })
    }

    pub(crate) fn place(&self) -> Place {
        debug_assert_eq!(self.place.descriptor, self.file.as_raw_fd());
        self.place
    }
}

impl Place {
    /// The segment, if the process `owner` has made it.
    fn path(self, owner: u32) -> PathBuf {
        format!("/proc/{owner}/fd/{}", self.descriptor).into()
    }

    /// Whether `owner` still has that segment.
    fn exists(self, owner: u32) -> bool {
        fs::metadata(self.path(owner)).is_ok_and(|file| file.ino() == self.inode)
    }
}

/// In a worker: the values that were read, until their segments are gone. Each is a `Shared<T>`.
type Known = HashMap<Place, Box<dyn Any + Send>>;

fn known() -> MutexGuard<'static, Known> {
    static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
    KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// In a worker: the value at `place`, read when it is asked for the first time.
pub(crate) fn shared_at<T>(place: Place) -> Result<Shared<T>, String>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    if let Some(shared) = known().get(&place).and_then(|any| any.downcast_ref::<Shared<T>>()) {
        return Ok(shared.clone());
    }
    // Not under the lock: reading runs code of the type.
    let shared = Shared::<T>::new(read(place)?);
    known().insert(place, Box::new(shared.clone()));
    Ok(shared)
}

fn read<T: DeserializeOwned>(place: Place) -> Result<T, String> {
    let owner = sys::parent_id();
    if !place.exists(owner) {
        return Err("the process that shared the value does not have it any more".into());
    }
    // What the parent has just written needs no check, and as nobody can change it, arrays that
    // may be mapped are.
    let options = LoadOptions::new().verify(false).mmap_mode(MmapMode::Read);
    options.load(place.path(owner)).map_err(|error| explain(&error))
}

/// In a worker: forgets the values whose segments `owner`, its parent, has no more.
pub(super) fn forget_gone(owner: u32) {
    let mut known = known();
    let gone: Vec<_> = known.keys().copied().filter(|place| !place.exists(owner)).collect();
    let gone: Vec<_> = gone.into_iter().map(|place| known.remove(&place)).collect();
    drop(known);
    // Not under the lock, either.
    drop(gone);
}

fn refused(error: io::Error) -> String {
    format!("memory for a shared value could not be had: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_value_is_forgotten_when_its_segment_is_gone() {
        let segment = Segment::holding(&[1, 2, 3]).unwrap();
        let place = segment.place();
        known().insert(place, Box::new(Shared::new([1, 2, 3])));
        forget_gone(std::process::id());
        assert!(known().contains_key(&place));
        drop(segment);
        forget_gone(std::process::id());
        assert!(!known().contains_key(&place));
    }

    #[test]
    fn a_segment_cannot_change_any_more() {
        let mut segment = Segment::holding(&"abc").unwrap();
        assert!(segment.file.write_all(b"x").is_err());
        assert!(segment.file.set_len(0).is_err());
        let path = segment.place().path(std::process::id());
        assert_eq!(joblib_persist::load::<String>(path).unwrap(), "abc");
    }
}
