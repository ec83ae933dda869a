//! Memory that holds a [`Shared`] value for the workers.

use std::any::Any;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use joblib_persist::message::{Carried, Segment as Map};
use joblib_persist::{LoadOptions, MmapMode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::place::Place;
use super::{far, sys};
use crate::Shared;
use crate::codec::explain;

/// A value in memory that workers open through our descriptor. It cannot change any more.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Open for as long as somebody may need it.
    #[cfg_attr(not(test), expect(dead_code, reason = "workers open it by its number"))]
    file: File,
    place: Place,
}

impl Segment {
    /// Dumps `value` into memory of its own: arrays are copied once, from their own memory.
    pub(crate) fn holding<T: Serialize>(value: &T) -> Result<Self, String> {
        let file = sys::memory_file().map(File::from).map_err(refused)?;
        joblib_persist::dump_to(value, &file).map_err(|error| explain(&error))?;
        Self::of(file).map_err(refused)
    }

    /// Memory with these bytes.
    pub(crate) fn with(bytes: &[u8]) -> io::Result<Self> {
        let mut file = super::arrays::memory_file()?;
        file.write_all(bytes)?;
        Self::of(file)
    }

    fn of(file: File) -> io::Result<Self> {
        sys::make_constant(&file)?;
        let place = Place::of(&file)?;
        Ok(Self { file, place })
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// The place as a number; `None` if it is too large for one.
    pub(crate) fn number(&self) -> Option<u64> {
        self.place.to_number(false)
    }
}

/// In a worker: what was read, until the parent has it no more. Each is a `Shared<T>` or the map of an
/// array.
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

/// In a worker: the array that `number` stands for, for a task that sees arrays as `mode` says.
pub(super) fn array_at(number: u64, mode: MmapMode) -> io::Result<Carried> {
    let (place, lasting) = far::resolve(number)?;
    // What tasks may write to is each task's own.
    let lasting = lasting && mode == MmapMode::Read;
    if lasting && let Some(map) = known().get(&place).and_then(|any| any.downcast_ref::<Map>()) {
        return Ok(map.at(0));
    }
    let map = Map::map(&place.open(sys::parent_id())?, mode).map_err(io::Error::other)?;
    if lasting {
        known().insert(place, Box::new(map.clone()));
    }
    Ok(map.at(0))
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
    use std::os::unix::fs::FileExt;

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
        let segment = Segment::holding(&"abc").unwrap();
        assert!(segment.file.write_all_at(b"x", 0).is_err());
        assert!(segment.file.set_len(0).is_err());
        let path = segment.place().path(std::process::id());
        assert_eq!(joblib_persist::load::<String>(path).unwrap(), "abc");
    }
}
