//! Messages whose large arrays travel otherwise.

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{MessageSink, MessageSource};
use crate::array::{Block, Elements};
use crate::de::{Blocks, Decoder, Source};
use crate::error::{Error, Result};
use crate::mapped::{Carried, Map, Place};
use crate::ser::{Encoder, Mark, Sink};

/// Appends `value` to `out`, but hands its arrays to `carry`, which may take them away.
///
/// `carry` is called for each array, byte string and text of 1 KiB or more. It returns `None`
/// to have it in the message, or puts its elements elsewhere (in the order in which
/// [`Block::try_for_each_chunk`] delivers them, at a multiple of 64 bytes to have them mapped) and
/// returns a number, by which [`decode_with`] will ask for them. What the number means is up to
/// the caller; the message has it together with element type, shape and order.
///
/// ```
/// use std::io::Write;
///
/// use joblib_persist::message::{Segment, decode_with, encode_with};
/// use joblib_persist::{MappedArray, MmapMode};
/// use ndarray::{Array1, Ix1};
///
/// // In one process:
/// let mut file = tempfile::tempfile()?;
/// let mut message = Vec::new();
/// let value = ("mean", Array1::from_elem(1000, 0.5));
/// encode_with(&value, &mut message, &mut |array| {
///     array.try_for_each_chunk(|bytes| file.write_all(bytes))?;
///     Ok(Some(0))
/// })?;
/// assert!(message.len() < 50);
///
/// // In the other, which was given the file:
/// let segment = Segment::map(&file, MmapMode::Read)?;
/// let (name, array): (String, MappedArray<f64, Ix1>) =
///     decode_with(&mut &message[..], &mut |offset| Ok(segment.at(offset)))?;
/// assert_eq!((&name[..], array.view().sum(), array.is_mapped()), ("mean", 500.0, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`encode`](super::encode), and [`ErrorKind::Io`](crate::ErrorKind::Io) if `carry` fails.
pub fn encode_with<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
    carry: &mut dyn FnMut(&Block<'_>) -> io::Result<Option<u64>>,
) -> Result<()> {
    let start = out.len();
    let sink = CarryingSink { plain: MessageSink { out }, carry };
    match Encoder::new(sink).encode(value) {
        Ok(_) => Ok(()),
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// Takes the value at the start of `bytes`, some of whose arrays [`encode_with`] put elsewhere,
/// and moves `bytes` behind it.
///
/// `fetch` says where the array of a number is. A [`MappedArray`](crate::MappedArray) stays
/// there and keeps the segment mapped; anything else is copied from there into its own memory.
///
/// # Errors
///
/// As [`decode`](super::decode), [`ErrorKind::Io`](crate::ErrorKind::Io) if `fetch` fails,
/// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if an array does not lie within its segment
/// or is not aligned for its elements, and [`ErrorKind::Mapped`](crate::ErrorKind::Mapped) if
/// another array has its place in a segment that may be written to.
pub fn decode_with<T: DeserializeOwned>(
    bytes: &mut &[u8],
    fetch: &mut dyn FnMut(u64) -> io::Result<Carried>,
) -> Result<T> {
    let source = CarryingSource { plain: MessageSource(bytes), fetch, current: None };
    let (value, source, used) = Decoder::new(source).decode()?;
    *bytes = source.plain.0.get(used..).unwrap_or_default();
    Ok(value)
}

struct CarryingSink<'o, 'c> {
    plain: MessageSink<'o>,
    carry: &'c mut dyn FnMut(&Block<'_>) -> io::Result<Option<u64>>,
}

impl Sink for CarryingSink<'_, '_> {
    const BLOCKS: bool = false;

    #[inline]
    fn room(&mut self, len: usize) -> Result<&mut Vec<u8>> {
        self.plain.room(len)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<()> {
        self.plain.block(block)
    }

    fn carry(&mut self, block: &Block<'_>) -> Result<Option<u64>> {
        (self.carry)(block).map_err(|source| Error::io("putting an array elsewhere", source))
    }

    #[inline]
    fn frame(&self) -> u32 {
        self.plain.frame()
    }

    #[inline]
    fn replace(&mut self, mark: Mark, tag: u8) {
        self.plain.replace(mark, tag);
    }
}

struct CarryingSource<'b, 'f> {
    plain: MessageSource<'b>,
    fetch: &'f mut dyn FnMut(u64) -> io::Result<Carried>,
    current: Option<Carried>,
}

impl Source for CarryingSource<'_, '_> {
    #[inline]
    fn frame(&self) -> &[u8] {
        self.plain.frame()
    }

    fn next_frame(&mut self) -> Result<()> {
        self.plain.next_frame()
    }

    fn is_mapped(&self) -> bool {
        true
    }

    fn blocks(&mut self) -> Result<&mut dyn Blocks> {
        Ok(self)
    }
}

#[cold]
fn no_block() -> Error {
    Error::damaged("an array outside its message")
}

impl Blocks for CarryingSource<'_, '_> {
    fn begin(&mut self, _kept: usize) -> Result<u64> {
        Err(no_block())
    }

    fn skip(&mut self, _len: usize) -> Result<u64> {
        Err(no_block())
    }

    fn fetch(&mut self, number: u64) -> Result<()> {
        let carried = (self.fetch)(number);
        self.current = Some(carried.map_err(|source| Error::io("fetching an array", source))?);
        Ok(())
    }

    fn map(&mut self, _len: usize) -> Result<(Arc<Map>, Place)> {
        let (map, offset) = self.current.take().ok_or_else(no_block)?.map();
        Ok((map, Place { offset, has_checksum: false }))
    }
}

impl Elements for CarryingSource<'_, '_> {
    fn available(&self) -> Option<u64> {
        Some(self.current.as_ref().map_or(0, Carried::left))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.current.as_mut().ok_or_else(no_block)?.take(bytes)
    }

    fn finish(&mut self) -> Result<()> {
        self.current = None;
        Ok(())
    }
}
