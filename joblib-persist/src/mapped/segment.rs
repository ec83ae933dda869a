//! Memory shared between processes, in which arrays of messages travel.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::{Map, MmapMode};
use crate::error::Result;

/// A mapped file, or memory that is called one (`memfd`), with arrays of messages in it.
///
/// A clone is the same map, and arrays in it keep it mapped: a process that gets many messages maps
/// each file once.
///
/// What [`MappedArray`](crate::MappedArray) says about maps holds here: while it is mapped, nobody
/// may cut the file off or write to the arrays in it. Files that cannot be changed any more (with
/// all seals of `memfd`) make sure of that.
#[derive(Clone, Debug)]
pub struct Segment(pub(super) Arc<Map>);

impl Segment {
    /// Maps the file whole.
    ///
    /// In a segment of [`MmapMode::Read`] any number of arrays of any number of messages may lie
    /// at one place. In others, each byte is given to one array only, and to read it again takes
    /// another segment: with [`MmapMode::Copy`] each array may be written to, and the next one
    /// does not see that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the system refuses, for example because the file
    /// is empty; [`ErrorKind::Mapped`](crate::ErrorKind::Mapped) if this process has it mapped
    /// already and one of the two maps is [`MmapMode::ReadWrite`].
    pub fn map(file: &File, mode: MmapMode) -> Result<Self> {
        let map = Map::new(file, Path::new(""), mode)?;
        map.map(Segment).ok_or_else(|| crate::Error::damaged("there are no maps in this build"))
    }

    /// The length of the file when it was mapped, in bytes.
    #[allow(clippy::len_without_is_empty, reason = "nothing empty can be mapped")]
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether this is the only clone, and no array lies in it: its memory may then be used for
    /// something else.
    pub fn is_unused(&mut self) -> bool {
        Arc::get_mut(&mut self.0).is_some()
    }

    /// The array at `offset`: its elements lie there side by side, as `encode_with` handed them
    /// out. Multiples of 64 suit every type.
    pub fn at(&self, offset: u64) -> Carried {
        Carried { segment: self.clone(), offset }
    }
}

/// Where the elements of an array lie; made by [`Segment::at`].
#[derive(Clone, Debug)]
pub struct Carried {
    segment: Segment,
    offset: u64,
}

impl Carried {
    pub(crate) fn left(&self) -> u64 {
        self.segment.len().saturating_sub(self.offset)
    }

    pub(crate) fn map(&self) -> (Arc<Map>, u64) {
        (Arc::clone(&self.segment.0), self.offset)
    }

    /// Copies the next elements and moves on.
    pub(crate) fn take(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.segment.0.copy_to(self.offset, bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}
