//! Handing a value through serde, which has no word for it: the deserializer lays it down on this
//! thread, and the visitor, which it calls at once, picks it up.

use std::cell::RefCell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use super::Value;
use super::de::NAME;
use crate::error::Result;

thread_local! {
    static LAID_DOWN: RefCell<Option<Value>> = const { RefCell::new(None) };
}

/// Runs `visit` while the value lies there.
pub(crate) fn handing<T>(value: Value, visit: impl FnOnce() -> Result<T>) -> Result<T> {
    LAID_DOWN.with_borrow_mut(|place| *place = Some(value));
    let result = visit();
    LAID_DOWN.take();
    result
}

pub(super) fn take() -> Option<Value> {
    LAID_DOWN.take()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// The sign that a value was laid down.
    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(take().unwrap_or_else(|| Value::from(())))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        super::from_serde::deserialize(inner)
    }
}
