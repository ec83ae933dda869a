//! The names of files and folders in a store; nothing else knows them. STORE.md describes them.
//!
//! ```text
//! <location>/joblib/.gitignore
//! <location>/joblib/.lock
//! <location>/joblib/<crate>/<module…>/<function>/<code>/<arguments>.jbl
//! ```

pub(crate) mod keys;

use std::path::{Path, PathBuf};

use crate::{CallId, Digest, Function};

/// The folder inside a location that holds the entries.
const ROOT: &str = "joblib";
const ENTRY_SUFFIX: &str = ".jbl";
const LOCK_SUFFIX: &str = ".lock";
const TEMPORARY_SUFFIX: &str = ".tmp";
#[cfg(feature = "cloud")]
const CLAIM_SUFFIX: &str = ".claim";
#[cfg(feature = "cloud")]
const USE_SUFFIX: &str = ".used";

/// The file that keeps a store out of git, and its content. It lies in the folder of the store and
/// not, as joblib's does, beside it: a location may hold other files that git should see.
pub(crate) const GITIGNORE: (&str, &str) =
    (".gitignore", "# Created by joblib automatically.\n*\n");

/// Names that Windows gives to devices, in whatever case and with whatever extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Where everything of one location lies.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    location: PathBuf,
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(location: &Path) -> Self {
        Self { location: location.to_owned(), root: location.join(ROOT) }
    }

    pub(crate) fn location(&self) -> &Path {
        &self.location
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn gitignore(&self) -> PathBuf {
        self.root.join(GITIGNORE.0)
    }

    /// The file that names results that were evicted.
    pub(crate) fn evictions(&self) -> PathBuf {
        self.root.join(".evicted")
    }

    /// The file of hits and misses.
    pub(crate) fn counts(&self) -> PathBuf {
        self.root.join(".counts")
    }

    /// The file that is locked while hits and misses are added up.
    pub(crate) fn counts_lock(&self) -> PathBuf {
        self.root.join(".counts.lock")
    }

    /// The file of hits and misses while it is written.
    pub(crate) fn new_counts(&self) -> PathBuf {
        self.root.join(".counts.new")
    }

    /// The folder of what `JOBLIB_DEBUG` records.
    pub(crate) fn records(&self) -> PathBuf {
        self.root.join(".debug")
    }

    /// The folder of a function: one folder per version of its code.
    pub(crate) fn function(&self, function: &Function) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(function.components().into_iter().map(escape));
        path
    }

    /// The file of an entry.
    pub(crate) fn entry(&self, id: &CallId) -> PathBuf {
        self.file(id, ENTRY_SUFFIX)
    }

    /// The file of which one byte is locked while an entry is computed.
    #[cfg(target_os = "linux")]
    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join(LOCK_SUFFIX)
    }

    /// The file that is locked while an entry is computed, where bytes cannot be.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn lock_of(&self, id: &CallId) -> PathBuf {
        self.file(id, LOCK_SUFFIX)
    }

    /// A file that no other writer uses, in the folder of the entry.
    pub(crate) fn temporary(&self, id: &CallId, process: u32, serial: u64) -> PathBuf {
        self.file(id, &format!("-{process}-{serial}{TEMPORARY_SUFFIX}"))
    }

    fn file(&self, id: &CallId, suffix: &str) -> PathBuf {
        let mut path = self.function(&id.function);
        path.push(id.code.to_string());
        path.push(format!("{}{suffix}", id.arguments));
        path
    }
}

/// What a name in the store stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A folder of the path of functions.
    Component(String),
    /// The folder of one version of a function's code.
    Code(Digest),
    /// An entry.
    Entry(Digest),
    /// A file that is locked while an entry is computed.
    Lock,
    /// A file that is being written, or was when its writer died.
    Temporary,
    /// Nothing of ours.
    Foreign,
}

/// Reads the name of a folder.
pub(crate) fn read_folder(name: &str) -> Name {
    match name.parse() {
        Ok(code) => Name::Code(code),
        Err(_) => unescape(name).map_or(Name::Foreign, Name::Component),
    }
}

/// Reads the name of a file.
pub(crate) fn read_file(name: &str) -> Name {
    if name.ends_with(LOCK_SUFFIX) {
        return Name::Lock;
    }
    if name.ends_with(TEMPORARY_SUFFIX) {
        return Name::Temporary;
    }
    let digest = name.strip_suffix(ENTRY_SUFFIX).and_then(|digest| digest.parse().ok());
    digest.map_or(Name::Foreign, Name::Entry)
}

/// A file name for one component of a path, another for every component.
///
/// Lower-case letters, digits, `_`, `-` and `~` stand for themselves. Everything else is `%` and
/// two digits per byte, capital letters too: some file systems do not tell them apart. So is the
/// first character of what would be read as something else: a digest, or a device of Windows.
fn escape(component: &str) -> String {
    if component.is_empty() {
        return "%".to_owned();
    }
    let special = component.parse::<Digest>().is_ok() || is_device(component);
    let mut name = String::with_capacity(component.len());
    for (position, byte) in component.bytes().enumerate() {
        let plain = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'~');
        if plain && !(special && position == 0) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name
}

/// The component a name was made from; nothing if no component has that name.
fn unescape(name: &str) -> Option<String> {
    if name == "%" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => 16 * digit(rest.next()?)? + digit(rest.next()?)?,
            byte => byte,
        });
    }
    let component = String::from_utf8(bytes).ok()?;
    (escape(&component) == name).then_some(component)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn is_device(component: &str) -> bool {
    let numbered = |prefix| {
        component
            .strip_prefix(prefix)
            .is_some_and(|rest: &str| rest.len() == 1 && matches!(rest.as_bytes()[0], b'1'..=b'9'))
    };
    DEVICES.contains(&component) || numbered("com") || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_place_of_an_entry() {
        let id = CallId {
            function: Function::new("my_crate::model::fit"),
            code: Digest::from_u128(1),
            arguments: Digest::from_u128(0xabc),
        };
        assert_eq!(
            Layout::new(Path::new("cache")).entry(&id),
            Path::new(
                "cache/joblib/my_crate/model/fit/00000000000000000000000000000001/\
                 00000000000000000000000000000abc.jbl"
            )
        );
    }

    #[test]
    fn odd_names_are_escaped() {
        for (component, name) in [
            ("fit", "fit"),
            ("Fit", "%46it"),
            ("", "%"),
            ("..", "%2e%2e"),
            ("a/b\\c", "a%2fb%5cc"),
            ("con", "%63on"),
            ("com1", "%63om1"),
            ("com10", "com10"),
            ("{{closure}}", "%7b%7bclosure%7d%7d"),
            ("é", "%c3%a9"),
            ("0123456789abcdef0123456789abcdef", "%30123456789abcdef0123456789abcdef"),
        ] {
            assert_eq!(escape(component), name);
            assert_eq!(read_folder(name), Name::Component(component.to_owned()));
        }
    }

    #[test]
    fn names_that_are_not_ours() {
        for name in ["Fit", "a.b", "%4", "%zz", "%C3", "%66it", "a b"] {
            assert_eq!(read_folder(name), Name::Foreign, "{name}");
        }
        assert_eq!(read_file("output.pkl"), Name::Foreign);
        assert_eq!(read_file("0123456789abcdef0123456789abcdef.lock"), Name::Lock);
    }

    proptest! {
        #[test]
        fn every_component_has_its_own_plain_name(component in ".{0,60}") {
            let name = escape(&component);
            prop_assert_eq!(read_folder(&name), Name::Component(component));
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-~%".contains(&b)));
        }

        #[test]
        fn every_call_has_its_own_key(path in ".{0,60}", code: u128, arguments: u128) {
            let id = CallId {
                function: Function::new(&path),
                code: Digest::from_u128(code),
                arguments: Digest::from_u128(arguments),
            };
            let key = keys::entry(&id);
            prop_assert!(Layout::new(Path::new("")).entry(&id) == Path::new(&key), "{}", key);
            prop_assert_eq!(keys::read(&key), Some((id.clone(), keys::Role::Entry)));
            #[cfg(feature = "cloud")]
            prop_assert_eq!(keys::read(&keys::claim(&id)), Some((id.clone(), keys::Role::Claim)));
            #[cfg(feature = "cloud")]
            prop_assert_eq!(keys::read(&keys::used(&id)), Some((id.clone(), keys::Role::Use)));
            #[cfg(feature = "cloud")]
            prop_assert_eq!(CallId::from_key(&keys::used(&id)), None);
            prop_assert_eq!(CallId::from_key(&id.to_key()), Some(id));
        }

        #[test]
        fn names_fit_every_file_system(path in ".{0,400}") {
            for component in Function::new(&path).components() {
                prop_assert!(escape(component).len() <= 143);
            }
        }
    }
}
