//! Any value with its arrays in one fast file.

#![deny(unsafe_code)]

pub mod array;
mod de;
mod dump;
mod error;
mod file;
mod format;
mod frame_sink;
mod frame_source;
mod load;
mod mapped;
pub mod message;
mod ser;

pub use dump::{DumpOptions, dump, dump_to};
pub use error::{Error, ErrorKind, Result};
pub use load::{LoadOptions, load, load_from, seek_last};
pub use mapped::{MappedArray, MmapMode};

pub use joblib_compress::Compression;
