//! Stores by URL.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use super::{FolderStore, InMemoryStore, Store};
use crate::{Error, Result};

/// Opens the store at a URL of one scheme.
pub type StoreFactory = dyn Fn(&str) -> Result<Arc<dyn Store>> + Send + Sync;

/// What `register_store` was told.
static REGISTERED: RwLock<BTreeMap<String, Arc<StoreFactory>>> = RwLock::new(BTreeMap::new());

/// The stores of `memory://name`, which live as long as the process.
static IN_MEMORY: RwLock<BTreeMap<String, Arc<InMemoryStore>>> = RwLock::new(BTreeMap::new());

/// Schemes that need no registration and no feature.
const BUILT_IN: [&str; 2] = ["file", "memory"];

/// Schemes of the feature `cloud`.
const CLOUD: [&str; 10] =
    ["abfs", "abfss", "adl", "az", "azure", "gs", "http", "https", "s3", "s3a"];

/// Has [`Memory::open`](crate::Memory::open) open URLs of `scheme` with `factory`, from now on and
/// everywhere in this process.
///
/// A scheme consists of letters, digits, `+`, `-` and `.`, of two characters at least. One that is
/// known already, be it built in, is replaced.
///
/// ```
/// use joblib_memory::{InMemoryStore, Memory, register_store};
/// use std::sync::Arc;
///
/// register_store("scratch", |_url| Ok(Arc::new(InMemoryStore::new())))?;
/// let memory = Memory::open("scratch://anything")?;
/// assert_eq!(memory.cache("square", |x: &u32| x * x).call(&3), 9);
/// # Ok::<(), joblib_memory::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Address`] if `scheme` is not one.
pub fn register_store<F>(scheme: &str, factory: F) -> Result<()>
where
    F: Fn(&str) -> Result<Arc<dyn Store>> + Send + Sync + 'static,
{
    if !is_scheme(scheme) {
        let problem = "a scheme has two or more letters, digits, `+`, `-` and `.`";
        return Err(address(scheme, problem));
    }
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    registered.insert(scheme.to_ascii_lowercase(), Arc::new(factory));
    Ok(())
}

/// The store at `url`: a path or `file:///…` for a folder, `memory://name` for one in the memory
/// of this process, `s3://bucket/prefix` and its like with the feature `cloud`, and whatever was
/// [registered](register_store).
///
/// For a memory with options: `Memory::with_store(open_store(url)?).compress("zstd").build()`.
///
/// # Errors
///
/// [`Error::Address`] if the scheme is not known, [`Error::Service`] if what the environment says
/// of a service contradicts itself. Nothing is asked of a service yet.
pub fn open_store(url: &str) -> Result<Arc<dyn Store>> {
    if let Some(folder) = folder(url)? {
        return Ok(Arc::new(FolderStore::new(folder)));
    }
    let (scheme, name) = split(url).unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    if let Some(factory) = registered(&scheme) {
        return factory(url);
    }
    match scheme.as_str() {
        "memory" => Ok(in_memory(name)),
        scheme if CLOUD.contains(&scheme) => cloud(url),
        scheme => Err(address(url, format!("no store named `{scheme}` ({})", known()))),
    }
}

/// The folder that `url` names, if it does.
fn folder(url: &str) -> Result<Option<PathBuf>> {
    match split(url) {
        None => Ok(Some(url.into())),
        Some(("file", rest)) if registered("file").is_none() => {
            let path = joblib_persist::__private::file_of_url(rest);
            path.map(Some).map_err(|error| address(url, error))
        }
        Some(_) => Ok(None),
    }
}

/// Scheme and rest of a URL; nothing if it is a path. `C://` is one.
fn split(url: &str) -> Option<(&str, &str)> {
    url.split_once("://").filter(|(scheme, _)| is_scheme(scheme))
}

fn is_scheme(text: &str) -> bool {
    let mut characters = text.chars();
    text.len() > 1
        && characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn registered(scheme: &str) -> Option<Arc<StoreFactory>> {
    REGISTERED.read().unwrap_or_else(PoisonError::into_inner).get(scheme).cloned()
}

fn in_memory(name: &str) -> Arc<dyn Store> {
    let mut stores = IN_MEMORY.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(stores.entry(name.to_owned()).or_default()) as _
}

#[cfg(feature = "cloud")]
fn cloud(url: &str) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(super::CloudStore::open(url)?))
}

#[cfg(not(feature = "cloud"))]
fn cloud(url: &str) -> Result<Arc<dyn Store>> {
    Err(address(url, "this build only knows folders and memory: switch on the feature `cloud`"))
}

fn known() -> String {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    let cloud: &[&str] = if cfg!(feature = "cloud") { &CLOUD } else { &[] };
    let built_in = BUILT_IN.iter().chain(cloud).map(|scheme| (*scheme).to_owned());
    let mut schemes: Vec<String> = built_in.chain(registered.keys().cloned()).collect();
    schemes.sort();
    schemes.dedup();
    let remedy = if cfg!(feature = "cloud") {
        "`register_store` adds others"
    } else {
        "the feature `cloud` adds s3, gs, az and http, `register_store` others"
    };
    format!("known: {}; {remedy}", schemes.join(", "))
}

fn address(url: &str, problem: impl fmt::Display) -> Error {
    Error::Address { url: url.to_owned(), problem: problem.to_string() }
}
