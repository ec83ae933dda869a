//! What is in a store, for people and programs that look after it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::keeper;
use crate::{CallId, Digest, EntryInfo, Error, Evicted, Function, Limits, Memory, Metadata};
use crate::{Result, Stats, entry};

/// What a store holds.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct StoreStats {
    /// Number of results.
    pub items: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// The same for each function with results, by path.
    pub functions: Vec<FunctionStats>,
    /// Hits and misses of all functions, also of those whose results are gone: by all processes, as
    /// far as they have ended or a second has passed since, if the store is a folder; otherwise by
    /// this memory.
    pub calls: Stats,
}

/// What a store holds of one function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FunctionStats {
    /// The function.
    pub function: Function,
    /// The versions of its code that have results.
    pub versions: Vec<Digest>,
    /// Number of results.
    pub items: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// The last use of any of them.
    pub used: Option<SystemTime>,
    /// Its hits and misses.
    pub calls: Stats,
}

/// What [`Memory::verify`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Verified {
    /// How many results are whole.
    pub whole: u64,
    /// Those that are not, and why.
    pub damaged: Vec<(CallId, Error)>,
}

impl Memory {
    /// All results in the store, in no particular order; nothing if the memory is disabled.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed.
    pub fn entries(&self) -> Result<Vec<EntryInfo>> {
        self.store().map_or(Ok(Vec::new()), |store| store.list(None))
    }

    /// The results of `function`, whatever its code was.
    ///
    /// # Errors
    ///
    /// As [`entries`](Self::entries).
    pub fn entries_of(&self, function: &Function) -> Result<Vec<EntryInfo>> {
        self.store().map_or(Ok(Vec::new()), |store| store.list(Some(function)))
    }

    /// What was noted when a result was stored; nothing if it is not there. Not a use of it.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if it cannot be read, and what the store reports.
    pub fn metadata(&self, id: &CallId) -> Result<Option<Metadata>> {
        let Some(store) = self.store() else { return Ok(None) };
        store.peek(id)?.map(|stored| entry::read_metadata(stored, id)).transpose()
    }

    /// Forgets one result; says whether it was there.
    ///
    /// # Errors
    ///
    /// If it cannot be deleted.
    pub fn forget(&self, id: &CallId) -> Result<bool> {
        self.store().map_or(Ok(false), |store| store.delete(id))
    }

    /// How much the store holds, by function, and how often results were found.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed.
    pub fn stat(&self) -> Result<StoreStats> {
        let mut functions: BTreeMap<String, FunctionStats> = BTreeMap::new();
        for entry in self.entries()? {
            let path = entry.id.function.path();
            if let Some(function) = functions.get_mut(path) {
                function.add(&entry);
            } else {
                functions.insert(path.to_owned(), FunctionStats::of(&entry));
            }
        }
        let counts = self.inner().map(|inner| inner.counters.of_all()).unwrap_or_default();
        let calls = counts.values().copied().fold(Stats::default(), Stats::and);
        for (function, calls) in counts {
            if let Some(stats) = functions.get_mut(function.path()) {
                stats.calls = calls;
            }
        }
        let functions: Vec<FunctionStats> = functions.into_values().collect();
        Ok(StoreStats {
            items: functions.iter().map(|function| function.items).sum(),
            bytes: functions.iter().map(|function| function.bytes).sum(),
            functions,
            calls,
        })
    }

    /// Reads every result and compares it with its checksums. Deletes nothing: a damaged result
    /// is computed again when it is wanted, or [forgotten](Self::forget).
    ///
    /// # Errors
    ///
    /// If the store cannot be listed. A result that cannot be read counts as damaged.
    pub fn verify(&self) -> Result<Verified> {
        let mut verified = Verified::default();
        let Some(store) = self.store() else { return Ok(verified) };
        for EntryInfo { id, .. } in store.list(None)? {
            match store
                .peek(&id)
                .and_then(|found| found.map(|stored| entry::verify(stored, &id)).transpose())
            {
                Ok(Some(())) => verified.whole += 1,
                // Deleted since.
                Ok(None) => {}
                Err(error) => verified.damaged.push((id, error)),
            }
        }
        Ok(verified)
    }

    /// Deletes what was not used for the longest time, until the store is within `limits`.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed or a result cannot be deleted; the others are.
    pub fn reduce_size(&self, limits: &Limits) -> Result<Evicted> {
        let Some(store) = self.store() else { return Ok(Evicted::default()) };
        keeper::reduce(store, self.location(), limits, *limits).map(|(gone, _)| gone)
    }

    /// Forgets what code that has changed since has left behind: of each function, only the results
    /// of the code stay that was used last.
    ///
    /// Of a function that programs of two versions share, one loses its results. `f::clear_stale()`
    /// and [`CachedFn::clear_stale`](crate::CachedFn::clear_stale) know which code is the current
    /// one.
    ///
    /// # Errors
    ///
    /// As [`reduce_size`](Self::reduce_size).
    pub fn clear_stale(&self) -> Result<Evicted> {
        let entries = self.entries()?;
        let mut current: BTreeMap<&str, &EntryInfo> = BTreeMap::new();
        for entry in &entries {
            let last = current.entry(entry.id.function.path()).or_insert(entry);
            if entry.used > last.used {
                *last = entry;
            }
        }
        let is_stale = |e: &&EntryInfo| current[e.id.function.path()].id.code != e.id.code;
        self.forget_all(entries.iter().filter(is_stale))
    }

    /// Forgets the results of `function` that were not made by `code`.
    ///
    /// # Errors
    ///
    /// As [`reduce_size`](Self::reduce_size).
    pub fn clear_stale_of(&self, function: &Function, code: Digest) -> Result<Evicted> {
        let entries = self.entries_of(function)?;
        self.forget_all(entries.iter().filter(|entry| entry.id.code != code))
    }

    /// Deletes what it can.
    pub(crate) fn forget_all<'e>(
        &self,
        entries: impl IntoIterator<Item = &'e EntryInfo>,
    ) -> Result<Evicted> {
        let (mut gone, mut outcome) = (Evicted::default(), Ok(()));
        for entry in entries {
            match self.forget(&entry.id) {
                Ok(true) => gone = gone.and(entry),
                Ok(false) => {}
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome.map(|()| gone)
    }
}

impl FunctionStats {
    fn of(entry: &EntryInfo) -> Self {
        let function = entry.id.function.clone();
        let (versions, calls) = (Vec::new(), Stats::default());
        let mut stats = Self { function, versions, items: 0, bytes: 0, used: None, calls };
        stats.add(entry);
        stats
    }

    fn add(&mut self, entry: &EntryInfo) {
        if !self.versions.contains(&entry.id.code) {
            self.versions.push(entry.id.code);
        }
        self.items += 1;
        self.bytes += entry.bytes;
        self.used = self.used.max(entry.used);
    }
}
