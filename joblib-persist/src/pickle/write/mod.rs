//! Writing pickles that Python's `joblib.load` and `pickle.load` read.
//!
//! | Rust, as serde sees it | Python |
//! | --- | --- |
//! | unit, `None` | `None` |
//! | integer, float, bool, char, string, bytes | `int`, `float`, `bool`, `str`, `str`, `bytes` |
//! | sequence | `list`; `tuple` inside the key of a map |
//! | tuple, tuple struct | `tuple` |
//! | map, struct | `dict` |
//! | newtype struct, `Some` | what is in it |
//! | unit variant | its name |
//! | other variants | `dict` of one item: name to contents, as `serde_json` has it |
//! | `ndarray` array | `numpy.ndarray` |
//! | `Value` | what it was read from, classes and shared parts included |

mod array;
mod compound;
mod lists;
mod pickler;
mod protocol;
mod serializer;
mod strings;
mod value;
mod value_array;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::frame_sink::{Output, Plain};
use crate::value::ValueRef;
use pickler::Pickler;
use serializer::PickleSerializer;

pub(crate) use protocol::Protocol;

/// Writes `value` as a pickle. Its arrays can be mapped if the output is not compressed.
pub(crate) fn write<T: Serialize + ?Sized>(
    value: &T,
    output: &mut dyn Output,
    protocol: Protocol,
    compressed: bool,
) -> Result<()> {
    let mut pickler = Pickler::new(output, protocol, compressed);
    match PickleSerializer::write(&mut pickler, value) {
        Ok(()) => pickler.finish(),
        Err(stop) => {
            Err(stop.into_error().unwrap_or_else(|| Error::unwritable("nothing was written")))
        }
    }
}

/// Writes a value as a pickle in memory.
pub(crate) fn to_vec(value: ValueRef<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_part(value, &mut Plain(&mut bytes), Protocol::NEWEST)?;
    Ok(bytes)
}

/// Writes a value as a pickle inside another file, where nothing can be mapped.
pub(crate) fn write_value(value: ValueRef<'_>, output: &mut dyn Output) -> Result<()> {
    write_part(value, output, Protocol::DEFAULT)
}

fn write_part(value: ValueRef<'_>, output: &mut dyn Output, protocol: Protocol) -> Result<()> {
    let mut pickler = Pickler::new(output, protocol, true);
    pickler.value(value)?;
    pickler.finish()
}
