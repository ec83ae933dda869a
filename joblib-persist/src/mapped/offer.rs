//! Handing a map through serde, which has no word for it: the deserializer puts it on offer on
//! this thread, and the visitor, which it calls at once, takes it.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Map, Place};
use crate::error::{Error, Result};
use crate::format::Description;

/// A block of a mapped file.
pub(super) struct Offer {
    pub(super) map: Arc<Map>,
    pub(super) place: Place,
    pub(super) description: Description,
}

#[derive(Default)]
struct Counter {
    offer: Option<Offer>,
    refusal: Option<Error>,
}

thread_local! {
    static COUNTER: RefCell<Counter> = RefCell::default();
}

/// Runs `visit` while the block is on offer. If it was refused, the reason is the result.
pub(crate) fn offering<T>(
    map: Arc<Map>,
    place: Place,
    description: Description,
    visit: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let offer = Some(Offer { map, place, description });
    COUNTER.with_borrow_mut(|counter| *counter = Counter { offer, refusal: None });
    let result = visit();
    let left = COUNTER.take();
    result.map_err(|error| left.refusal.unwrap_or(error))
}

pub(super) fn take() -> Option<Offer> {
    COUNTER.with_borrow_mut(|counter| counter.offer.take())
}

pub(super) fn refuse(reason: Error) {
    COUNTER.with_borrow_mut(|counter| counter.refusal = Some(reason));
}
