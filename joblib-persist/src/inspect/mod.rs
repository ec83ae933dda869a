//! What is in a file, without loading it.

mod display;
mod file;
mod tree;

use std::io::Read;
use std::path::Path;

pub use file::Verified;
pub use tree::{ArrayChecksum, ArrayItem, Description, Item};

use crate::de::Listing;
use crate::error::{Action, Result};

/// Says what is in the file at `path`: names, types, shapes and sizes, but no elements of arrays.
///
/// Reads the structure and passes over the arrays, so that an uncompressed file of any size takes a
/// moment; a compressed one has to be decompressed. All values of the file are described.
///
/// ```
/// use joblib_persist::{dump, inspect};
/// use ndarray::Array2;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Model {
///     coef: Array2<f64>,
///     name: String,
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.jbl");
/// dump(&Model { coef: Array2::zeros((20, 10)), name: "ridge".into() }, &path)?;
///
/// let description = inspect(&path)?;
/// let model = &description.values[0];
/// assert_eq!(model.type_name, "Model");
/// assert_eq!(model.items[0].array.as_ref().unwrap().shape, [20, 10]);
/// assert_eq!(model.items[1].value.as_deref(), Some("\"ridge\""));
/// println!("{description}"); // as an indented tree
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`LoadOptions::load`](crate::LoadOptions::load), except that there is no type to be wrong.
pub fn inspect(path: impl AsRef<Path>) -> Result<Description> {
    InspectOptions::new().inspect(path)
}

/// Compares everything in the file at `path` with its checksums, without knowing its type, and
/// says what that was.
///
/// ```
/// use joblib_persist::{dump, verify};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("numbers.jbl");
/// dump(&vec![0.5; 1000], &path)?;
/// let verified = verify(&path)?;
/// assert_eq!((verified.values, verified.arrays, verified.array_bytes), (1, 1, 8000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`inspect`]; the error names the array whose checksum does not match. The first damage ends
/// it: what lies behind is not looked at.
pub fn verify(path: impl AsRef<Path>) -> Result<Verified> {
    let path = path.as_ref();
    file::verify(path).map_err(|error| error.in_file(Action::Verifying, path))
}

/// How much of a file's content is listed.
#[derive(Clone, Copy, Debug)]
pub struct InspectOptions {
    depth: u32,
    items: u64,
    total: u64,
}

impl Default for InspectOptions {
    fn default() -> Self {
        InspectOptions { depth: u32::MAX, items: 10, total: 10_000 }
    }
}

impl InspectOptions {
    /// The options of [`inspect`]: every level, ten items of each sequence and map, 10 000 in all.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many levels are listed below each value; all unless set.
    #[must_use]
    pub fn depth(mut self, levels: u32) -> Self {
        self.depth = levels;
        self
    }

    /// How many items of each sequence, tuple and map are listed; 10 unless set. Of structs, all
    /// fields are.
    #[must_use]
    pub fn items(mut self, items: u64) -> Self {
        self.items = items;
        self
    }

    /// How many items are listed in all; 10 000 unless set, because a description is in memory.
    #[must_use]
    pub fn total(mut self, items: u64) -> Self {
        self.total = items;
        self
    }

    /// As [`inspect`].
    ///
    /// # Errors
    ///
    /// As [`inspect`].
    pub fn inspect(&self, path: impl AsRef<Path>) -> Result<Description> {
        let path = path.as_ref();
        file::describe(path, self.listing())
            .map_err(|error| error.in_file(Action::Inspecting, path))
    }

    /// The same for a stream, compressed or not, up to its end; its length is given as 0.
    ///
    /// # Errors
    ///
    /// As [`inspect`].
    pub fn inspect_from(&self, reader: impl Read) -> Result<Description> {
        file::describe_from(reader, self.listing())
    }

    fn listing(&self) -> Listing {
        Listing { depth: self.depth, items: self.items, left: self.total }
    }
}
