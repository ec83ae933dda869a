//! numpy's own files: one array (`.npy`), or several with a name each (`.npz`).
//!
//! A `.npy` file is a header, a Python dict as text, and the memory of the array behind it; objects
//! are a pickle of the array instead. A `.npz` file is a zip archive of `.npy` files. Versions 1.0
//! to 3.0 are read and written as `numpy.lib.format` of numpy 2.4 describes them.

#[cfg(feature = "npz")]
mod archive;
#[cfg(feature = "npz")]
mod archive_serializer;
mod array;
mod array_serializer;
mod descr;
mod header;
mod literal;

#[cfg(feature = "npz")]
pub(crate) use archive::{read_archive, write_archive};
pub(crate) use array::{Behind, read};
pub(crate) use array_serializer::write;
pub(crate) use header::{Header, MAGIC};

/// Archives are a feature of their own.
#[cfg(not(feature = "npz"))]
pub(crate) fn no_archives() -> crate::Error {
    let detail = "`.npz` files are not part of this build: enable the feature `npz`";
    crate::Error::new(crate::ErrorKind::Python(detail.to_owned()))
}

/// How an archive begins, and one that is empty.
pub(crate) fn is_archive(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}
