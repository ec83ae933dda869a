//! Python's pickles, as its joblib writes them.

mod opcode;
mod write;

pub(crate) use write::{Protocol, write};
