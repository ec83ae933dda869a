//! Reading pickles into values. Nothing in a file is ever called.

mod array;
mod beside;
mod element_types;
mod in_file;
mod machine;
mod memo;
mod reduce;
mod stream;
mod text;
mod wrapper;

pub(crate) use array::byte_len as array_byte_len;
pub(crate) use beside::{ZF_MAGIC, zf_content};
pub(crate) use element_types::parsed;
pub(crate) use machine::Place;

use crate::error::{Error, ErrorKind, Result};
use crate::frame_source::Input;
use crate::value::Value;

/// The newest protocol there is.
const PROTOCOL_MAX: u8 = 5;

/// What was read, and what became of its arrays.
pub(crate) struct Pickle {
    pub(crate) value: Value,
    /// How many arrays stayed in the file.
    pub(crate) mapped: u32,
    /// How many would have, had they been aligned.
    pub(crate) unaligned: u32,
}

/// Whether a stream that begins so can be a pickle: with the number of its protocol, or, in the
/// first two protocols, with an opcode that can stand at the beginning.
pub(crate) fn is_pickle(head: &[u8]) -> bool {
    match head {
        [0x80, ..] => true,
        // Two compressors begin alike, but not with an opcode in second place.
        [b'(' | b']' | b')' | b'}' | b'N', second, ..] => {
            second.is_ascii_graphic() || (0x80..=0x98).contains(second)
        }
        [first, ..] => b"cILFSVKJMGUTX".contains(first),
        [] => false,
    }
}

/// Reads one pickle, with the arrays between and beside it.
///
/// Takes no byte behind the pickle if `exact`.
pub(crate) fn read(input: &mut dyn Input, exact: bool, place: Place<'_>) -> Result<Pickle> {
    let mut stream = if exact { stream::Stream::exact(input) } else { stream::Stream::new(input) };
    let mut machine = machine::Machine::new(&mut stream, place);
    let root = match machine.run() {
        Ok(root) => root,
        // Without a protocol at its front it was only a guess that it is a pickle.
        Err(error) if !machine.is_named() && is_damage(&error) => {
            return Err(Error::new(ErrorKind::Foreign { found: stream.head().to_vec() }));
        }
        Err(error) => return Err(error),
    };
    let mut arena = std::mem::take(&mut machine.arena);
    arena.shrink();
    let value = Value { arena, root };
    Ok(Pickle { value, mapped: machine.mapped, unaligned: machine.unaligned })
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Damaged { .. } | ErrorKind::Truncated { .. })
}
