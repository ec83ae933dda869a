//! Reading values.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use joblib_compress::{DecodeOptions, Registry};
use serde::de::DeserializeOwned;

use crate::de::Decoder;
use crate::error::{Action, Error, ErrorKind, Result};
use crate::file::FileInput;
use crate::format::MAGIC;
use crate::format::envelope::{FOOTER_LEN, Footer};
use crate::frame_source::{FrameSource, Input, Plain, Reading};
use crate::location::Location;
use crate::mapped::{Map, MmapMode};
use crate::pickle::{self, Place, is_pickle};

/// How much decompressed data is read at a time.
const BUFFER: usize = 64 * 1024;

/// How much of a stream is read before its kind is known. Every native value is longer.
const HEAD: usize = 28;

/// Reads the value in the file at `path`, compressed or not, whatever its name.
///
/// Arrays are read straight into the memory they end up in. Of several values the first is read.
///
/// ```
/// use joblib_persist::{dump, load};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Model {
///     coef: ndarray::Array1<f64>,
///     names: Vec<String>,
/// }
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.jbl");
/// dump(&Model { coef: ndarray::arr1(&[0.5, -1.0]), names: vec!["age".into()] }, &path)?;
/// let model: Model = load(&path)?;
/// assert_eq!(model.coef[1], -1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`LoadOptions::load`].
pub fn load<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<T> {
    LoadOptions::new().load(path)
}

/// Reads one value from `reader`, and not a byte that is not the value's.
///
/// So values that were written one after the other are read by calling this again. A reader that
/// makes a system call for each read should be buffered: a small value takes three reads.
///
/// A compressed stream is recognised; it is read ahead of what is needed, and as it is not known
/// where it ends, nothing can be read from `reader` afterwards.
///
/// # Errors
///
/// As [`LoadOptions::load_from`].
pub fn load_from<T: DeserializeOwned>(reader: impl Read) -> Result<T> {
    LoadOptions::new().load_from(reader)
}

/// Goes to the start of the last value that was dumped to an uncompressed file, without reading
/// what is before it, and returns its position.
///
/// ```
/// use joblib_persist::{dump_to, load_from, seek_last};
/// use std::io::Cursor;
///
/// let file = dump_to("a note", dump_to(&vec![0.5; 1_000_000], Vec::new())?)?;
///
/// let mut file = Cursor::new(file);
/// seek_last(&mut file)?;
/// assert_eq!(load_from::<String>(&mut file)?, "a note");
/// # Ok::<(), joblib_persist::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Io`] if the reader fails, [`ErrorKind::Damaged`] if it does not end with a value.
pub fn seek_last(reader: &mut (impl Read + Seek)) -> Result<u64> {
    let end = reader.seek(SeekFrom::End(0)).map_err(reading)?;
    let no_value = || Error::damaged("it does not end with a value");
    let footer = end.checked_sub(FOOTER_LEN as u64).ok_or_else(no_value)?;
    reader.seek(SeekFrom::Start(footer)).map_err(reading)?;
    let mut bytes = [0; FOOTER_LEN];
    reader.read_exact(&mut bytes).map_err(reading)?;
    let start = end.checked_sub(Footer::decode(&bytes)?.value_len).ok_or_else(no_value)?;
    reader.seek(SeekFrom::Start(start)).map_err(reading)
}

/// How to read values.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    reading: Reading,
    mmap_mode: Option<MmapMode>,
    /// Whether a file that could not be mapped is worth a warning.
    warn: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let reading =
            Reading { verify: true, verify_skipped: false, threads: 1, memory_limit: u64::MAX };
        LoadOptions { reading, mmap_mode: None, warn: true }
    }
}

impl LoadOptions {
    /// The options of [`load`] and [`load_from`]: everything is compared with its checksum, on
    /// one thread, whatever memory it takes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether arrays are compared with their checksums; on by default.
    ///
    /// Off saves about a fifth of the time for arrays that are in the system's cache. The rest of
    /// the value is compared always.
    #[must_use]
    pub fn verify(mut self, verify: bool) -> Self {
        self.reading.verify = verify;
        self
    }

    /// How many threads may work on one value; 1 unless set, and 0 counts as 1.
    ///
    /// Arrays of 4 MiB and more in uncompressed files are read and verified piece by piece, by
    /// whichever thread is free. So is a compressed file whose format has parts that can be told apart
    /// (xz, if it was written by several threads); other streams are read by one thread.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.reading.threads = threads.max(1);
        self
    }

    /// The most bytes that are read into memory, decompressed; not limited unless set.
    ///
    /// For what comes from strangers: a small compressed file can hold a value of any size. A value
    /// of more is refused with [`ErrorKind::MemoryLimit`] before memory is reserved for it. Arrays
    /// and text take as many bytes in memory as are counted here; a small item takes one byte or
    /// more here, and in memory what its Rust type takes (24 bytes for an empty `String`). Mapped
    /// arrays are not counted.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.reading.memory_limit = bytes;
        self
    }

    /// Has the fields of type [`MappedArray`](crate::MappedArray) mapped by [`load`](Self::load)
    /// instead of read; read its documentation for what that asks of you.
    ///
    /// All other fields are read into memory. If nothing can be mapped (the file is compressed,
    /// the type has no such field, the arrays are small, the feature `mmap` is off) all is, with a
    /// warning through the `log` crate.
    #[must_use]
    pub fn mmap_mode(mut self, mode: impl Into<Option<MmapMode>>) -> Self {
        self.mmap_mode = mode.into();
        self.warn = true;
        self
    }

    /// As [`mmap_mode`](Self::mmap_mode), but without a warning if nothing can be mapped: for
    /// programs that do not choose what they are given.
    #[must_use]
    pub fn mmap_where_possible(mut self, mode: impl Into<Option<MmapMode>>) -> Self {
        self.mmap_mode = mode.into();
        self.warn = false;
        self
    }

    /// Reads the value in the file at `path`, compressed or not, whatever its name.
    ///
    /// A `path` may also be a URL: `file:///…`, and with the feature `cloud` that of an object,
    /// such as `s3://bucket/model.jbl.zst`, whose arrays are read and never mapped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the file cannot be read. [`ErrorKind::Foreign`] and
    /// [`ErrorKind::Newer`] if it is of another kind, [`ErrorKind::Compression`] if its
    /// compression is not part of the build. [`ErrorKind::Truncated`] and [`ErrorKind::Damaged`]
    /// if it is no longer what was written. [`ErrorKind::DType`], [`ErrorKind::Axes`],
    /// [`ErrorKind::Mismatch`] and [`ErrorKind::Value`] if the value in it is not a `T`, with the
    /// [place](Error::place) in the value. The error names the file.
    pub fn load<T: DeserializeOwned>(&self, path: impl AsRef<Path>) -> Result<T> {
        let path = path.as_ref();
        self.load_at(path).map_err(|error| error.in_file(Action::Loading, path))
    }

    /// Reads one value from `reader`, and not a byte that is not the value's.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_from<T: DeserializeOwned>(&self, mut reader: impl Read) -> Result<T> {
        let mut head = Vec::with_capacity(HEAD);
        reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(reading)?;
        let is_native = head.starts_with(&MAGIC);
        let is_pickle = is_pickle(&head);
        let mut whole = io::Cursor::new(head).chain(reader);
        if is_native {
            return self.read(&mut Plain(whole));
        }
        if is_pickle {
            return self.read_pickle(&mut Plain(whole), true, self.place());
        }
        self.read_compressed(Box::new(BufReader::new(&mut whole)), None)
    }

    fn load_at<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        match Location::of(path).map_err(|source| Error::io("reading the address", source))? {
            Location::File(path) => self.load_file(&path),
            Location::Url(url) => self.load_object(url),
        }
    }

    #[cfg(feature = "cloud")]
    fn load_object<T: DeserializeOwned>(&self, url: &str) -> Result<T> {
        self.warn_of("is not a file", Path::new(url));
        let object = crate::cloud::Bucket::open(url).and_then(|bucket| bucket.read(""));
        self.load_from(object.map_err(|source| Error::io("opening the address", source))?)
    }

    #[cfg(not(feature = "cloud"))]
    fn load_object<T: DeserializeOwned>(&self, _url: &str) -> Result<T> {
        Err(Error::io("opening the address", crate::location::unsupported()))
    }

    fn load_file<T: DeserializeOwned>(&self, path: &Path) -> Result<T> {
        let file = self.open(path).map_err(|source| Error::io("opening the file", source))?;
        if !file.metadata().map_err(reading)?.is_file() {
            self.warn_of("is not a file", path);
            return self.load_from(BufReader::new(file));
        }
        let mut input = FileInput::new(file).map_err(reading)?;
        if is_pickle(input.head().map_err(reading)?) {
            return self.load_pickle(&mut input, path);
        }
        if !input.starts_with(&MAGIC).map_err(reading)? {
            self.warn_of("is compressed", path);
            return self.read_compressed(Box::new(input.into_reader()), path.parent());
        }
        let map = self.map(&input, path)?;
        let source = FrameSource::open(&mut input, self.reading)?.with_map(map);
        let (value, source, used) = Decoder::new(source).decode()?;
        if source.mapped() == 0 {
            self.warn_of("has no array of 1 KiB or more that is wanted as a `MappedArray`", path);
        }
        source.finish(used)?;
        Ok(value)
    }

    /// Says why nothing is mapped, if that was wanted.
    fn warn_of(&self, reason: &str, path: &Path) {
        if self.mmap_mode.is_some() && self.warn {
            let reason = if Map::AVAILABLE { reason } else { "needs the feature `mmap`" };
            log::warn!("`{}` {reason}: loaded into memory instead of mapped", path.display());
        }
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let writable = Map::AVAILABLE && self.mmap_mode == Some(MmapMode::ReadWrite);
        File::options().read(true).write(writable).open(path)
    }

    fn map(&self, input: &FileInput, path: &Path) -> Result<Option<Arc<Map>>> {
        match self.mmap_mode {
            Some(mode) => Map::new(input.get_ref(), path, mode),
            None => Ok(None),
        }
    }

    fn read_compressed<T: DeserializeOwned>(
        &self,
        reader: Box<dyn BufRead + '_>,
        folder: Option<&Path>,
    ) -> Result<T> {
        let mut content = decompressed(reader, self.reading.threads)?.content;
        if !is_pickle(content.fill_buf().map_err(reading)?) {
            return self.read(&mut Plain(content));
        }
        self.read_pickle(&mut Plain(content), false, Place { folder, ..self.place() })
    }

    fn load_pickle<T: DeserializeOwned>(&self, input: &mut FileInput, path: &Path) -> Result<T> {
        let map = self.map(input, path)?;
        let is_mapping = map.is_some();
        let place = Place { folder: path.parent(), map, ..self.place() };
        let pickle = pickle::read(input, false, place)?;
        if is_mapping && pickle.unaligned > 0 {
            self.warn_of("has arrays that are not aligned (joblib before 1.2 wrote it)", path);
        } else if pickle.mapped == 0 {
            self.warn_of("has no array of 1 KiB or more that can be mapped", path);
        }
        pickle.value.into_typed()
    }

    fn read_pickle<T: DeserializeOwned>(
        &self,
        input: &mut dyn Input,
        exact: bool,
        place: Place<'_>,
    ) -> Result<T> {
        pickle::read(input, exact, place)?.value.into_typed()
    }

    fn place(&self) -> Place<'static> {
        let limit = self.reading.memory_limit;
        Place { folder: None, map: None, memory_limit: (limit != u64::MAX).then_some(limit) }
    }

    fn read<T: DeserializeOwned>(&self, input: &mut dyn Input) -> Result<T> {
        let source = FrameSource::open(input, self.reading)?;
        let (value, source, used) = Decoder::new(source).decode()?;
        source.finish(used)?;
        Ok(value)
    }
}

/// A stream that may have been compressed.
pub(crate) struct Decompressed<'r> {
    /// The name of its compressor.
    pub(crate) compressor: Option<String>,
    pub(crate) content: BufReader<Box<dyn Read + 'r>>,
}

/// Decompresses what begins like a known compressor's stream.
pub(crate) fn decompressed<'r>(
    mut reader: Box<dyn BufRead + 'r>,
    threads: usize,
) -> Result<Decompressed<'r>> {
    if reader.fill_buf().map_err(reading)?.starts_with(pickle::ZF_MAGIC) {
        let (len, content) = pickle::zf_content(reader)?;
        let content: Box<dyn Read + 'r> = Box::new(content.take(len));
        let compressor = Some("zlib".to_owned());
        return Ok(Decompressed { compressor, content: BufReader::with_capacity(BUFFER, content) });
    }
    let found = Registry::global()
        .decoder_for(reader, &DecodeOptions::new().threads(threads))
        .map_err(|source| Error::new(ErrorKind::Compression { action: "reading", source }))?;
    let compressor = found.compressor.map(|compressor| compressor.name().to_owned());
    Ok(Decompressed { compressor, content: BufReader::with_capacity(BUFFER, found.reader) })
}

fn reading(source: io::Error) -> Error {
    Error::io("reading", source)
}
