//! Files: written in one step, read with their length known.

mod fresh;
mod input;
mod new_file;
mod read_together;
mod room;

pub(crate) use fresh::Fresh;
pub(crate) use input::FileInput;
pub use new_file::NewFile;
#[cfg(feature = "mmap")]
pub(crate) use new_file::nameless;
pub(crate) use read_together::read_together;
