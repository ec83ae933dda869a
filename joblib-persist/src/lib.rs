//! Any value with its arrays in one fast file.
//!
//! ```
//! use joblib_persist::{dump, load};
//! use ndarray::Array2;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Model {
//!     coef: Array2<f64>,
//!     names: Vec<String>,
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("model.jbl.gz");
//! let model = Model { coef: Array2::eye(3), names: vec!["age".into(), "size".into()] };
//! dump(&model, &path)?; // for example "model.jbl.gz": the extension asks for gzip
//!
//! let model: Model = load(&path)?; // whatever the name, the content says what it is
//! assert_eq!(model.coef[[2, 2]], 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What you get
//!
//! - **Plain serde.** Everything that derives `Serialize` and `Deserialize`: `flatten`, every
//!   representation of enums, skipped and defaulted fields. Files describe themselves: fields may
//!   be added, removed and reordered, and a wrong type is refused with its place
//!   (``at `inner.[0].b`: array of f64 found, f32 wanted``).
//! - **Arrays without copies.** `ndarray` arrays and views, `Vec` and slices of numbers, bools and
//!   complex numbers are recognised by their type, without an attribute: they are written from
//!   their own memory and read straight into their final one, Fortran order kept. Beyond the
//!   value, dump and load use less than 16 MiB, whatever its size, compressed or not.
//! - **Arrays that stay in their file**: [`MappedArray`] opens at once and is read page by page.
//! - **Checksums** on everything, compared before anything is parsed. Files appear complete or
//!   not at all.
//! - **Streams**: [`dump_to`] any writer, [`load_from`] any reader, several values one after the
//!   other. [`message`] is for values between two processes of one executable.
//! - **Files of Python**: [`load`] also reads what Python's joblib and pickle wrote, and calls nothing
//!   in it; [`dump`] to `.pkl` or `.joblib` writes what they open. Whatever is in a file, of Python or
//!   native, loads as a [`value::Value`] where the program has no type for it.
//!
//! # Python's files
//!
//! [`load`] also opens what Python's joblib since 0.8.4, its `pickle` and numpy wrote, compressed or
//! not, and [`dump`] writes it: `.pkl`, `.pickle` and `.joblib`, `.npy` and `.npz`, by the
//! extension ([`FileFormat`]). Nothing in a file is ever called: a class is a name, an object what
//! it was made from. So a model of scikit-learn is a struct of those attributes that the program
//! wants, and anything at all is a [`value::Value`], which is written back as what it was:
//!
//! ```
//! use joblib_persist::value::Value;
//! use joblib_persist::{dump, load};
//! use ndarray::{Array1, array};
//! use serde::{Deserialize, Serialize};
//!
//! // joblib.dump({"coef_": numpy.array([0.5, -1.0]), "classes_": ["no", "yes"]}, "model.pkl")
//! # #[derive(Serialize)]
//! # struct Python { coef_: Array1<f64>, classes_: [&'static str; 2] }
//! # let folder = tempfile::tempdir()?;
//! # let (model, other) = (folder.path().join("model.pkl"), folder.path().join("other.pkl"));
//! # dump(&Python { coef_: array![0.5, -1.0], classes_: ["no", "yes"] }, &model)?;
//!
//! #[derive(Deserialize)]
//! struct Model {
//!     coef_: Array1<f64>,
//! }
//!
//! let typed: Model = load(&model)?; // for example "model.pkl"; other attributes are passed over
//! assert_eq!(typed.coef_, array![0.5, -1.0]);
//!
//! let value: Value = load(&model)?;
//! assert_eq!(value.get("classes_[1]").and_then(|class| class.as_str()), Some("yes"));
//! dump(&value, &other)?; // the same model, for Python
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Elements of an array are converted where nothing can be lost: `float32` loads as `f64`,
//! big-endian as this machine's. Lists and tuples are sequences, dicts and objects maps, numpy's
//! scalars numbers; [`value::ValueRef::to`] says it in full. Uncompressed arrays of joblib and in
//! `.npy` files can be mapped ([`LoadOptions::mmap_mode`]).
//!
//! # Limits
//!
//! - Values nest at most 128 levels deep, arrays have at most 32 axes; more is an error both ways.
//! - Two pointers to one value (`Rc`, `Arc`) are written, and load, as two values.
//! - The element type of an array in a native file must be the one in the program: `f32` does not
//!   load as `f64`.
//! - Checksums find damage, not forgery: a made-up file can hold wrong values, but never reach
//!   memory it should not.
//! - Machines are little-endian.
//!
//! The bytes are described in `FORMAT.md` in the crate's folder.
//!
//! # Features
//!
//! `mmap` (default): maps behind [`MappedArray`]; without it such arrays are loaded. `half`: arrays
//! of `half::f16`. `zlib` and
//! `gzip` (default), `bz2`, `lzma`, `xz`, `lz4`, `zstd`: compressors, as in
//! [`joblib_compress`]. `npz`: numpy's archives of arrays. `cloud`: [`dump`] and [`load`] also take `s3://`, `gs://`, `az://` and
//! `http(s)://` URLs, streaming; about a hundred crates more, so only where it is wanted.

#![deny(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("files are little-endian, and arrays are written as they lie in memory");

pub mod array;
#[cfg(feature = "cloud")]
pub mod cloud;
mod de;
mod dump;
mod error;
mod file;
mod file_format;
mod format;
mod frame_sink;
mod frame_source;
mod inspect;
mod load;
mod location;
mod mapped;
pub mod message;
mod npy;
mod pickle;
mod recycled;
mod ser;
pub mod value;

pub use dump::{DumpOptions, dump, dump_to};
pub use error::{Error, ErrorKind, Result};
pub use file_format::FileFormat;
pub use inspect::{
    ArrayChecksum, ArrayItem, Description, InspectOptions, Item, Verified, inspect, verify,
};
pub use load::{LoadOptions, load, load_from, seek_last};
pub use mapped::{MappedArray, MmapMode};

pub use joblib_compress::Compression;

/// For the other crates of joblib. Not covered by semver.
#[doc(hidden)]
pub mod __private {
    pub use crate::file::NewFile;
    pub use crate::load::load_opened;
    pub use crate::location::file_of_url;
}
