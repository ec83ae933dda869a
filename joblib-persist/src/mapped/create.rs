//! A new file for an array that is filled through its map.

use std::path::Path;

use ndarray::{Dimension, IntoDimension};
use serde::de::DeserializeOwned;

use super::{MappedArray, MmapMode};
use crate::array::{Element, Order};
use crate::error::{Action, Error, Result};
use crate::file::NewFile;
use crate::format::{Container, Description};
use crate::frame_sink::FrameSink;
use crate::load::LoadOptions;
use crate::ser::Encoder;

impl<E, D> MappedArray<E, D>
where
    E: Element + DeserializeOwned,
    D: Dimension + DeserializeOwned,
{
    /// Puts an array of zeros (of `false`) into a new file at `path` and maps it for reading and
    /// writing: mode `'w+'` of `numpy.memmap`, for arrays that are larger than the memory.
    ///
    /// Takes no time whatever the size, but the room on the disk is reserved. A file at `path` is
    /// replaced in one step. What is written through [`view_mut`](Self::view_mut) is in the file,
    /// which is an ordinary one: [`load`](crate::load()) reads it at any time, and compares it with
    /// its checksum after [`flush`](Self::flush).
    ///
    /// ```
    /// use joblib_persist::{MappedArray, array::Order, load};
    /// use ndarray::{Array2, Ix2};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("squares.jbl");
    /// let mut squares = MappedArray::<f64, Ix2>::create(&path, (1000, 10), Order::C)?;
    /// for (row, mut squares) in squares.view_mut()?.outer_iter_mut().enumerate() {
    ///     squares.fill((row * row) as f64);
    /// }
    /// squares.flush()?;
    /// assert_eq!(load::<Array2<f64>>(&path)?[[30, 2]], 900.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if folder or disk refuse; the file at `path` is then
    /// as it was. [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if no array can be that large.
    pub fn create(
        path: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
        order: Order,
    ) -> Result<Self> {
        let path = path.as_ref();
        let shape = shape.into_dimension();
        create_file::<E>(path, shape.slice(), order)
            .map_err(|error| error.in_file(Action::Dumping, path))?;
        LoadOptions::new().mmap_mode(MmapMode::ReadWrite).load(path)
    }
}

fn create_file<E: Element>(path: &Path, shape: &[usize], order: Order) -> Result<()> {
    let description = Description::new(Container::Array, E::DTYPE, order, shape)?;
    description.byte_len()?;
    let mut file =
        NewFile::create(path).map_err(|source| Error::io("creating the file", source))?;
    Encoder::new(FrameSink::new(&mut file)).blank_array(&description)?.finish()?;
    file.put_into_place(false).map_err(|source| Error::io("putting the file into place", source))
}
