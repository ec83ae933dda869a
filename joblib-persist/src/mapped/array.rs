//! An array that is in memory or in a mapped file.

use std::fmt;
use std::marker::PhantomData;

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(feature = "mmap")]
use super::{block::MappedBlock, offer};
use crate::array::Element;
use crate::error::Result;

/// An array that can stay in its file: opened at once whatever its size, read page by page as it
/// is looked at, and shared by all processes that map it.
///
/// A field of this type is mapped if the file is loaded with
/// [`LoadOptions::mmap_mode`](crate::LoadOptions::mmap_mode), is not compressed (or
/// [unpacked](crate::LoadOptions::unpack_in)), and the array has 1 KiB or more. Otherwise, and
/// without the feature `mmap`, it is an array in memory: [`is_mapped`](Self::is_mapped) tells,
/// nothing else differs.
///
/// ```
/// use joblib_persist::{LoadOptions, MappedArray, MmapMode, dump};
/// use ndarray::{Array2, Ix2};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("table.jbl");
/// dump(&Array2::<f32>::ones((1000, 100)), &path)?;
///
/// let table: MappedArray<f32, Ix2> = LoadOptions::new().mmap_mode(MmapMode::Read).load(&path)?;
/// assert_eq!(table.is_mapped(), cfg!(feature = "mmap"));
/// assert_eq!(table.view().row(3).sum(), 100.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What a map can do to you
///
/// A map shows the file as it is now, so two things hold that no library can check:
///
/// - **Nobody may cut the file off** while it is mapped: touching what is gone ends the process
///   with `SIGBUS`.
/// - **No other process may write** to an array while this one looks at it: a view is a shared
///   reference, and what it refers to would change.
///
/// [`dump`](crate::dump) does neither, as it never changes a file but puts a new one in its place;
/// the old one lives on while it is mapped. In one process this crate keeps order itself: a file
/// that is mapped for writing cannot be mapped a second time. What is read is not compared with
/// its checksum when it is mapped; [`verify`](Self::verify) does that. Elements of `bool` are
/// checked, as other bytes would be undefined behaviour.
pub struct MappedArray<E, D: Dimension>(Place<E, D>);

enum Place<E, D: Dimension> {
    Memory(Array<E, D>),
    #[cfg(feature = "mmap")]
    File(MappedBlock<E, D>),
}

impl<E: Element, D: Dimension> MappedArray<E, D> {
    /// The array, in the order in which it was dumped.
    pub fn view(&self) -> ArrayView<'_, E, D> {
        match &self.0 {
            Place::Memory(array) => array.view(),
            #[cfg(feature = "mmap")]
            Place::File(block) => block.view(),
        }
    }

    /// The array, to be changed.
    ///
    /// With [`MmapMode::ReadWrite`](crate::MmapMode::ReadWrite) the changes are in the file as
    /// soon as they are made, for other processes too, and safe from a power cut after
    /// [`flush`](Self::flush). Until then the file's checksum of the array is marked as unknown:
    /// it loads, but damage is not noticed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ReadOnly`](crate::ErrorKind::ReadOnly) if it is mapped for reading.
    pub fn view_mut(&mut self) -> Result<ArrayViewMut<'_, E, D>> {
        match &mut self.0 {
            Place::Memory(array) => Ok(array.view_mut()),
            #[cfg(feature = "mmap")]
            Place::File(block) => block.view_mut(),
        }
    }

    /// Writes what was changed to the disk, with its checksum, and waits for it.
    ///
    /// Does nothing for arrays that were not changed or whose changes are not in a file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the disk refuses.
    pub fn flush(&mut self) -> Result<()> {
        match &mut self.0 {
            Place::Memory(_) => Ok(()),
            #[cfg(feature = "mmap")]
            Place::File(block) => block.flush(),
        }
    }

    /// Compares a mapped array with its checksum, which reads all of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if it is not what was written.
    pub fn verify(&self) -> Result<()> {
        match &self.0 {
            Place::Memory(_) => Ok(()),
            #[cfg(feature = "mmap")]
            Place::File(block) => block.verify(),
        }
    }

    /// Whether the array is in a mapped file, not in memory.
    pub fn is_mapped(&self) -> bool {
        !matches!(self.0, Place::Memory(_))
    }

    /// The array in memory: moved if it is there, copied if it is mapped.
    pub fn into_array(self) -> Array<E, D> {
        match self.0 {
            Place::Memory(array) => array,
            #[cfg(feature = "mmap")]
            Place::File(block) => block.view().to_owned(),
        }
    }
}

impl<E, D: Dimension> From<Array<E, D>> for MappedArray<E, D> {
    fn from(array: Array<E, D>) -> Self {
        MappedArray(Place::Memory(array))
    }
}

impl<E: Element + fmt::Debug, D: Dimension> fmt::Debug for MappedArray<E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl<E: Element + PartialEq, D: Dimension> PartialEq for MappedArray<E, D> {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl<E: Element + Serialize, D: Dimension + Serialize> Serialize for MappedArray<E, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(super::NAME, &self.view())
    }
}

impl<'de, E, D> Deserialize<'de> for MappedArray<E, D>
where
    E: Element + Deserialize<'de>,
    D: Dimension + Deserialize<'de>,
{
    fn deserialize<T: Deserializer<'de>>(deserializer: T) -> Result<Self, T::Error> {
        deserializer.deserialize_newtype_struct(super::NAME, ArrayVisitor(PhantomData))
    }
}

struct ArrayVisitor<E, D>(PhantomData<fn() -> (E, D)>);

impl<'de, E, D> Visitor<'de> for ArrayVisitor<E, D>
where
    E: Element + Deserialize<'de>,
    D: Dimension + Deserialize<'de>,
{
    type Value = MappedArray<E, D>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_newtype_struct<T: Deserializer<'de>>(self, inner: T) -> Result<Self::Value, T::Error> {
        Array::deserialize(inner).map(MappedArray::from)
    }

    /// The sign that a map is on offer.
    #[cfg(feature = "mmap")]
    fn visit_unit<T: serde::de::Error>(self) -> Result<Self::Value, T> {
        let Some(offer) = offer::take() else {
            return Err(T::invalid_type(serde::de::Unexpected::Unit, &self));
        };
        match MappedBlock::new(offer) {
            Ok(block) => Ok(MappedArray(Place::File(block))),
            Err(error) => {
                offer::refuse(error);
                Err(T::custom("the array cannot be mapped"))
            }
        }
    }
}
