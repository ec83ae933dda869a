//! What stands for maps where there are none: nothing that can exist.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::{MappedBytes, MmapMode, Place};
use crate::array::{DType, Elements};
use crate::error::Result;
use crate::format::Description;

#[derive(Debug)]
pub(crate) enum Map {}

impl Map {
    pub(crate) const AVAILABLE: bool = false;

    pub(crate) fn new(_: &File, _: &Path, _: MmapMode) -> Result<Option<Arc<Self>>> {
        Ok(None)
    }

    pub(super) fn lend(&self, _offset: u64, _len: usize) -> Result<usize> {
        match *self {}
    }

    pub(super) fn take_back(&self, _start: usize, _len: usize) {
        match *self {}
    }

    pub(crate) fn at(&self, _offset: usize) -> *const u8 {
        match *self {}
    }
}

pub(crate) enum Unpacker {}

impl Unpacker {
    pub(crate) fn new(_: &Path, _: MmapMode) -> Option<Self> {
        None
    }

    pub(crate) fn put(&self, _: usize, _: &mut dyn Elements) -> Result<(Arc<Map>, Place)> {
        match *self {}
    }

    pub(crate) fn put_as(
        &self,
        _: Option<DType>,
        _: usize,
        _: &mut dyn Elements,
    ) -> Result<MappedBytes> {
        match *self {}
    }
}

pub(crate) fn offering<T>(
    map: Arc<Map>,
    _place: Place,
    _description: Description,
    _visit: impl FnOnce() -> Result<T>,
) -> Result<T> {
    match *map {}
}
