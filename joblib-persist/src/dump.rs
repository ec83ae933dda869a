//! Writing values.

use std::io::Write;
use std::path::Path;

use joblib_compress::{Compression, Registry};
use serde::Serialize;

use crate::error::{Action, Error, ErrorKind, Result};
use crate::file::NewFile;
use crate::file_format::FileFormat;
use crate::frame_sink::{FrameSink, Output, Plain};
use crate::location::Location;
use crate::npy;
use crate::pickle::{self, Protocol};
use crate::ser::Encoder;

/// Writes `value` with its arrays to the file at `path`.
///
/// The compression is what the file's extension asks for (`.gz`, `.zst`, …), otherwise none;
/// [`DumpOptions`] has more to say. The file is replaced in one step: a reader sees the old one
/// or the new one. As `joblib.dump` in Python, but for that, and for the format.
///
/// ```
/// use joblib_persist::{dump, load};
/// use ndarray::{Array2, array};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("coef.jbl");
/// let coef: Array2<f64> = array![[1.0, 2.0], [3.0, 4.0]];
/// dump(&coef, &path)?;
/// assert_eq!(load::<Array2<f64>>(&path)?, coef);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`DumpOptions::dump`].
pub fn dump<T: Serialize + ?Sized>(value: &T, path: impl AsRef<Path>) -> Result<()> {
    DumpOptions::new().dump(value, path)
}

/// Writes `value` with its arrays to `writer`, and gives it back.
///
/// Several values may follow each other: [`load_from`](crate::load_from) takes one at a time.
/// Small values are one write, large arrays are written from their own memory in pieces of
/// 256 KiB, so that the writer needs no buffer of its own.
///
/// ```
/// use joblib_persist::{dump_to, load_from};
///
/// let bytes = dump_to("second", dump_to(&[0.5, 1.5].to_vec(), Vec::new())?)?;
///
/// let mut rest = &bytes[..];
/// assert_eq!(load_from::<Vec<f64>>(&mut rest)?, [0.5, 1.5]);
/// assert_eq!(load_from::<String>(&mut rest)?, "second");
/// assert!(rest.is_empty());
/// # Ok::<(), joblib_persist::Error>(())
/// ```
///
/// # Errors
///
/// As [`DumpOptions::dump_to`].
pub fn dump_to<T: Serialize + ?Sized, W: Write>(value: &T, writer: W) -> Result<W> {
    DumpOptions::new().dump_to(value, writer)
}

/// How to write values.
#[derive(Clone, Debug, Default)]
pub struct DumpOptions {
    compression: Compression,
    durable: bool,
    /// One for each thread besides the calling one, so that the default is one thread.
    other_threads: usize,
    format: Option<FileFormat>,
    protocol: Option<u8>,
}

impl DumpOptions {
    /// The options of [`dump`] and [`dump_to`]: compressed as the file's extension asks for, not
    /// durable, on one thread.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which compression to use whatever the extension: `true`, `3`, `"zstd"`, `"xz:6"`,
    /// `("gzip", 3)`, or `false` for none; see [`Compression`].
    #[must_use]
    pub fn compress(mut self, compression: impl Into<Compression>) -> Self {
        self.compression = compression.into();
        self
    }

    /// Which kind of file to write whatever the extension.
    ///
    /// By default [`dump`](Self::dump) asks the extension, see [`FileFormat`], and
    /// [`dump_to`](Self::dump_to) writes [`FileFormat::Native`].
    #[must_use]
    pub fn format(mut self, format: FileFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// The pickle protocol of [`FileFormat::Python`]: 2 to 5, by default 4, which every Python 3
    /// reads. The other formats have none.
    #[must_use]
    pub fn protocol(mut self, protocol: u8) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Whether [`dump`](Self::dump) waits until file and folder are on the disk.
    ///
    /// Off by default: it takes long, and after a power cut the checksums tell a file that was
    /// not written completely.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// How many threads may work on one value; 1 unless set, and 0 counts as 1.
    ///
    /// An uncompressed dump uses two, whatever is allowed beyond: one writes, the other computes
    /// the checksums of arrays of 4 MiB and more, and the first helps when it has written. What is
    /// written is the same. A compressed one uses all of them, at most 256, and is read by whoever
    /// reads the format ([`EncodeOptions`](joblib_compress::EncodeOptions)).
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.other_threads = threads.saturating_sub(1);
        self
    }

    /// Writes `value` with its arrays to the file at `path`.
    ///
    /// A `path` may also be a URL: `file:///…`, and with the feature `cloud` that of an object,
    /// such as `s3://bucket/model.jbl.zst`, which appears in one step, too.
    ///
    /// The file gets the permissions of any new file. It is written under a temporary name in
    /// the same folder and then renamed; through a symbolic link, the file behind it is
    /// replaced. What is no file (a pipe, a device) is written to directly.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the folder or the disk refuses: the file is then as it was before,
    /// and no other is left behind. [`ErrorKind::Compression`] if the compression is not known.
    /// [`ErrorKind::Value`], [`ErrorKind::Unwritable`] and [`ErrorKind::TooDeep`] come from the
    /// value. The error names the file.
    pub fn dump<T: Serialize + ?Sized>(&self, value: &T, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.dump_at(value, path).map_err(|error| error.in_file(Action::Dumping, path))
    }

    /// Writes `value` with its arrays to `writer`, and gives it back.
    ///
    /// Compressed only if [`compress`](Self::compress) says so: there is no extension to ask.
    ///
    /// # Errors
    ///
    /// As [`dump`](Self::dump). What was written until then is part of a value.
    pub fn dump_to<T: Serialize + ?Sized, W: Write>(&self, value: &T, mut writer: W) -> Result<W> {
        let mut output = Plain(&mut writer);
        self.write(value, &mut output, None)?;
        output.flush().map_err(|source| Error::io("writing", source))?;
        Ok(writer)
    }

    fn dump_at<T: Serialize + ?Sized>(&self, value: &T, path: &Path) -> Result<()> {
        match Location::of(path).map_err(|source| Error::io("reading the address", source))? {
            Location::File(path) => self.dump_file(value, &path),
            Location::Url(url) => self.dump_object(value, url),
        }
    }

    #[cfg(feature = "cloud")]
    fn dump_object<T: Serialize + ?Sized>(&self, value: &T, url: &str) -> Result<()> {
        use crate::cloud::{Bucket, WriteMode};
        let object = Bucket::open(url).map_err(|e| Error::io("opening the address", e))?;
        let mut output = Plain(object.write("", WriteMode::Replace));
        self.write(value, &mut output, Some(Path::new(url)))?;
        let finished = output.0.finish();
        finished.map(drop).map_err(|source| Error::io("putting the object into place", source))
    }

    #[cfg(not(feature = "cloud"))]
    fn dump_object<T: Serialize + ?Sized>(&self, _value: &T, _url: &str) -> Result<()> {
        Err(Error::io("opening the address", crate::location::unsupported()))
    }

    fn dump_file<T: Serialize + ?Sized>(&self, value: &T, path: &Path) -> Result<()> {
        let creating = |source| Error::io("creating the file", source);
        let mut file = NewFile::create(path).map_err(creating)?;
        self.write(value, &mut file, Some(path))?;
        file.put_into_place(self.durable)
            .map_err(|source| Error::io("putting the file into place", source))
    }

    fn write<T: Serialize + ?Sized>(
        &self,
        value: &T,
        output: &mut dyn Output,
        path: Option<&Path>,
    ) -> Result<()> {
        let registry = Registry::global();
        let format = self.format.unwrap_or_else(|| FileFormat::of(path, &registry));
        let compression = |source| Error::new(ErrorKind::Compression { action: "writing", source });
        let found = self.compression.resolve(&registry, path).map_err(compression)?;
        let Some((compressor, options)) = found else {
            return self.write_value(value, output, format, false);
        };
        format.check_compressor(compressor.name())?;
        if format == FileFormat::Npz {
            return write_archive(value, output, Some(options.level));
        }
        let encoder = compressor
            .encoder(Box::new(output), &options.threads(self.other_threads + 1))
            .map_err(compression)?;
        let mut encoder = Plain(encoder);
        self.write_value(value, &mut encoder, format, true)?;
        encoder.0.finish().map_err(|source| Error::io("writing", source))
    }

    fn write_value<T: Serialize + ?Sized>(
        &self,
        value: &T,
        output: &mut dyn Output,
        format: FileFormat,
        compressed: bool,
    ) -> Result<()> {
        match format {
            FileFormat::Native => {
                let checksums_beside = !compressed && self.other_threads > 0;
                let sink = FrameSink::new(output).with_checksums_beside(checksums_beside);
                Encoder::new(sink).encode(value)?.finish()
            }
            FileFormat::Python => {
                let protocol = self.protocol.map_or(Ok(Protocol::DEFAULT), Protocol::new)?;
                pickle::write(value, output, protocol, compressed)
            }
            FileFormat::Npy => npy::write(value, output),
            FileFormat::Npz => write_archive(value, output, None),
        }
    }
}

#[cfg(feature = "npz")]
use npy::write_archive;

#[cfg(not(feature = "npz"))]
fn write_archive<T: Serialize + ?Sized>(
    _value: &T,
    _output: &mut dyn Output,
    _level: Option<i32>,
) -> Result<()> {
    Err(npy::no_archives())
}
