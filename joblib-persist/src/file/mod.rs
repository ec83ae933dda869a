//! Files: written in one step, read with their length known.

mod input;
mod new_file;
mod room;

pub(crate) use input::FileInput;
pub(crate) use new_file::NewFile;
