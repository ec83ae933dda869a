//! Entries in the memory of this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Claim, EntryInfo, Store, Stored, WriteEntry};
use crate::{CallId, Function, Result, clock};

/// A store that is gone with the process: for tests, and where there are no files.
#[derive(Debug, Default)]
pub struct InMemoryStore {
    entries: Mutex<HashMap<CallId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    bytes: Arc<[u8]>,
    stored: Option<SystemTime>,
    used: Option<SystemTime>,
}

impl InMemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<CallId, Entry>> {
        // No code of others runs under the lock, so the map is whole whatever panicked.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn use_entry(&self, id: &CallId) -> Option<Arc<[u8]>> {
        self.entries().get_mut(id).map(|entry| {
            entry.used = clock::now();
            Arc::clone(&entry.bytes)
        })
    }
}

impl Store for InMemoryStore {
    fn get(&self, id: &CallId) -> Result<Option<Stored>> {
        Ok(self.use_entry(id).map(Stored::Bytes))
    }

    fn peek(&self, id: &CallId) -> Result<Option<Stored>> {
        Ok(self.entries().get(id).map(|entry| Stored::Bytes(Arc::clone(&entry.bytes))))
    }

    fn put_if_absent(&self, id: &CallId, write: &mut WriteEntry<'_>) -> Result<bool> {
        let mut bytes = Vec::new();
        write(&mut bytes).map_err(|source| crate::Error::encode(id, source))?;
        let mut entries = self.entries();
        if entries.contains_key(id) {
            return Ok(false);
        }
        let now = clock::now();
        entries.insert(id.clone(), Entry { bytes: bytes.into(), stored: now, used: now });
        Ok(true)
    }

    fn list(&self, function: Option<&Function>) -> Result<Vec<EntryInfo>> {
        let wanted = |id: &CallId| function.is_none_or(|function| id.function == *function);
        let entries = self.entries();
        let entries = entries.iter().filter(|(id, _)| wanted(id));
        Ok(entries
            .map(|(id, entry)| {
                let info = EntryInfo::new(id.clone(), entry.bytes.len() as u64);
                info.stored(entry.stored).used(entry.used)
            })
            .collect())
    }

    fn delete(&self, id: &CallId) -> Result<bool> {
        Ok(self.entries().remove(id).is_some())
    }

    fn touch(&self, id: &CallId) -> Result<bool> {
        Ok(self.use_entry(id).is_some())
    }

    /// There are no other processes.
    fn claim(&self, _id: &CallId, _wait: bool) -> Result<Claim> {
        Ok(Claim::Unsupported)
    }
}
