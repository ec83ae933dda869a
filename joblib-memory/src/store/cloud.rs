//! Entries as objects in a bucket that any number of machines share.

use std::io;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use joblib_persist::cloud::{Bucket, WriteMode, is_outage};

use super::{Claim, EntryInfo, Store, Stored, StoredStream, WriteEntry};
use crate::layout::keys;
use crate::{CallId, Error, Function, Result};

/// Entries up to this size are fetched when they are asked for; larger ones while they are read.
const SMALL: u64 = 1 << 20;

/// For how long a service that failed is not asked again: a loop over thousand calls should not
/// find out a thousand times.
const REST: Duration = Duration::from_secs(30);

/// The store in `<url>/joblib/`, with the names of a [`FolderStore`](super::FolderStore): a folder
/// copied to a bucket is a store there.
///
/// Large entries are written and read in pieces. There are no claims, so that two processes may
/// compute the same at once; one result is kept. There are no times of use either: the last use of
/// an entry is when it was put. After a failure of the service it is left alone for 30 seconds.
///
/// A store on a server that cannot list, such as an ordinary web server, can only be read.
#[derive(Debug)]
pub struct CloudStore {
    bucket: Bucket,
    failed: Mutex<Option<Failure>>,
}

/// When the service failed, and how.
#[derive(Debug)]
struct Failure {
    at: Instant,
    message: String,
}

impl CloudStore {
    /// The store below `url`: `s3://bucket/prefix`, `gs://…`, `az://…`, `http(s)://…`, set up from
    /// the environment as [`joblib_persist::cloud`] says.
    ///
    /// # Errors
    ///
    /// [`Error::Service`] if `url` is none or the environment contradicts itself.
    pub fn open(url: &str) -> Result<Self> {
        let bucket =
            Bucket::open(url).map_err(|source| Error::Service { url: url.to_owned(), source })?;
        Ok(Self { bucket, failed: Mutex::new(None) })
    }

    /// The URL that was given.
    #[must_use]
    pub fn url(&self) -> &str {
        self.bucket.url()
    }

    /// Does `work` unless the service failed just now; notes whether it fails.
    fn ask<T>(&self, work: impl FnOnce(&Bucket) -> io::Result<T>) -> Result<T> {
        self.rested()
            .and_then(|()| work(&self.bucket).inspect_err(|error| self.note(error)))
            .map_err(|source| Error::Service { url: self.bucket.url().to_owned(), source })
    }

    /// An error as long as the service is left alone.
    fn rested(&self) -> io::Result<()> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failed {
            Some(failure) if failure.at.elapsed() < REST => Err(io::Error::other(format!(
                "it failed {} s ago and is not asked again before {} s: {}",
                failure.at.elapsed().as_secs(),
                REST.as_secs(),
                failure.message
            ))),
            _ => Ok(()),
        }
    }

    fn note(&self, error: &io::Error) {
        if is_outage(error) {
            let message = error.to_string();
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed = Some(Failure { at: Instant::now(), message });
        }
    }

    fn fetch(&self, id: &CallId) -> Result<Option<Stored>> {
        self.ask(|bucket| match bucket.read(&keys::entry(id)) {
            Ok(mut object) if object.size() <= SMALL => {
                let mut bytes = Vec::new();
                object.read_to_end(&mut bytes)?;
                Ok(Some(Stored::Bytes(bytes.into())))
            }
            Ok(object) => Ok(Some(Stored::Stream(StoredStream::new(object)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }
}

impl Store for CloudStore {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        self.fetch(id)
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        self.fetch(id)
    }

    /// Up to 8 MiB the service decides which of two writers was first; of what is larger the later
    /// one may replace the earlier one's equal result.
    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        self.ask(|bucket| {
            let mut object = bucket.write(&keys::entry(id), WriteMode::IfAbsent);
            write(&mut object)?;
            object.finish()
        })
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        let objects = self.ask(|bucket| bucket.list(&keys::folder(function)))?;
        let entries = objects.into_iter().filter_map(|object| {
            let id = keys::read(&object.key)?;
            let wanted = function.is_none_or(|function| id.function == *function);
            let time = Some(object.modified);
            wanted.then(|| EntryInfo::new(id, object.bytes).stored(time).used(time))
        });
        Ok(entries.collect())
    }

    /// Of two who delete an entry at once both may be told that they did.
    fn delete(&self, id: &CallId) -> Result<bool> {
        self.ask(|bucket| {
            let key = keys::entry(id);
            let found = bucket.info(&key)?.is_some();
            if found {
                bucket.delete(&key)?;
            }
            Ok(found)
        })
    }

    /// The use is not noted: objects have no time for it.
    fn touch(&self, id: &CallId) -> Result<bool> {
        self.ask(|bucket| Ok(bucket.info(&keys::entry(id))?.is_some()))
    }

    fn claim(&self, _id: &CallId, _wait: bool) -> Result<Claim> {
        Ok(Claim::Unsupported)
    }
}
