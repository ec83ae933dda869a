//! In a worker: arrays that tasks of a call have a reference to, rebuilt once for all of them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::place::Place;
use super::{far, sys};
use crate::{Failure, Lent, Payload};

/// Of so many arrays, those rebuilt last. The parent keeps as many copies.
const MOST: usize = 16;

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

struct Kept {
    place: Place,
    /// What stood for it in the arguments: type of elements, shape, order and place.
    bytes: Box<[u8]>,
    value: Rc<dyn Any>,
}

/// Takes the next value off the front of `payload`, and keeps it if it is an array that the parent
/// keeps: it is then the same value wherever the same bytes are met again.
pub(crate) fn read<T: DeserializeOwned + 'static>(
    payload: &mut Payload<'_>,
) -> Result<Lent<T>, Failure> {
    let Some(fetch) = payload.fetch else {
        return payload.read().map(Lent::new);
    };
    let bytes = payload.bytes;
    if let Some((value, len)) = find(bytes) {
        payload.bytes = &bytes[len..];
        return Ok(Lent::kept(value));
    }
    let (number, count) = (Cell::new(0), Cell::new(0));
    let noting = |asked| {
        number.set(asked);
        count.set(count.get() + 1);
        fetch(asked)
    };
    let mut noted = Payload { fetch: Some(&noting), ..Payload::new(bytes) };
    let value: T = noted.read()?;
    let len = bytes.len() - noted.bytes.len();
    payload.bytes = &bytes[len..];
    let found = if count.get() == 1 { far::resolve(number.get()).ok() } else { None };
    let Some((place, true)) = found else {
        return Ok(Lent::new(value));
    };
    let value = Rc::new(value);
    keep(Kept { place, bytes: bytes[..len].into(), value: Rc::<T>::clone(&value) });
    Ok(Lent::kept(value))
}

/// The value that the front of `bytes` stands for, and how many of them.
fn find<T: 'static>(bytes: &[u8]) -> Option<(Rc<T>, usize)> {
    KEPT.with_borrow(|all| {
        all.iter().rev().filter(|kept| bytes.starts_with(&kept.bytes)).find_map(|kept| {
            let value = Rc::clone(&kept.value).downcast().ok()?;
            Some((value, kept.bytes.len()))
        })
    })
}

fn keep(kept: Kept) {
    let oldest = KEPT.with_borrow_mut(|all| {
        all.push(kept);
        (all.len() > MOST).then(|| all.remove(0))
    });
    // Not under the borrow: what is dropped may be large, and is not ours.
    drop(oldest);
}

/// Lets go of the values whose arrays the parent has no more, at most once in a while.
#[derive(Debug)]
pub(super) struct Tidier {
    due: Instant,
}

impl Tidier {
    /// How old a value may become that nobody needs.
    pub(super) const EVERY: Duration = Duration::from_millis(100);

    pub(super) fn new() -> Self {
        Self { due: Instant::now() }
    }

    /// Whether there is something that will have to be let go.
    pub(super) fn has_work(&self) -> bool {
        KEPT.with_borrow(|all| !all.is_empty())
    }

    /// Lets go, if it is time.
    pub(super) fn tidy(&mut self) {
        if self.has_work() && Instant::now() >= self.due {
            forget_gone(sys::parent_id());
            self.due = Instant::now() + Self::EVERY;
        }
    }
}

fn forget_gone(owner: u32) {
    let all = KEPT.take();
    let (kept, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(|kept| kept.place.exists(owner));
    KEPT.set(kept);
    drop(gone);
}

#[cfg(test)]
mod tests {
    use super::*;
    use joblib_persist::MmapMode;
    use joblib_persist::message::{Segment, encode_with};
    use std::fs::File;
    use std::io::Write;

    /// An array of eight numbers as the parent would send it, and what holds its elements.
    fn sent(lasting: bool) -> (Vec<u8>, File) {
        let mut file = tempfile::tempfile().unwrap();
        let array = vec![7_u64; 200];
        let mut bytes = Vec::new();
        encode_with(&array, &mut bytes, &mut |block| {
            block.try_for_each_chunk(|bytes| file.write_all(bytes))?;
            Ok(Place::of(&file)?.to_number(lasting))
        })
        .unwrap();
        (bytes, file)
    }

    /// Reads the value twice, and says whether it was rebuilt once.
    fn is_rebuilt_once(bytes: &[u8], file: &File) -> bool {
        let count = Cell::new(0);
        let fetch = |_| {
            count.set(count.get() + 1);
            Ok(Segment::map(file, MmapMode::Read).unwrap().at(0))
        };
        let twice = [bytes, bytes].concat();
        let mut payload = Payload { fetch: Some(&fetch), ..Payload::new(&twice) };
        for _ in 0..2 {
            assert_eq!(**read::<Vec<u64>>(&mut payload).unwrap(), [7; 200]);
        }
        assert!(payload.as_bytes().is_empty());
        count.get() == 1
    }

    #[test]
    fn an_array_that_stays_is_rebuilt_once_and_forgotten_when_it_is_gone() {
        let own = std::process::id();
        let (bytes, file) = sent(true);
        assert!(is_rebuilt_once(&bytes, &file));
        forget_gone(own);
        assert!(find::<Vec<u64>>(&bytes).is_some());
        assert!(find::<Vec<u32>>(&bytes).is_none(), "it is of another type");
        drop(file);
        forget_gone(own);
        assert!(find::<Vec<u64>>(&bytes).is_none());
    }

    #[test]
    fn an_array_that_does_not_stay_is_rebuilt_each_time() {
        let (bytes, file) = sent(false);
        assert!(!is_rebuilt_once(&bytes, &file));
        assert!(!Tidier::new().has_work());
    }

    #[test]
    fn only_so_many_are_kept() {
        let all: Vec<_> = (0..=MOST).map(|_| sent(true)).collect();
        for (bytes, file) in &all {
            assert!(is_rebuilt_once(bytes, file));
        }
        assert!(find::<Vec<u64>>(&all[0].0).is_none());
        assert!(find::<Vec<u64>>(&all[1].0).is_some());
    }
}
