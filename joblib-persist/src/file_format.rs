//! Which kind of file a value is written to.

use std::path::Path;

use joblib_compress::Registry;

use crate::error::{Error, Result};

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
}

/// The extensions of files that Python reads; `.joblib` is what scikit-learn's users write.
const PYTHON: [&str; 3] = ["pkl", "pickle", "joblib"];

impl FileFormat {
    /// By the extension of `path`.
    pub(crate) fn of(path: Option<&Path>, registry: &Registry) -> Self {
        let Some(path) = path else { return FileFormat::Native };
        let is_compressor = matches!(registry.by_extension(path), Ok(Some(_)) | Err(_));
        let inner = match path.file_stem() {
            Some(stem) if is_compressor => Path::new(stem),
            _ => path,
        };
        match inner.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if PYTHON.contains(&extension) => FileFormat::Python,
            _ => FileFormat::Native,
        }
    }

    /// Refuses a compressor that the reader would not know.
    pub(crate) fn check_compressor(self, name: &str) -> Result<()> {
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
        assert_eq!(FileFormat::of(None, &Registry::builtin()), FileFormat::Native);
    }
}
