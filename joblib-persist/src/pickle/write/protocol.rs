//! The version of the pickle format.

use crate::error::{Error, Result};

/// A pickle protocol that can be written.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Protocol(u8);

impl Protocol {
    /// Frames, short strings: what Python 3.8 to 3.13 write by default and 3.4 can read.
    pub(crate) const DEFAULT: Protocol = Protocol(4);

    /// Byte arrays in place.
    pub(crate) const NEWEST: Protocol = Protocol(5);

    /// Checks the number of a protocol.
    pub(crate) fn new(number: u8) -> Result<Self> {
        match number {
            2..=5 => Ok(Protocol(number)),
            _ => Err(Error::unwritable(format!(
                "unknown pickle protocol `{number}`: 2 (any Python), 3, 4 (3.4 and newer) and 5 \
                 (3.8 and newer) can be written"
            ))),
        }
    }

    pub(super) fn number(self) -> u8 {
        self.0
    }

    /// Whether byte strings have opcodes of their own.
    pub(super) fn has_bytes(self) -> bool {
        self.0 >= 3
    }

    /// Whether there are frames, short strings, and globals whose names are strings.
    pub(super) fn has_frames(self) -> bool {
        self.0 >= 4
    }
}
