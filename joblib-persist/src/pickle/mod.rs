//! Python's pickles, as its joblib and its pickle module write them.

mod opcode;
mod read;
mod write;

pub(crate) use read::{
    Pickle, Place, ZF_MAGIC, array_byte_len, is_pickle, parsed, read, zf_content,
};
pub(crate) use write::{Protocol, to_vec, write, write_value};
