//! How results of a function are kept: said for a whole memory, and differently for one function.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use joblib_persist::{Compression, MmapMode};

use crate::Metadata;

/// How results are stored, read and judged. Made by [`MemoryBuilder`](crate::MemoryBuilder) for all
/// functions of a memory; [`CachedFn`](crate::CachedFn) and the attribute change it for one.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub(crate) compression: Compression,
    pub(crate) mmap_mode: Option<MmapMode>,
    pub(crate) verbose: u8,
    pub(crate) expires_after: Option<Duration>,
    pub(crate) validate: Option<Validate>,
}

/// Says whether a stored result may still be used.
#[derive(Clone)]
pub(crate) struct Validate(Arc<dyn Fn(&Metadata) -> bool + Send + Sync>);

/// Why a stored result is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is older than `expires_after`.
    Expired,
    /// `validate` said no.
    Refused,
}

impl Options {
    /// See [`MemoryBuilder::compress`](crate::MemoryBuilder::compress).
    #[must_use]
    pub fn compress(self, compression: impl Into<Compression>) -> Self {
        Self { compression: compression.into(), ..self }
    }

    /// See [`MemoryBuilder::mmap_mode`](crate::MemoryBuilder::mmap_mode).
    #[must_use]
    pub fn mmap_mode(self, mode: impl Into<Option<MmapMode>>) -> Self {
        // What is stored never changes.
        let kept = |mode| if mode == MmapMode::ReadWrite { MmapMode::Copy } else { mode };
        Self { mmap_mode: mode.into().map(kept), ..self }
    }

    /// See [`MemoryBuilder::verbose`](crate::MemoryBuilder::verbose).
    #[must_use]
    pub fn verbose(self, level: u8) -> Self {
        Self { verbose: level, ..self }
    }

    /// See [`MemoryBuilder::expires_after`](crate::MemoryBuilder::expires_after).
    #[must_use]
    pub fn expires_after(self, age: impl Into<Option<Duration>>) -> Self {
        Self { expires_after: age.into(), ..self }
    }

    /// See [`MemoryBuilder::validate`](crate::MemoryBuilder::validate).
    #[must_use]
    pub fn validate(self, accept: impl Fn(&Metadata) -> bool + Send + Sync + 'static) -> Self {
        Self { validate: Some(Validate(Arc::new(accept))), ..self }
    }

    /// Whether a result has to be judged before it is used.
    pub(crate) fn judges(&self) -> bool {
        self.expires_after.is_some() || self.validate.is_some()
    }

    /// Whether a result with this metadata may not be used at the time `now`.
    pub(crate) fn refusal(&self, metadata: &Metadata, now: Option<SystemTime>) -> Option<Refusal> {
        let age = now.and_then(|now| age(metadata, now));
        if self.expires_after.is_some_and(|limit| age.is_some_and(|age| age >= limit)) {
            return Some(Refusal::Expired);
        }
        let accepted = self.validate.as_ref().is_none_or(|Validate(accept)| accept(metadata));
        (!accepted).then_some(Refusal::Refused)
    }
}

/// How long ago the result was stored; zero for one from the future.
pub(crate) fn age(metadata: &Metadata, now: SystemTime) -> Option<Duration> {
    let stored = UNIX_EPOCH.checked_add(Duration::from_secs(metadata.stored))?;
    Some(now.duration_since(stored).unwrap_or_default())
}

impl fmt::Debug for Validate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validate")
    }
}
