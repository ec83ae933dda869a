//! Bytes of a value.

use std::ops::Deref;
use std::sync::Arc;

use crate::mapped::MappedBytes;

/// Bytes in memory or in a map.
#[derive(Clone, Debug)]
pub(crate) enum ByteString {
    Owned(Box<[u8]>),
    Mapped(Arc<MappedBytes>),
}

impl Deref for ByteString {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            ByteString::Owned(bytes) => bytes,
            ByteString::Mapped(bytes) => bytes.bytes(),
        }
    }
}

impl From<Box<[u8]>> for ByteString {
    fn from(bytes: Box<[u8]>) -> Self {
        ByteString::Owned(bytes)
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        ByteString::Owned(bytes.into())
    }
}

impl From<&[u8]> for ByteString {
    fn from(bytes: &[u8]) -> Self {
        ByteString::Owned(bytes.into())
    }
}

impl From<ByteString> for Box<[u8]> {
    fn from(string: ByteString) -> Self {
        match string {
            ByteString::Owned(bytes) => bytes,
            ByteString::Mapped(bytes) => bytes.bytes().into(),
        }
    }
}

impl Default for ByteString {
    fn default() -> Self {
        ByteString::Owned(Box::default())
    }
}
