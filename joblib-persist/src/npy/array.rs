//! The elements of an array behind their header.

use std::sync::Arc;

use super::header::Header;
use crate::array::Elements;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Fresh;
use crate::frame_source::{Input, fill_fresh};
use crate::mapped::{self, MAP_MIN, MappedBytes, unpack};
use crate::pickle::{self, Pickle, Place, array_byte_len};
use crate::value::{Arena, ArrayItem, Data, Item, Kind, Node, Value, read_data};

/// Reads one array, and not a byte that is not its own if `exact`.
pub(crate) fn read(input: &mut dyn Input, exact: bool, place: Place<'_>) -> Result<Pickle> {
    let (header, offset) = Header::read(input)?;
    if header.element_type.has_objects() {
        return read_objects(input, exact, place);
    }
    let byte_len = array_byte_len(&header.element_type, &header.shape)?;
    let (mut mapped, mut unaligned) = (0, 0);
    let data = match mapped_data(&header, byte_len, offset, &place) {
        Some(Some(data)) => {
            mapped = u32::from(header.element_type.native_dtype().is_some());
            input.skip(byte_len as u64).map_err(ended)?;
            data
        }
        not_aligned => {
            unaligned += u32::from(not_aligned.is_some());
            let (element_type, mut elements) = (&header.element_type, Behind(input));
            let dtype = element_type.native_dtype();
            match unpack(place.unpacker, dtype, byte_len, &mut elements)? {
                Some(bytes) => {
                    mapped = u32::from(dtype.is_some());
                    Data::Mapped(bytes)
                }
                None => {
                    check_limit(byte_len as u64, place.memory_limit)?;
                    read_data(element_type, byte_len, &mut elements)?
                }
            }
        }
    };
    let value = array(header, data);
    Ok(Pickle { value, mapped, unaligned })
}

fn array(header: Header, data: Data) -> Value {
    let Header { element_type, shape, order } = header;
    let (class, shape) = (Node::NONE, shape.into());
    let mut arena = Arena::default();
    let item = ArrayItem { class, element_type, shape, order, data };
    let root = arena.add(Item::Array(Box::new(item)));
    Value { arena, root }
}

/// The elements in the mapped file: none if nothing is to be mapped, some of none if they are not
/// aligned.
fn mapped_data(
    header: &Header,
    byte_len: usize,
    offset: u64,
    place: &Place<'_>,
) -> Option<Option<Data>> {
    let map = place.map.as_ref().filter(|_| byte_len >= MAP_MIN)?;
    let at = mapped::Place { offset, has_checksum: false };
    let dtype = header.element_type.native_dtype();
    let bytes = MappedBytes::new(Arc::clone(map), at, byte_len, dtype);
    Some(bytes.map(|bytes| Data::Mapped(Arc::new(bytes))))
}

/// Python objects: a pickle of the whole array.
fn read_objects(input: &mut dyn Input, exact: bool, place: Place<'_>) -> Result<Pickle> {
    // There is nothing beside what is in a `.npy` file.
    let place = Place { folder: None, map: None, ..place };
    let pickle = pickle::read(input, exact, place)?;
    match pickle.value.kind() {
        Kind::Array(_) => Ok(pickle),
        _ => Err(Error::damaged("a file of Python objects that holds no array")),
    }
}

fn check_limit(bytes: u64, limit: Option<u64>) -> Result<()> {
    match limit {
        Some(limit) if bytes > limit => Err(Error::new(ErrorKind::MemoryLimit { limit })),
        _ => Ok(()),
    }
}

/// The bytes behind a header.
pub(crate) struct Behind<'r>(pub(crate) &'r mut dyn Input);

impl Elements for Behind<'_> {
    fn available(&self) -> Option<u64> {
        self.0.remaining()
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.0.read_exact(bytes).map_err(ended)
    }

    fn takes_fresh(&self) -> bool {
        self.0.reads_fresh()
    }

    fn fill_fresh(&mut self, fresh: &mut Fresh<'_>) -> Result<()> {
        fill_fresh(self.0, fresh, |_| {}).map_err(ended)
    }

    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

fn ended(source: std::io::Error) -> Error {
    Error::reading("the elements of an array", source)
}
