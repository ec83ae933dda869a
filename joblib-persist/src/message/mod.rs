//! Values between two processes of the same executable.
//!
//! A message is bare: no header, no checksum, no version. It is for a pipe or shared memory
//! between a program and itself; what is stored or sent elsewhere is a [`dump`](crate::dump_to).
//! Arrays travel as their memory, other values as in a file.
//!
//! Each message names the fields of its structs, those of one kind once. What reads it may thus be
//! another type than what was written, or an enum that is told by its fields. Many structs in one
//! message, a `Vec` of them, cost the names once.
//!
//! ```
//! use joblib_persist::message;
//!
//! let mut out = Vec::new();
//! message::encode(&(7u64, 0.5f64), &mut out)?;
//! message::encode("next", &mut out)?;
//!
//! let mut rest = &out[..];
//! let (index, value): (u64, f64) = message::decode(&mut rest)?;
//! let text: String = message::decode(&mut rest)?;
//! assert_eq!((index, value, &text[..]), (7, 0.5, "next"));
//! assert!(rest.is_empty());
//! # Ok::<(), joblib_persist::Error>(())
//! ```
//!
//! `encode_with` and `decode_with` (with the feature `mmap`, on Unix) let large arrays travel
//! otherwise: in memory that both processes have mapped.

#[cfg(all(feature = "mmap", unix))]
mod carried;

#[cfg(all(feature = "mmap", unix))]
pub use crate::mapped::{Carried, Segment};
#[cfg(all(feature = "mmap", unix))]
pub use carried::{decode_with, encode_with};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::array::Block;
use crate::de::{Blocks, Decoder, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::ser::{Encoder, Mark, Sink};

/// Appends `value` to `out`.
///
/// # Errors
///
/// [`ErrorKind::Value`] if the value's `Serialize` reports one, [`ErrorKind::Unwritable`] if it
/// breaks a rule of serde, [`ErrorKind::TooDeep`]. What `out` held before is kept; what was
/// appended is cut off again.
pub fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    match Encoder::new(MessageSink { out }).encode(value) {
        Ok(_) => Ok(()),
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// Takes the value at the start of `bytes` and moves `bytes` behind it.
///
/// The bytes may come from a process that died or went wrong: they are not trusted, and memory is
/// only reserved for what is there.
///
/// # Errors
///
/// [`ErrorKind::Truncated`] and [`ErrorKind::Damaged`] if the bytes are not those of a value,
/// [`ErrorKind::DType`], [`ErrorKind::Axes`] and [`ErrorKind::Value`] if it is not a `T`. `bytes`
/// is then left as it was.
pub fn decode<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T> {
    let (value, source, used) = Decoder::new(MessageSource(bytes)).decode()?;
    *bytes = source.0.get(used..).unwrap_or_default();
    Ok(value)
}

struct MessageSink<'o> {
    out: &'o mut Vec<u8>,
}

impl Sink for MessageSink<'_> {
    const BLOCKS: bool = false;

    #[inline]
    fn room(&mut self, _len: usize) -> Result<&mut Vec<u8>> {
        Ok(self.out)
    }

    fn block(&mut self, _block: &Block<'_>) -> Result<()> {
        Err(Error::unwritable("messages have no blocks"))
    }

    #[inline]
    fn carry(&mut self, _block: &Block<'_>) -> Result<Option<u64>> {
        Ok(None)
    }

    #[inline]
    fn frame(&self) -> u32 {
        0
    }

    #[inline]
    fn replace(&mut self, mark: Mark, tag: u8) {
        self.out[mark.at] = tag;
    }
}

struct MessageSource<'b>(&'b [u8]);

impl Source for MessageSource<'_> {
    #[inline]
    fn frame(&self) -> &[u8] {
        self.0
    }

    #[cold]
    fn next_frame(&mut self) -> Result<()> {
        Err(Error::new(ErrorKind::Truncated { place: "a message" }))
    }

    #[inline]
    fn is_mapped(&self) -> bool {
        false
    }

    #[cold]
    fn blocks(&mut self) -> Result<&mut dyn Blocks> {
        Err(Error::damaged("an array outside its message"))
    }
}
