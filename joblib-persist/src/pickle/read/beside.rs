//! What joblib before 0.10 compressed: whole files, and those of arrays beside a pickle.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use joblib_compress::{DecodeOptions, Registry};

use crate::array::Elements;
use crate::error::{Action, Error, ErrorKind, Result};
use crate::frame_source::Plain;
use crate::npy::Behind;

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

/// Hands on the elements of an array in a compressed file of its own, all of which are taken.
pub(super) fn decompressing<T>(
    path: &Path,
    byte_len: usize,
    take: &mut dyn FnMut(&mut dyn Elements) -> Result<T>,
) -> Result<T> {
    take_compressed(path, byte_len, take).map_err(|error| error.in_file(Action::Loading, path))
}

fn take_compressed<T>(
    path: &Path,
    byte_len: usize,
    take: &mut dyn FnMut(&mut dyn Elements) -> Result<T>,
) -> Result<T> {
    let file = File::open(path).map_err(|source| Error::io("opening the file", source))?;
    let (len, mut content) = zf_content(Box::new(BufReader::new(file)))?;
    if len != byte_len as u64 {
        return Err(Error::damaged(format!("{len} in place of {byte_len} bytes")));
    }
    let taken = take(&mut Behind(&mut Plain(&mut content)))?;
    match content.read(&mut [0]) {
        Ok(0) => Ok(taken),
        Ok(_) => Err(Error::damaged(format!("more than the {byte_len} bytes of an array"))),
        Err(source) => Err(Error::reading("an array in a file of its own", source)),
    }
}
