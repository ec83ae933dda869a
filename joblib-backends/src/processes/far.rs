//! Arrays and shared values for a worker that is not a child of whoever writes its arguments.
//!
//! The writer cannot know where a far machine will keep them, and names each by an id. The worker's
//! parent there has them in files of its own, and tells the place of each id in front of the tasks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;

use super::place::Place;
use super::wire::{Garbage, word};

/// Tells the number of an id from that of a place.
const FAR: u64 = 1 << 63;
const LASTING: u64 = 1 << 62;
/// Ids are smaller than this.
pub(crate) const IDS: u64 = 1 << 62;

thread_local! {
    /// For the batch that runs.
    static PLACES: RefCell<HashMap<u64, Place>> = RefCell::default();
}

/// The number of an array with this id. `lasting`: further tasks will want to see it, too.
pub(crate) fn number(id: u64, lasting: bool) -> u64 {
    debug_assert!(id < IDS);
    FAR | if lasting { LASTING } else { 0 } | id
}

/// Takes the places for the batch that begins; `record` holds pairs of an id and a place's number.
pub(super) fn set_places(record: &[u8]) -> Result<(), Garbage> {
    let (pairs, rest) = record.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(Garbage("the places of arrays"));
    }
    let places = pairs.iter().map(|pair| (word(pair, 0), Place::from_number(word(pair, 8)).0));
    PLACES.with_borrow_mut(|known| {
        known.clear();
        known.extend(places);
    });
    Ok(())
}

/// Where the shared value with this id is.
pub(crate) fn place_of(id: u64) -> io::Result<Place> {
    let place = PLACES.with_borrow(|places| places.get(&id).copied());
    let missing = || io::Error::new(io::ErrorKind::NotFound, "an argument did not come along");
    place.ok_or_else(missing)
}

/// Where the array with this number is, and whether it is lasting.
pub(super) fn resolve(number: u64) -> io::Result<(Place, bool)> {
    if number & FAR == 0 {
        return Ok(Place::from_number(number));
    }
    Ok((place_of(number & (IDS - 1))?, number & LASTING != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_for_the_place_that_was_told_last() {
        let file = tempfile::tempfile().unwrap();
        let (first, second) = (Place::of(&file).unwrap(), Place::of(&file).unwrap());
        for place in [first, second] {
            let number = place.to_number(false).unwrap();
            let record = [7_u64.to_le_bytes(), number.to_le_bytes()].concat();
            set_places(&record).unwrap();
            assert_eq!(resolve(FAR | 7).unwrap(), (place, false));
            assert_eq!(resolve(FAR | LASTING | 7).unwrap(), (place, true));
            assert_eq!(resolve(number).unwrap(), (place, false));
        }
        assert!(resolve(FAR | 8).is_err());
        assert!(set_places(&[0; 15]).is_err());
        set_places(&[]).unwrap();
        assert!(resolve(FAR | 7).is_err(), "it was for another batch");
    }
}
