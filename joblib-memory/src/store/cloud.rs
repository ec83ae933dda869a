//! Entries as objects in a bucket that any number of machines share.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use joblib_persist::cloud::{Bucket, ObjectInfo, WriteMode, is_outage};

use super::attendant::Attendant;
use super::lease;
use super::{Claim, EntryInfo, HeldClaim, Store, Stored, StoredStream, WriteEntry};
use crate::layout::keys::{self, Role};
use crate::{CallId, Error, Function, Result};

/// Entries up to this size are fetched when they are asked for; larger ones while they are read.
const SMALL: u64 = 1 << 20;

/// For how long a service that failed is not asked again: a loop over thousand calls should not
/// find out a thousand times.
const REST: Duration = Duration::from_secs(30);

/// For how long a claim stands that its holder does not renew, if nothing else is said.
const LEASE: Duration = Duration::from_secs(30);

/// Services tell times in seconds.
const SHORTEST_LEASE: Duration = Duration::from_secs(3);

/// A claim, or a note of a use, that lies about for so long without its entry is deleted by whoever
/// lists the store.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// The store in `<url>/joblib/`, with the names of a [`FolderStore`](super::FolderStore): a folder
/// copied to a bucket is a store there.
///
/// Large entries are written and read in pieces. Who computes an entry claims it by an object beside
/// it and renews that until it is done; others wait, until the claim is gone or was not renewed
/// for the time of the [`lease`](Self::lease). An hour after its last use the next one is noted in an
/// object beside the entry. After a failure of the service it is left alone for 30 seconds.
///
/// A store on a server that cannot list, such as an ordinary web server, can only be read. On
/// servers spoken to by `http(s)://` there are no claims.
#[derive(Debug)]
pub struct CloudStore {
    bucket: Bucket,
    failed: Mutex<Option<Failure>>,
    lease: Duration,
    attendant: Arc<Attendant>,
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
        let lease = if url.starts_with("http") { Duration::ZERO } else { LEASE };
        let attendant = Attendant::new(bucket.clone());
        Ok(Self { bucket, failed: Mutex::new(None), lease, attendant })
    }

    /// For how long others wait when who computes an entry has died: 30 seconds by default, three at
    /// least. Zero is for no claims: a miss then costs three requests less, and two may compute the
    /// same at once.
    ///
    /// ```
    /// use joblib_memory::{CloudStore, Memory};
    /// use std::time::Duration;
    ///
    /// let store = CloudStore::open("memory://results")?.lease(Duration::from_secs(10));
    /// let memory = Memory::with_store(store).build();
    /// assert_eq!(memory.cache("double", |x: &u8| 2 * x).call(&4), 8);
    /// # Ok::<(), joblib_memory::Error>(())
    /// ```
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = if lease.is_zero() { lease } else { lease.max(SHORTEST_LEASE) };
        self
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

    /// The entry, and when it was put.
    fn fetch(&self, id: &CallId) -> Result<Option<(Stored, SystemTime)>> {
        self.ask(|bucket| match bucket.read(&keys::entry(id)) {
            Ok(mut object) => {
                let put = object.modified();
                if object.size() > SMALL {
                    return Ok(Some((Stored::Stream(StoredStream::new(object)), put)));
                }
                let mut bytes = Vec::new();
                object.read_to_end(&mut bytes)?;
                Ok(Some((Stored::Bytes(bytes.into()), put)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// All entries, or those of a function; deletes what was left behind long before `now`.
    fn list_at(&self, function: Option<&Function>, now: SystemTime) -> Result<Vec<EntryInfo>> {
        let objects = self.ask(|bucket| bucket.list(&keys::folder(function)))?;
        let (mut entries, mut uses, mut left) = (Vec::new(), HashMap::new(), Vec::new());
        for object in objects {
            let Some((id, role)) = keys::read(&object.key) else { continue };
            if function.is_some_and(|function| id.function != *function) {
                continue;
            }
            match role {
                Role::Entry => {
                    let put = Some(object.modified);
                    entries.push(EntryInfo::new(id, object.bytes).stored(put));
                }
                Role::Use => drop(uses.insert(id, object)),
                Role::Claim => left.push(object),
            }
        }
        for entry in &mut entries {
            let noted = uses.remove(&entry.id).map(|object| object.modified);
            entry.used = noted.max(self.attendant.last_use(&entry.id)).max(entry.stored);
        }
        left.extend(uses.into_values());
        self.collect(&left, now);
        Ok(entries)
    }

    /// Deletes what belongs to no entry and is old. That it cannot be is no reason to fail.
    fn collect(&self, left: &[ObjectInfo], now: SystemTime) {
        let age = |object: &ObjectInfo| now.duration_since(object.modified).unwrap_or_default();
        for object in left.iter().filter(|object| age(object) > ABANDONED) {
            let _ = self.bucket.delete(&object.key);
        }
    }
}

impl Store for CloudStore {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        let fetched = self.fetch(id)?;
        Ok(fetched.map(|(stored, put)| {
            self.attendant.note_use(id, put);
            stored
        }))
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        Ok(self.fetch(id)?.map(|(stored, _)| stored))
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
        self.list_at(function, SystemTime::now())
    }

    /// Of two who delete an entry at once both may be told that they did.
    fn delete(&self, id: &CallId) -> Result<bool> {
        self.ask(|bucket| {
            let key = keys::entry(id);
            let found = bucket.info(&key)?.is_some();
            if found {
                bucket.delete(&key)?;
                bucket.delete(&keys::used(id))?;
                self.attendant.forget(id);
            }
            Ok(found)
        })
    }

    fn touch(&self, id: &CallId) -> Result<bool> {
        let Some(entry) = self.ask(|bucket| bucket.info(&keys::entry(id)))? else {
            return Ok(false);
        };
        self.attendant.note_use(id, entry.modified);
        Ok(true)
    }

    fn claim(&self, id: &CallId, wait: bool) -> Result<Claim> {
        if self.lease.is_zero() {
            return Ok(Claim::Unsupported);
        }
        let key = keys::claim(id);
        let held = self.ask(|bucket| lease::take(bucket, &key, self.lease, wait))?;
        if !held {
            return Ok(Claim::Taken);
        }
        Ok(Claim::Held(HeldClaim::new(self.attendant.renew(key, self.lease))))
    }
}

impl Drop for CloudStore {
    fn drop(&mut self) {
        self.attendant.finish();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
mod tests {
    use super::*;
    use crate::Digest;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A store with one entry.
    fn store(url: &str) -> (CloudStore, CallId) {
        let store = CloudStore::open(url).unwrap();
        let [code, arguments] = [1, 2].map(Digest::from_u128);
        let id = CallId { function: Function::new("a::f"), code, arguments };
        assert!(store.put_if_absent(&id, &mut |writer| writer.write_all(b"x")).unwrap());
        (store, id)
    }

    fn names(store: &CloudStore) -> usize {
        store.bucket.list("").unwrap().len()
    }

    #[test]
    fn a_use_is_noted_beside_the_entry_and_goes_with_it() {
        let (store, id) = store("memory://cloud-uses");
        store.get(&id).unwrap();
        assert_eq!(store.attendant.last_use(&id), None, "it was put a moment ago");
        store.attendant.note_use(&id, SystemTime::now() - 2 * HOUR);
        while names(&store) == 1 {
            std::thread::yield_now();
        }
        let another = CloudStore::open("memory://cloud-uses").unwrap();
        for store in [&store, &another] {
            let [entry] = &store.list(None).unwrap()[..] else { panic!("not one entry") };
            assert!(entry.used > entry.stored, "{entry:?}");
        }
        assert!(store.delete(&id).unwrap());
        assert_eq!(names(&store), 0);
        assert_eq!(store.attendant.last_use(&id), None);
    }

    #[test]
    fn what_belongs_to_no_entry_is_collected_after_a_day() {
        let (store, id) = store("memory://cloud-left");
        let other = CallId { arguments: Digest::from_u128(3), ..id.clone() };
        for key in [keys::used(&id), keys::used(&other), keys::claim(&other)] {
            lease::write(&store.bucket, &key, WriteMode::Replace).unwrap();
        }
        for (later, left) in [(23, 4), (25, 2), (25, 2)] {
            let entries = store.list_at(None, SystemTime::now() + later * HOUR).unwrap();
            assert_eq!((entries.len(), names(&store)), (1, left), "after {later} hours");
        }
        assert!(store.bucket.info(&keys::used(&id)).unwrap().is_some(), "it has its entry");
    }
}
