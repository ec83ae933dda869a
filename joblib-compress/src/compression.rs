//! Which compressor to use, and how hard it should try.

use std::path::Path;
use std::sync::Arc;

use crate::{Compressor, EncodeOptions, Error, Registry, Result};

/// Which compression a file gets.
///
/// Made from what a user writes, and checked when it is used, so that builders can take
/// `impl Into<Compression>` without a `Result`:
///
/// | from | means |
/// | --- | --- |
/// | [`Compression::default()`] | what the file's extension asks for, otherwise none |
/// | `true`, `3` | the format of the file's extension, otherwise zlib; at its default level, or 3 |
/// | `"zstd"` | zstd at its default level, whatever the extension |
/// | `"xz:6"`, `("xz", 6)` | xz at level 6, whatever the extension |
/// | `false`, `0`, `("xz", 0)` | none, whatever the extension |
///
/// These are the rules of Python joblib 1.5 (`numpy_pickle.py`, `dump`), where the extension wins
/// over a level and a name wins over the extension. One differs: there an explicit 0 cannot be
/// told from the default, and a file called `x.gz` is compressed all the same.
///
/// ```
/// # #[cfg(not(feature = "gzip"))]
/// # fn main() {}
/// # #[cfg(feature = "gzip")]
/// # fn main() -> joblib_compress::Result<()> {
/// use std::path::Path;
/// use joblib_compress::{Compression, Registry};
///
/// let registry = Registry::builtin();
/// let wish = Compression::from("gzip:9");
/// let (compressor, options) = wish.resolve(&registry, None)?.expect("9 is not 0");
/// assert_eq!((compressor.name(), options.level), ("gzip", 9));
///
/// let (by_extension, _) =
///     Compression::default().resolve(&registry, Some(Path::new("model.jbl.gz")))?.expect("gz");
/// assert_eq!(by_extension.name(), "gzip");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Compression(Choice);

#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Choice {
    #[default]
    ByExtension,
    Off,
    /// The extension's format or else zlib; without a level at its default.
    On(Option<i32>),
    /// A name and perhaps a level, as written.
    Setting(String),
    Named(String, i32),
}

/// The format of `true` and of a level alone, where the extension names none.
const DEFAULT_FORMAT: &str = "zlib";

impl Compression {
    /// The compressor and the options to start it with; `None` means not to compress.
    ///
    /// `path` is where the stream will lie, if it is a file; only its extension counts.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`], [`Error::NotBuiltIn`], [`Error::LevelOutOfRange`] or
    /// [`Error::BadSetting`], each saying what there is to choose from.
    pub fn resolve(
        &self,
        registry: &Registry,
        path: Option<&Path>,
    ) -> Result<Option<(Arc<dyn Compressor>, EncodeOptions)>> {
        let by_extension = || path.map_or(Ok(None), |path| registry.by_extension(path));
        let (compressor, level) = match &self.0 {
            Choice::Off => return Ok(None),
            Choice::ByExtension => match by_extension()? {
                Some(compressor) => (compressor, None),
                None => return Ok(None),
            },
            Choice::On(level) => match by_extension()? {
                Some(compressor) => (compressor, *level),
                None => (registry.by_name(DEFAULT_FORMAT)?, *level),
            },
            Choice::Setting(setting) => {
                let (name, level) = parse(setting)?;
                (registry.by_name(name)?, level)
            }
            Choice::Named(name, level) => (registry.by_name(name)?, Some(*level)),
        };
        if level == Some(0) {
            return Ok(None);
        }
        let levels = compressor.levels();
        let level = levels.check(compressor.name(), level.unwrap_or(levels.default))?;
        Ok(Some((Arc::clone(compressor), EncodeOptions::new(level))))
    }
}

/// `xz` or `xz:6`.
fn parse(setting: &str) -> Result<(&str, Option<i32>)> {
    let bad = || Error::BadSetting { setting: setting.to_owned() };
    let (name, level) = match setting.split_once(':') {
        Some((name, level)) => (name, Some(level.parse().map_err(|_| bad())?)),
        None => (setting, None),
    };
    if name.is_empty() { Err(bad()) } else { Ok((name, level)) }
}

impl From<bool> for Compression {
    fn from(on: bool) -> Self {
        Self(if on { Choice::On(None) } else { Choice::Off })
    }
}

impl From<i32> for Compression {
    fn from(level: i32) -> Self {
        Self(if level == 0 { Choice::Off } else { Choice::On(Some(level)) })
    }
}

impl From<&str> for Compression {
    fn from(setting: &str) -> Self {
        Self(Choice::Setting(setting.to_owned()))
    }
}

impl From<String> for Compression {
    fn from(setting: String) -> Self {
        Self(Choice::Setting(setting))
    }
}

impl From<(&str, i32)> for Compression {
    fn from((name, level): (&str, i32)) -> Self {
        Self(Choice::Named(name.to_owned(), level))
    }
}
