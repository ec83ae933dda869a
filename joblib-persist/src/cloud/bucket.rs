//! A place in an object store, for callers that block.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::fault::fault;
use super::reader::ObjectReader;
use super::runtime;
use super::service;
use super::writer::{ObjectWriter, WriteMode};

/// The objects below one URL.
///
/// Cloning is cheap. Any number of threads may use one.
///
/// ```
/// use joblib_persist::cloud::{Bucket, WriteMode};
/// use std::io::{Read, Write};
///
/// // As `s3://bucket/models`, but in the memory of this process.
/// let models = Bucket::open("memory://docs/models")?;
/// let mut writer = models.write("a.txt", WriteMode::Replace);
/// writer.write_all(b"whole or not at all")?;
/// writer.finish()?;
///
/// let mut text = String::new();
/// models.read("a.txt")?.read_to_string(&mut text)?;
/// assert_eq!(text, "whole or not at all");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Bucket {
    service: Arc<dyn ObjectStore>,
    prefix: Path,
    url: Arc<str>,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its name below the bucket's URL, parts separated by `/`.
    pub key: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was written, by the clock of the service.
    pub modified: SystemTime,
}

/// One object of a service.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) service: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    pub(super) url: String,
}

impl Bucket {
    /// The objects below `url`: `s3://bucket/prefix`, `gs://…`, `az://…`, `http(s)://…`, or
    /// `memory://name`. Nothing is asked of the service yet.
    ///
    /// # Errors
    ///
    /// If `url` is none, or what the environment says of the service contradicts itself.
    pub fn open(url: &str) -> io::Result<Self> {
        let (service, prefix) = service::connect(url)?;
        Ok(Self { service, prefix, url: url.trim_end_matches('/').into() })
    }

    /// What was given to [`open`](Self::open), without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens an object at its beginning.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is none, others if the service cannot be asked.
    pub fn read(&self, key: &str) -> io::Result<ObjectReader> {
        ObjectReader::open(self.object(key)?)
    }

    /// Begins an object that appears when the writer is finished.
    #[must_use]
    pub fn write(&self, key: &str, mode: WriteMode) -> ObjectWriter {
        ObjectWriter::new(self.object(key), mode)
    }

    /// Looks whether there is an object.
    ///
    /// # Errors
    ///
    /// If the service cannot be asked.
    pub fn info(&self, key: &str) -> io::Result<Option<ObjectInfo>> {
        let object = self.object(key)?;
        let meta = object.head()?;
        Ok(meta.map(|meta| ObjectInfo::new(key.to_owned(), &meta)))
    }

    /// All objects whose name begins with the parts of `folder`, all of them if that is empty.
    ///
    /// # Errors
    ///
    /// If the service cannot be asked or cannot list.
    pub fn list(&self, folder: &str) -> io::Result<Vec<ObjectInfo>> {
        let Object { service, path, url } = self.object(folder)?;
        let below = self.prefix.clone();
        let objects = runtime::block_on(async move {
            service.list(Some(&path)).try_collect::<Vec<ObjectMeta>>().await
        })?;
        let objects = objects.map_err(|source| fault("listing", &url, source))?;
        let infos = objects.iter().filter_map(|meta| {
            let key: Vec<String> =
                meta.location.prefix_match(&below)?.map(|part| part.as_ref().to_owned()).collect();
            Some(ObjectInfo::new(key.join("/"), meta))
        });
        Ok(infos.collect())
    }

    /// Deletes an object, or does nothing if there is none.
    ///
    /// # Errors
    ///
    /// If the service cannot be asked or refuses.
    pub fn delete(&self, key: &str) -> io::Result<()> {
        let Object { service, path, url } = self.object(key)?;
        match runtime::block_on(async move { service.delete(&path).await })? {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(source) => Err(fault("deleting", &url, source)),
        }
    }

    fn object(&self, key: &str) -> io::Result<Object> {
        let url = if key.is_empty() { self.url.to_string() } else { format!("{}/{key}", self.url) };
        let parts = key.split('/').filter(|part| !part.is_empty());
        let names = self.prefix.parts().map(|part| part.as_ref().to_owned());
        let whole: Vec<String> = names.chain(parts.map(str::to_owned)).collect();
        let path =
            Path::parse(whole.join("/")).map_err(|source| fault("naming", &url, source.into()))?;
        Ok(Object { service: Arc::clone(&self.service), path, url })
    }
}

impl Object {
    pub(super) fn head(&self) -> io::Result<Option<ObjectMeta>> {
        let Object { service, path, url } = self.clone();
        match runtime::block_on(async move { service.head(&path).await })? {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(fault("looking for", &url, source)),
        }
    }
}

impl ObjectInfo {
    fn new(key: String, meta: &ObjectMeta) -> Self {
        Self { key, bytes: meta.size, modified: meta.last_modified.into() }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.url).finish()
    }
}
