//! How much a store may hold, and what has to go when it holds more.

use std::time::{Duration, SystemTime};

use crate::EntryInfo;

/// How much may stay in a store. What was not used for the longest time goes first.
///
/// ```
/// use joblib_memory::Limits;
/// use std::time::Duration;
///
/// let limits = Limits::new().bytes(10 << 30).items(100_000).age(Duration::from_secs(30 * 86400));
/// # let folder = tempfile::tempdir()?;
/// # let memory = joblib_memory::Memory::new(folder.path());
/// let evicted = memory.reduce_size(&limits)?;
/// assert_eq!((evicted.items, evicted.bytes), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub(crate) bytes: Option<u64>,
    pub(crate) items: Option<u64>,
    pub(crate) age: Option<Duration>,
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evicted {
    /// Results.
    pub items: u64,
    /// Their bytes together.
    pub bytes: u64,
}

impl Limits {
    /// No limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most this many bytes of results, metadata included; blocks of the file system are not
    /// counted.
    #[must_use]
    pub fn bytes(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    /// At most this many results.
    #[must_use]
    pub fn items(self, items: u64) -> Self {
        Self { items: Some(items), ..self }
    }

    /// Only results that were used within this time.
    #[must_use]
    pub fn age(self, age: Duration) -> Self {
        Self { age: Some(age), ..self }
    }

    /// Whether nothing is limited.
    pub(crate) fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// Whether so much is too much, whatever its age.
    pub(crate) fn are_exceeded_by(&self, held: Evicted) -> bool {
        self.bytes.is_some_and(|limit| held.bytes > limit)
            || self.items.is_some_and(|limit| held.items > limit)
    }

    /// A tenth less, so that the next result does not exceed them again.
    pub(crate) fn with_room(self) -> Self {
        let less = |limit: u64| limit - limit / 10;
        Self { bytes: self.bytes.map(less), items: self.items.map(less), age: self.age }
    }

    /// The entries that have to go, those first that were not used for the longest time.
    pub(crate) fn surplus(
        &self,
        mut entries: Vec<EntryInfo>,
        now: Option<SystemTime>,
    ) -> Vec<EntryInfo> {
        let mut held = Evicted::of(&entries);
        entries.sort_by_key(|entry| entry.used);
        let too_old = |entry: &EntryInfo| {
            let idle = now.zip(entry.used).and_then(|(now, used)| now.duration_since(used).ok());
            self.age.zip(idle).is_some_and(|(limit, idle)| idle > limit)
        };
        let stay = entries.iter().position(|entry| {
            let goes = self.are_exceeded_by(held) || too_old(entry);
            if goes {
                held.items -= 1;
                held.bytes -= entry.bytes;
            }
            !goes
        });
        entries.truncate(stay.unwrap_or(entries.len()));
        entries
    }
}

impl Evicted {
    pub(crate) fn of<'e>(entries: impl IntoIterator<Item = &'e EntryInfo>) -> Self {
        entries.into_iter().fold(Self::default(), Self::and)
    }

    pub(crate) fn and(self, entry: &EntryInfo) -> Self {
        Self { items: self.items + 1, bytes: self.bytes + entry.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallId, Digest, Function};
    use proptest::prelude::*;

    fn entry(number: u128, bytes: u64, used: u64) -> EntryInfo {
        let [code, arguments] = [0, number].map(Digest::from_u128);
        let id = CallId { function: Function::new("f"), code, arguments };
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs(used);
        EntryInfo::new(id, bytes).used(Some(used))
    }

    proptest! {
        #[test]
        fn no_more_goes_than_must_and_the_oldest_first(
            sizes in prop::collection::vec((0..100_u64, 0..1000_u64), 0..50),
            bytes in prop::option::of(0..3000_u64),
            items in prop::option::of(0..60_u64),
            age in prop::option::of(0..1000_u64),
        ) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
            let entries: Vec<EntryInfo> = sizes.iter().enumerate()
                .map(|(number, (bytes, used))| entry(number as u128, *bytes, *used)).collect();
            let limits = Limits { bytes, items, age: age.map(Duration::from_secs) };
            let gone = limits.surplus(entries.clone(), Some(now));
            let stays: Vec<_> = entries.iter().filter(|entry| !gone.contains(entry)).collect();
            let allowed = |entries: &[&EntryInfo]| {
                let held = Evicted::of(entries.iter().copied());
                let old = |entry: &&EntryInfo| age.is_some_and(|age| {
                    now.duration_since(entry.used.unwrap()).unwrap().as_secs() > age
                });
                !limits.are_exceeded_by(held) && !entries.iter().any(old)
            };
            prop_assert!(allowed(&stays));
            if let Some(last) = gone.last() {
                let mut one_more = stays.clone();
                one_more.push(last);
                prop_assert!(!allowed(&one_more), "{last:?} could have stayed");
                prop_assert!(stays.iter().all(|entry| entry.used >= last.used));
            }
        }
    }

    #[test]
    fn what_was_never_used_goes_first() {
        let never = EntryInfo { used: None, ..entry(1, 1, 0) };
        let gone = Limits::new().items(1).surplus(vec![entry(2, 1, 5), never.clone()], None);
        assert_eq!(gone, [never]);
    }
}
