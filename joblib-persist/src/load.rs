//! Reading values.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use joblib_compress::{DecodeOptions, Registry};
use serde::de::DeserializeOwned;

use crate::de::Decoder;
use crate::error::{Action, Error, ErrorKind, Result};
use crate::file::FileInput;
use crate::file_format::FileFormat;
use crate::format::MAGIC;
use crate::format::envelope::{FOOTER_LEN, Footer};
use crate::frame_source::{FrameSource, Input, Plain, Reading};
use crate::location::Location;
use crate::mapped::{Map, MmapMode, Unpacker};
use crate::npy;
use crate::pickle::{self, Pickle, Place, is_pickle};

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
    unpack_in: Option<PathBuf>,
    /// Whether a file that could not be mapped is worth a warning.
    warn: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let reading =
            Reading { verify: true, verify_skipped: false, threads: 1, memory_limit: u64::MAX };
        LoadOptions { reading, mmap_mode: None, unpack_in: None, warn: true }
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
    /// All other fields are read into memory; a [`Value`](crate::value::Value) has all its arrays
    /// mapped, those of elements that Rust has no type for included. If nothing can be mapped (the
    /// file is compressed, the type has no such field, the arrays are small, the feature `mmap` is
    /// off) all is read, with a warning through the `log` crate.
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

    /// Has arrays that are to be mapped, but cannot be where they are (the file is compressed, an
    /// archive, not aligned, or no file at all), written to `folder` as they are read, and mapped
    /// there: for arrays that are larger than the memory.
    ///
    /// What is written is compared with the file's checksums on its way. It lies in files without a
    /// name, which the system removes when nobody has an array in them, however the program ends.
    /// It takes room on the disk, which [`memory_limit`](Self::memory_limit) does not count. Read
    /// into memory as before: arrays for [`MmapMode::ReadWrite`], whose changes would reach no file,
    /// those of Python objects, and those of a plain `pickle.dump` in protocol 0 to 2, which has them
    /// as text. Elements that Rust has no type for are mapped as part of a
    /// [`Value`](crate::value::Value).
    ///
    /// ```
    /// use joblib_persist::{DumpOptions, LoadOptions, MappedArray, MmapMode};
    /// use ndarray::{Array1, Ix1};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("table.jbl.gz");
    /// DumpOptions::new().compress("gzip").dump(&Array1::<f64>::ones(100_000), &path)?;
    ///
    /// let options = LoadOptions::new().mmap_mode(MmapMode::Read).unpack_in(folder.path());
    /// let table: MappedArray<f64, Ix1> = options.load(&path)?;
    /// assert_eq!(table.is_mapped(), cfg!(feature = "mmap"));
    /// assert_eq!(table.view().sum(), 100_000.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn unpack_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.unpack_in = Some(folder.into());
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
        let content = Content::of(&head);
        let mut whole = io::Cursor::new(head).chain(reader);
        match content {
            Content::Compressed => self.read_compressed(Box::new(BufReader::new(&mut whole)), None),
            content => {
                let unpacker = self.unpacker();
                let place = Place { unpacker: unpacker.as_ref(), ..self.place() };
                self.read_content(content, &mut Plain(whole), true, place)
            }
        }
    }

    /// Where arrays go that are to be mapped and have no map.
    fn unpacker(&self) -> Option<Unpacker> {
        self.unpack_in
            .as_ref()
            .zip(self.mmap_mode)
            .and_then(|(folder, mode)| Unpacker::new(folder, mode))
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
        self.load_opened(file, path)
    }

    /// Reads the value in `file`, which is open at its beginning; `path` is what it is called.
    pub(crate) fn load_opened<T: DeserializeOwned>(&self, file: File, path: &Path) -> Result<T> {
        if !file.metadata().map_err(reading)?.is_file() {
            self.warn_of("is not a file", path);
            return self.load_from(BufReader::new(file));
        }
        let mut input = FileInput::new(file).map_err(reading)?;
        match Content::of(input.head().map_err(reading)?) {
            Content::Native => {}
            Content::Archive => {
                self.warn_of("is an archive", path);
                return self.read_archive(input.into_reader(), self.unpacker().as_ref());
            }
            Content::Compressed => {
                self.warn_of("is compressed", path);
                return self.read_compressed(Box::new(input.into_reader()), path.parent());
            }
            content => return self.load_python(content, &mut input, path),
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
        if self.mmap_mode.is_some() && self.warn && self.unpacker().is_none() {
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
        // A decoder may begin with fewer bytes than tell what they are.
        let mut head = Vec::with_capacity(HEAD);
        content.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(reading)?;
        let kind = Content::of(&head);
        let content = io::Cursor::new(head).chain(content);
        let unpacker = self.unpacker();
        let place = Place { folder, unpacker: unpacker.as_ref(), ..self.place() };
        self.read_content(kind, &mut Plain(content), false, place)
    }

    fn load_python<T: DeserializeOwned>(
        &self,
        content: Content,
        input: &mut FileInput,
        path: &Path,
    ) -> Result<T> {
        let map = self.map(input, path)?;
        let unpacker = self.unpacker();
        let is_mapping = map.is_some() && unpacker.is_none();
        let place =
            Place { folder: path.parent(), map, unpacker: unpacker.as_ref(), ..self.place() };
        let pickle = content.read_python(input, false, place)?;
        if is_mapping && pickle.unaligned > 0 {
            self.warn_of("has arrays that are not aligned (joblib before 1.2 wrote it)", path);
        } else if pickle.mapped == 0 {
            self.warn_of("has no array of 1 KiB or more that a `MappedArray` could map", path);
        }
        pickle.value.into_typed()
    }

    fn read_content<T: DeserializeOwned>(
        &self,
        content: Content,
        input: &mut dyn Input,
        exact: bool,
        place: Place<'_>,
    ) -> Result<T> {
        match content {
            // Compressed twice, or foreign: reading it as native says so.
            Content::Native | Content::Compressed => self.read(input, place.unpacker),
            Content::Archive => {
                // An archive is read from its end.
                let limit = self.reading.memory_limit;
                let mut bytes = Vec::new();
                input.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(reading)?;
                if bytes.len() as u64 > limit {
                    return Err(Error::new(ErrorKind::MemoryLimit { limit }));
                }
                self.read_archive(io::Cursor::new(bytes), place.unpacker)
            }
            content => content.read_python(input, exact, place)?.value.into_typed(),
        }
    }

    #[cfg(feature = "npz")]
    fn read_archive<T: DeserializeOwned>(
        &self,
        reader: impl Read + Seek,
        unpacker: Option<&Unpacker>,
    ) -> Result<T> {
        npy::read_archive(reader, self.place().memory_limit, unpacker)?.into_typed()
    }

    #[cfg(not(feature = "npz"))]
    fn read_archive<T: DeserializeOwned>(
        &self,
        _reader: impl Read + Seek,
        _unpacker: Option<&Unpacker>,
    ) -> Result<T> {
        Err(npy::no_archives())
    }

    fn place(&self) -> Place<'static> {
        let limit = self.reading.memory_limit;
        Place { memory_limit: (limit != u64::MAX).then_some(limit), ..Place::default() }
    }

    fn read<T: DeserializeOwned>(
        &self,
        input: &mut dyn Input,
        unpacker: Option<&Unpacker>,
    ) -> Result<T> {
        let source = FrameSource::open(input, self.reading)?.with_unpacker(unpacker);
        let (value, source, used) = Decoder::new(source).decode()?;
        source.finish(used)?;
        Ok(value)
    }
}

/// What a stream is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Content {
    Native,
    Pickle,
    /// One array of numpy's.
    Array,
    /// Several in an archive.
    Archive,
    /// Or foreign.
    Compressed,
}

/// [`LoadOptions::load`] from a file that is open already, at its beginning.
#[doc(hidden)]
pub fn load_opened<T: DeserializeOwned>(
    options: &LoadOptions,
    file: File,
    path: &Path,
) -> Result<T> {
    options.load_opened(file, path).map_err(|error| error.in_file(Action::Loading, path))
}

impl Content {
    /// By its first bytes.
    fn of(head: &[u8]) -> Self {
        match head {
            head if head.starts_with(&MAGIC) => Content::Native,
            head if head.starts_with(npy::MAGIC) => Content::Array,
            head if npy::is_archive(head) => Content::Archive,
            head if is_pickle(head) => Content::Pickle,
            _ => Content::Compressed,
        }
    }

    fn read_python(self, input: &mut dyn Input, exact: bool, place: Place<'_>) -> Result<Pickle> {
        match self {
            Content::Array => npy::read(input, exact, place),
            _ => pickle::read(input, exact, place),
        }
    }
}

/// What is in a file, decompressed.
pub(crate) fn detect(path: &Path) -> Result<Option<FileFormat>> {
    let file = File::open(path).map_err(|source| Error::io("opening the file", source))?;
    let mut reader = BufReader::new(file);
    let mut content = Content::of(reader.fill_buf().map_err(reading)?);
    if content == Content::Compressed {
        let mut head = Vec::with_capacity(HEAD);
        let decompressed = decompressed(Box::new(reader), 1)?.content;
        decompressed.take(HEAD as u64).read_to_end(&mut head).map_err(reading)?;
        content = Content::of(&head);
    }
    Ok(match content {
        Content::Native => Some(FileFormat::Native),
        Content::Pickle => Some(FileFormat::Python),
        Content::Array => Some(FileFormat::Npy),
        Content::Archive => Some(FileFormat::Npz),
        Content::Compressed => None,
    })
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
