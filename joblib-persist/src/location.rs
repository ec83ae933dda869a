//! Where a value lies: a path, or the URL of an object somewhere else.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

/// The schemes that are answered by the feature `cloud`. Anything else with `://` in it is a path,
/// as it always was.
pub(crate) const REMOTE_SCHEMES: &[&str] =
    &["s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl", "http", "https", "memory"];

/// What a caller's path stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Location<'a> {
    /// A file of this machine.
    File(Cow<'a, Path>),
    /// An object, by its URL.
    Url(&'a str),
}

impl<'a> Location<'a> {
    /// Reads a path: `s3://bucket/key` is a URL, `file:///tmp/a` and everything else a file.
    pub(crate) fn of(path: &'a Path) -> io::Result<Self> {
        let Some((scheme, rest)) = path.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(Location::File(Cow::Borrowed(path)));
        };
        if scheme == "file" {
            return file_of_url(rest).map(|path| Location::File(Cow::Owned(path)));
        }
        if REMOTE_SCHEMES.contains(&scheme) {
            return Ok(Location::Url(path.to_str().unwrap_or_default()));
        }
        Ok(Location::File(Cow::Borrowed(path)))
    }
}

/// The file of `file://` and `rest`.
///
/// # Errors
///
/// If it is none of this machine, or `%` stands where it may not.
pub fn file_of_url(rest: &str) -> io::Result<PathBuf> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        let problem = "a `file` URL of this machine has three slashes, as in `file:///tmp/a.jbl`";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let decoded = percent_decoded(path.as_bytes());
    let path = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).map(PathBuf::from);
    path.ok_or_else(|| {
        let problem = "`%` in a URL has two hexadecimal digits behind it; `%` itself is `%25`";
        io::Error::new(io::ErrorKind::InvalidInput, problem)
    })
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => 16 * digit(rest.next()?)? + digit(rest.next()?)?,
            byte => byte,
        });
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// What asking for a URL says in a build that cannot.
#[cfg(not(feature = "cloud"))]
pub(crate) fn unsupported() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this build only knows files: switch on the feature `cloud` for URLs",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Location<'_> {
        Location::of(Path::new(path)).unwrap()
    }

    #[test]
    fn urls_are_told_from_paths() {
        let file = |path: &str| Location::File(Cow::Owned(PathBuf::from(path)));
        for path in ["model.jbl", "/tmp/a", "a://b", "C://x", "s3:/b", ""] {
            assert_eq!(of(path), file(path));
        }
        for url in ["s3://bucket/a.jbl", "https://host/a", "az://c/a", "memory://x/a"] {
            assert_eq!(of(url), Location::Url(url));
        }
    }

    #[test]
    fn files_have_urls_too() {
        let file = |path: &str| Location::File(Cow::Owned(PathBuf::from(path)));
        assert_eq!(of("file:///tmp/a%20b.jbl"), file("/tmp/a b.jbl"));
        assert_eq!(of("file://localhost/tmp/a"), file("/tmp/a"));
        for wrong in ["file://tmp/a", "file:///a%2", "file:///a%zz", "file:///a%ff"] {
            assert!(Location::of(Path::new(wrong)).is_err(), "{wrong}");
        }
    }
}
