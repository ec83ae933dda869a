//! Names of objects, where there are no folders: the same as those of files, so that a folder copied
//! to a bucket is a store there.

#[cfg(feature = "cloud")]
use super::{CLAIM_SUFFIX, USE_SUFFIX};
use super::{ENTRY_SUFFIX, Name, ROOT, escape, read_file, read_folder};
use crate::{CallId, Digest, Function};

/// What the names of all entries begin with, or those of one function and the ones nested in it.
pub(crate) fn folder(function: Option<&Function>) -> String {
    let components = function.map(Function::components).unwrap_or_default();
    let names = components.into_iter().map(escape);
    std::iter::once(ROOT.to_owned()).chain(names).collect::<Vec<_>>().join("/")
}

/// The name of an entry.
pub(crate) fn entry(id: &CallId) -> String {
    object(id, ENTRY_SUFFIX)
}

/// The name of what is there while an entry is computed.
#[cfg(feature = "cloud")]
pub(crate) fn claim(id: &CallId) -> String {
    object(id, CLAIM_SUFFIX)
}

/// The name of what is written when an entry is used.
#[cfg(feature = "cloud")]
pub(crate) fn used(id: &CallId) -> String {
    object(id, USE_SUFFIX)
}

fn object(id: &CallId, suffix: &str) -> String {
    format!("{}/{}/{}{suffix}", folder(Some(&id.function)), id.code, id.arguments)
}

/// What an object is to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Entry,
    #[cfg(feature = "cloud")]
    Claim,
    #[cfg(feature = "cloud")]
    Use,
}

/// The call an object belongs to, and as what; nothing if it is none of ours.
pub(crate) fn read(key: &str) -> Option<(CallId, Role)> {
    let mut parts = key.split('/');
    if parts.next() != Some(ROOT) {
        return None;
    }
    let (arguments, role) = read_object(parts.next_back()?)?;
    let Name::Code(code) = read_folder(parts.next_back()?) else { return None };
    let components = parts.map(|part| match read_folder(part) {
        Name::Component(component) => Some(component),
        _ => None,
    });
    let components: Vec<String> = components.collect::<Option<_>>()?;
    let function = Function::new(&components.join("::"));
    (!components.is_empty()).then_some((CallId { function, code, arguments }, role))
}

fn read_object(name: &str) -> Option<(Digest, Role)> {
    if let Name::Entry(arguments) = read_file(name) {
        return Some((arguments, Role::Entry));
    }
    #[cfg(feature = "cloud")]
    for (suffix, role) in [(CLAIM_SUFFIX, Role::Claim), (USE_SUFFIX, Role::Use)] {
        if let Some(arguments) = name.strip_suffix(suffix) {
            return Some((arguments.parse().ok()?, role));
        }
    }
    None
}
