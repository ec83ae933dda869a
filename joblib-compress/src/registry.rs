//! Compressors by name, by file extension and by the first bytes of a stream.

use std::io::{self, BufRead, Cursor, Read};
use std::path::Path;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use crate::formats::{self, Known};
use crate::{Compressor, DecodeOptions, Error, Result};

/// A set of compressors, in which names, extensions and magics are unique.
///
/// A plain value: build one per test or per use. [`Registry::global`] is the one that programs
/// share and [`register_compressor`] adds to. Cloning copies pointers.
#[derive(Clone, Debug)]
pub struct Registry {
    compressors: Vec<Arc<dyn Compressor>>,
}

/// What [`Registry::decoder_for`] found.
#[must_use]
pub struct Detected<'r> {
    /// The format of the stream; `None` if it has none of the registry's.
    pub compressor: Option<Arc<dyn Compressor>>,
    /// The decompressed stream, or the stream as it is; from its first byte in both cases.
    pub reader: Box<dyn Read + 'r>,
}

impl std::fmt::Debug for Detected<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detected").field("compressor", &self.compressor).finish_non_exhaustive()
    }
}

static GLOBAL: LazyLock<RwLock<Arc<Registry>>> =
    LazyLock::new(|| RwLock::new(Arc::new(Registry::builtin())));

/// Adds a compressor to the registry that the whole process shares.
///
/// From then on `dump` finds it by name and by extension, and `load` by its magic. As Python
/// joblib's `register_compressor`, but nothing is ever replaced (there: `force=True`).
///
/// # Errors
///
/// As [`Registry::register`].
pub fn register_compressor(compressor: impl Compressor) -> Result<()> {
    let mut global = GLOBAL.write().unwrap_or_else(PoisonError::into_inner);
    Arc::make_mut(&mut global).register(compressor)
}

impl Registry {
    /// The formats of this crate whose features are on.
    pub fn builtin() -> Self {
        Self { compressors: formats::built_in() }
    }

    /// The registry that the whole process shares, as it is now: what is registered later is not
    /// in the value returned.
    pub fn global() -> Arc<Self> {
        Arc::clone(&GLOBAL.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a compressor.
    ///
    /// # Errors
    ///
    /// [`Error::Clash`] if another has its name, one of its extensions, or a magic of which one is
    /// the beginning of the other; [`Error::Unfit`] if it could never be found again. The registry
    /// is then unchanged.
    pub fn register(&mut self, compressor: impl Compressor) -> Result<()> {
        check_fit(&compressor)?;
        for format in formats::ALL {
            let taken = format.name == compressor.name();
            if taken && self.find(format.name).is_none() {
                // Its feature may be switched on by any other crate of the program.
                return Err(clash(&compressor, format.name, "name".to_owned()));
            }
        }
        for existing in &self.compressors {
            if let Some(what) = shared(&compressor, existing.as_ref()) {
                return Err(clash(&compressor, existing.name(), what));
            }
        }
        self.compressors.push(Arc::new(compressor));
        Ok(())
    }

    /// Every compressor, in the order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Compressor>> {
        self.compressors.iter()
    }

    /// The compressor called `name`, letter for letter.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`], which lists the names there are, or [`Error::NotBuiltIn`].
    pub fn by_name(&self, name: &str) -> Result<&Arc<dyn Compressor>> {
        if let Some(found) = self.find(name) {
            return Ok(found);
        }
        if let Some(format) = formats::ALL.iter().find(|format| format.name == name) {
            return Err(Error::NotBuiltIn { name: format.name });
        }
        let mut known: Vec<String> = self.iter().map(|one| one.name().to_owned()).collect();
        known.sort();
        Err(Error::UnknownName { name: name.to_owned(), known })
    }

    /// The compressor that the extension of `path` asks for; `None` if it asks for none.
    ///
    /// Case matters, as in Python joblib.
    ///
    /// # Errors
    ///
    /// [`Error::NotBuiltIn`] if the extension is that of a format whose feature is off.
    pub fn by_extension(&self, path: &Path) -> Result<Option<&Arc<dyn Compressor>>> {
        let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else {
            return Ok(None);
        };
        let found = self.iter().find(|one| one.extensions().contains(&extension));
        found_or_off(found, |format| format.extensions.contains(&extension))
    }

    /// The compressor whose streams start as `head` does; `None` if there is none.
    ///
    /// `head` needs [`longest_magic`](Self::longest_magic) bytes, or all there are.
    ///
    /// # Errors
    ///
    /// [`Error::NotBuiltIn`] if it is the beginning of a format whose feature is off.
    pub fn by_magic(&self, head: &[u8]) -> Result<Option<&Arc<dyn Compressor>>> {
        let starts = |magic: &[&[u8]]| magic.iter().any(|magic| head.starts_with(magic));
        let found = self.iter().find(|one| starts(one.magic()));
        found_or_off(found, |format| starts(format.magic))
    }

    /// How many bytes of a stream are enough to recognise it.
    pub fn longest_magic(&self) -> usize {
        let ours = formats::ALL.iter().flat_map(|format| format.magic);
        let theirs = self.iter().flat_map(|one| one.magic());
        ours.chain(theirs).map(|magic| magic.len()).max().unwrap_or(0)
    }

    /// Reads `source` decompressed, whatever it is compressed with, or as it is if with nothing.
    ///
    /// ```
    /// use std::io::Read;
    /// use joblib_compress::{DecodeOptions, Registry};
    ///
    /// let source = Box::new(&b"plain text"[..]);
    /// let mut found = Registry::builtin().decoder_for(source, &DecodeOptions::new())?;
    /// assert!(found.compressor.is_none());
    /// let mut text = String::new();
    /// found.reader.read_to_string(&mut text)?;
    /// assert_eq!(text, "plain text");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotBuiltIn`] for a format whose feature is off, [`Error::Io`] if `source` cannot
    /// be read or the codec not be set up.
    pub fn decoder_for<'r>(
        &self,
        mut source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Detected<'r>> {
        let head = read_head(&mut source, self.longest_magic()).map_err(|cause| Error::Io {
            action: "reading",
            name: "possibly compressed".to_owned(),
            source: cause,
        })?;
        let compressor = self.by_magic(&head)?.cloned();
        let whole = Cursor::new(head).chain(source);
        let reader = match &compressor {
            Some(compressor) => compressor.decoder(Box::new(whole), options)?,
            None => options.limit("uncompressed", Box::new(whole)),
        };
        Ok(Detected { compressor, reader })
    }

    fn find(&self, name: &str) -> Option<&Arc<dyn Compressor>> {
        self.iter().find(|one| one.name() == name)
    }
}

/// Up to `len` bytes from the front of `source`: fewer only if that is all there is.
fn read_head(source: &mut impl Read, len: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(len);
    source.take(len as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn found_or_off(
    found: Option<&Arc<dyn Compressor>>,
    is_it: impl Fn(&Known) -> bool,
) -> Result<Option<&Arc<dyn Compressor>>> {
    match formats::ALL.iter().find(|format| is_it(format)) {
        Some(format) if found.is_none() => Err(Error::NotBuiltIn { name: format.name }),
        _ => Ok(found),
    }
}

fn check_fit(compressor: &dyn Compressor) -> Result<()> {
    let name = compressor.name();
    let magic = compressor.magic();
    let reason = if name.is_empty() || name.contains(':') {
        "its name is empty or contains `:`, which separates a name from a level"
    } else if magic.is_empty() || magic.iter().any(|magic| magic.is_empty()) {
        "it has no magic, by which its streams could be told from others"
    } else {
        return Ok(());
    };
    Err(Error::Unfit { name: name.to_owned(), reason })
}

/// What two compressors have in common that only one may have.
fn shared(one: &dyn Compressor, other: &dyn Compressor) -> Option<String> {
    if one.name() == other.name() {
        return Some("name".to_owned());
    }
    if let Some(extension) = one.extensions().iter().find(|e| other.extensions().contains(e)) {
        return Some(format!("extension `{extension}`"));
    }
    let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
    let clashes = |magic: &&&[u8]| other.magic().iter().any(|theirs| overlap(magic, theirs));
    one.magic().iter().find(clashes).map(|magic| format!("magic {magic:02x?}"))
}

fn clash(compressor: &dyn Compressor, existing: &str, what: String) -> Error {
    Error::Clash { name: compressor.name().to_owned(), existing: existing.to_owned(), what }
}
