//! Files beside a pickle: what joblib before 0.10 wrote arrays to; and its compressed files.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use joblib_compress::{DecodeOptions, Registry};

use super::element_types::parsed;
use super::stream::Stream;
use crate::array::{DType, Order};
use crate::error::{Action, Error, ErrorKind, Result};
use crate::file::FileInput;
use crate::value::{Buffer, ElementType};

/// A `.npy` file: its header, and the stream behind it.
pub(super) struct Npy {
    pub(super) input: FileInput,
    pub(super) shape: Vec<usize>,
    pub(super) order: Order,
    descr: String,
}

impl Npy {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::open_file(path).map_err(|error| error.in_file(Action::Loading, path))
    }

    fn open_file(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|source| Error::io("opening the file", source))?;
        let mut input = FileInput::new(file).map_err(|source| Error::io("reading", source))?;
        let header = header(&mut input)?;
        let bad = || Error::damaged(format!("`{}` is no header of an array", header.trim_end()));
        let descr = entry(&header, "descr").and_then(quoted).ok_or_else(bad)?.to_owned();
        let order = match entry(&header, "fortran_order").ok_or_else(bad)? {
            text if text.starts_with("True") => Order::F,
            _ => Order::C,
        };
        let shape = entry(&header, "shape").and_then(|text| text.strip_prefix('('));
        let shape = shape.and_then(|text| text.split_once(')')).ok_or_else(bad)?.0;
        let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty());
        // Python 2 writes large ones as `5L`.
        let axes = axes.map(|axis| axis.trim_end_matches('L').parse().ok());
        let shape = axes.collect::<Option<Vec<usize>>>().ok_or_else(bad)?;
        Ok(Npy { input, shape, order, descr })
    }

    pub(super) fn element_type(&self) -> Result<ElementType> {
        parsed(&self.descr).ok_or_else(|| {
            Error::new(ErrorKind::Python(format!("`{}` is no known dtype", self.descr)))
        })
    }

    pub(super) fn elements(&mut self, dtype: DType, byte_len: usize) -> Result<Buffer> {
        Stream::new(&mut self.input).elements(dtype, byte_len)
    }

    pub(super) fn bytes(&mut self, byte_len: usize) -> Result<Vec<u8>> {
        Stream::new(&mut self.input).bytes(byte_len as u64)
    }
}

/// The header of a `.npy` file: a Python dict as text.
fn header(input: &mut FileInput) -> Result<String> {
    let ended = |source| Error::reading("the header of an array", source);
    let mut start = [0; 8];
    input.read_exact(&mut start).map_err(ended)?;
    let [magic @ .., major, _minor] = start;
    if magic != *b"\x93NUMPY" {
        return Err(Error::damaged("an array that is not in a `.npy` file"));
    }
    let len = match major {
        1 => {
            let mut len = [0; 2];
            input.read_exact(&mut len).map_err(ended)?;
            u32::from(u16::from_le_bytes(len))
        }
        _ => {
            let mut len = [0; 4];
            input.read_exact(&mut len).map_err(ended)?;
            u32::from_le_bytes(len)
        }
    };
    let mut header = Vec::new();
    input.take(len.into()).read_to_end(&mut header).map_err(ended)?;
    Ok(String::from_utf8_lossy(&header).into_owned())
}

/// What follows a key in a Python dict.
fn entry<'h>(header: &'h str, key: &str) -> Option<&'h str> {
    let (_, rest) = header.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    Some(text.strip_prefix('\'')?.split_once('\'')?.0)
}

/// The first bytes of what joblib before 0.10 compressed.
pub(crate) const ZF_MAGIC: &[u8] = b"ZF";

/// The header: the magic, and the decompressed length in hexadecimal, filled up with spaces.
const ZF_HEADER: usize = 21;

/// Reads the stream that joblib before 0.10 compressed: a length, then one zlib stream.
pub(crate) fn zf_content<'r>(
    mut reader: Box<dyn BufRead + 'r>,
) -> Result<(u64, Box<dyn Read + 'r>)> {
    let ended = |source| Error::reading("the header of a compressed stream", source);
    let mut header = [0; ZF_HEADER];
    reader.read_exact(&mut header).map_err(ended)?;
    let len = std::str::from_utf8(&header[ZF_MAGIC.len()..]).ok();
    let len = len.and_then(|len| len.trim_end().strip_prefix("0x"));
    // Python 2 marks large numbers.
    let len = len.and_then(|len| u64::from_str_radix(len.trim_end_matches('L'), 16).ok());
    let len = len.ok_or_else(|| Error::damaged("a compressed stream without its length"))?;
    // joblib 0.8.4 under Python 2 wrote one space more; no zlib stream begins with one.
    if reader.fill_buf().map_err(ended)?.first() == Some(&b' ') {
        reader.consume(1);
    }
    let compression = |source| Error::new(ErrorKind::Compression { action: "reading", source });
    let registry = Registry::global();
    let zlib = registry.by_name("zlib").map_err(compression)?;
    let content = zlib.decoder(reader, &DecodeOptions::new()).map_err(compression)?;
    Ok((len, content))
}

/// The bytes of an array in a compressed file of its own.
pub(super) fn decompressed(path: &Path, byte_len: usize) -> Result<Vec<u8>> {
    read_compressed(path, byte_len).map_err(|error| error.in_file(Action::Loading, path))
}

fn read_compressed(path: &Path, byte_len: usize) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|source| Error::io("opening the file", source))?;
    let (_, mut content) = zf_content(Box::new(BufReader::new(file)))?;
    let mut bytes = Vec::new();
    let limit = byte_len as u64 + 1;
    content
        .by_ref()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|source: io::Error| Error::reading("an array in a file of its own", source))?;
    if bytes.len() == byte_len {
        Ok(bytes)
    } else {
        Err(Error::damaged(format!("{} in place of {byte_len} bytes", bytes.len())))
    }
}
