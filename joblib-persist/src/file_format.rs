//! Which kind of file a value is written to.

use std::path::Path;

use joblib_compress::Registry;

use crate::error::{Action, Error, Result};

/// What the bytes of a file are, compressed or not.
///
/// [`dump`](crate::dump) goes by the extension, in front of that of the compressor if there is
/// one: `model.pkl`, `model.joblib.gz`. Reading goes by the content.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FileFormat {
    /// This crate's own format; of every extension that is not named below, usually `.jbl`.
    Native,
    /// What Python's `joblib.load` reads, arrays included: `.pkl`, `.pickle`, `.joblib`.
    ///
    /// Serde's values become Python's: structs and maps `dict`s, sequences `list`s, tuples
    /// `tuple`s, `None` and units `None`; an enum's variant its name, with contents a `dict` of
    /// name to contents, as `serde_json` has it. What is an `ndarray` array becomes a numpy array;
    /// uncompressed, it is aligned so that `joblib.load(path, mmap_mode="r")` maps it. Files are
    /// read by joblib 0.10 and newer, those without arrays by `pickle.load` as well.
    Python,
    /// numpy's file of one array, which `numpy.load` reads and maps: `.npy`.
    ///
    /// Takes an array, or a number or text, which is an array without axes.
    Npy,
    /// numpy's archive of arrays, which `numpy.load` reads: `.npz`.
    ///
    /// Takes what serde sees as a struct or map of arrays, each with its name; those of a tuple or
    /// list, and a single array, are called `arr_0`, `arr_1`, … as by `numpy.savez`. Compressed
    /// ([`DumpOptions::compress`](crate::DumpOptions::compress), zlib only), each is deflated by
    /// itself, as by `numpy.savez_compressed`. Needs the feature `npz`.
    Npz,
}

/// The extensions of files that Python reads; `.joblib` is what scikit-learn's users write.
const PYTHON: [&str; 3] = ["pkl", "pickle", "joblib"];

impl FileFormat {
    /// The format that the extension of `path` asks for; none if it says nothing.
    ///
    /// ```
    /// use joblib_persist::FileFormat;
    ///
    /// assert_eq!(FileFormat::by_extension("model.pkl.gz"), Some(FileFormat::Python));
    /// assert_eq!(FileFormat::by_extension("notes.txt"), None);
    /// ```
    pub fn by_extension(path: impl AsRef<Path>) -> Option<Self> {
        Self::named(path.as_ref(), &Registry::global())
    }

    /// What is in the file at `path`, compressed or not, by its first bytes: they say nothing about
    /// the rest. None if it is no format of these.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the file cannot be read,
    /// [`ErrorKind::Compression`](crate::ErrorKind::Compression) if it is compressed in a way that
    /// is not part of the build. The error names the file.
    pub fn detect(path: impl AsRef<Path>) -> Result<Option<Self>> {
        let path = path.as_ref();
        crate::load::detect(path).map_err(|error| error.in_file(Action::Inspecting, path))
    }

    /// By the extension of `path`, native if it says nothing.
    pub(crate) fn of(path: Option<&Path>, registry: &Registry) -> Self {
        path.and_then(|path| Self::named(path, registry)).unwrap_or(FileFormat::Native)
    }

    fn named(path: &Path, registry: &Registry) -> Option<Self> {
        let is_compressor = matches!(registry.by_extension(path), Ok(Some(_)) | Err(_));
        let inner = match path.file_stem() {
            Some(stem) if is_compressor => Path::new(stem),
            _ => path,
        };
        match inner.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if PYTHON.contains(&extension) => Some(FileFormat::Python),
            Some("npy") => Some(FileFormat::Npy),
            Some("npz") => Some(FileFormat::Npz),
            Some("jbl") => Some(FileFormat::Native),
            _ => None,
        }
    }

    /// Refuses a compressor that the reader would not know.
    pub(crate) fn check_compressor(self, name: &str) -> Result<()> {
        if self == FileFormat::Npz && name != "zlib" {
            return Err(Error::unwritable(format!(
                "a `.npz` file compresses its arrays by `zlib` alone, not by `{name}`"
            )));
        }
        if self == FileFormat::Python && name == "zstd" {
            return Err(Error::unwritable(
                "Python's joblib does not read `zstd`: use `zlib`, `gzip`, `bz2`, `lzma`, `xz` or \
                 `lz4`, or write a `.jbl` file",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_tells_the_format() {
        let of = |path: &str| FileFormat::of(Some(Path::new(path)), &Registry::builtin());
        for path in ["a.pkl", "b/a.pickle", "a.joblib", "a.pkl.gz", "a.joblib.z", "a.jbl.pkl"] {
            assert_eq!(of(path), FileFormat::Python, "{path}");
        }
        for path in ["a.jbl", "a", "pkl", ".pkl", "a.gz", "a.pkl.txt", "a.pkl/b", "a.pkl.jbl.gz"] {
            assert_eq!(of(path), FileFormat::Native, "{path}");
        }
        assert_eq!(of("b/a.npy"), FileFormat::Npy);
        assert_eq!(of("a.npy.gz"), FileFormat::Npy);
        assert_eq!(of("a.npz"), FileFormat::Npz);
        assert_eq!(FileFormat::of(None, &Registry::builtin()), FileFormat::Native);
    }
}
