//! Never compute twice: results cached on disk by arguments and by the code that made them.
//!
//! ```
//! use joblib_memory::{Memory, cache};
//! use std::sync::LazyLock;
//!
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(&folder)?;
//! static MEMORY: LazyLock<Memory> = LazyLock::new(|| Memory::new("cache"));
//!
//! #[cache(MEMORY)]
//! fn primes(below: u64) -> Vec<u64> {
//!     (2..below).filter(|n| (2..*n).all(|d| n % d != 0)).collect()
//! }
//!
//! assert_eq!(primes(20).len(), 8); // Computed, and stored.
//! assert_eq!(primes(20).len(), 8); // Found: in this run and in every later one,
//! assert!(primes::is_cached(20)); //  until the code of the function changes.
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Scope
//!
//! A result is found again if the function's path, its code and its arguments are the same. The
//! code is what stands in the function, and in those it `depends` on; what else it calls, the
//! versions of libraries and global state do not count. Arguments count by their content, which
//! serde shows: two values that serialize alike are alike.
//!
//! A cached function never fails because of the cache: it warns (through [`log`]) and computes.
//! It should be one whose result depends on its arguments alone, and which is worth the
//! microseconds that hashing, reading and decoding take.
//!
//! Entries stay until they are deleted, unless [`MemoryBuilder::limits`] says how much may stay. Who
//! can write to the folder decides what the functions return: share it with people you trust.
//!
//! # Features
//!
//! `mmap` (on by default): results that are mapped instead of read. Compressors are features of
//! [`joblib_persist`]. `cloud`: stores in S3, Google Cloud Storage, Azure and on WebDAV servers, by
//! URL. `blake3`: keys that nobody can forge. `conformance`: the test-suite
//! every [`Store`] must pass; it is not covered by semver.

#![deny(unsafe_code)]

// The expansion of the attributes names this crate, also in its own tests.
extern crate self as joblib_memory;

mod algorithm;
mod at_exit;
mod builder;
mod cached;
mod call_id;
mod checkpoint;
mod clock;
mod counters;
mod digest;
mod entry;
mod error;
mod evictions;
mod explain;
mod flights;
mod function;
mod hash;
mod inspect;
mod keeper;
mod layout;
mod limits;
mod lookup;
mod memory;
mod metadata;
mod notes;
mod options;
mod outcome;
mod record;
mod render;
mod report;
mod shelved;
mod sketch;
mod store;
mod tally;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use algorithm::Algorithm;
pub use builder::MemoryBuilder;
pub use cached::CachedFn;
pub use call_id::CallId;
pub use checkpoint::Checkpoint;
pub use counters::Stats;
pub use digest::{Digest, ParseDigestError};
pub use error::{Error, Result};
pub use explain::{Difference, Explanation, Reason};
pub use function::Function;
pub use hash::{hash, hash_with};
pub use inspect::{FunctionStats, StoreStats, Verified};
pub use joblib_memory_macros::{cache, code};
pub use limits::{Evicted, Limits};
pub use memory::Memory;
pub use metadata::Metadata;
pub use outcome::{Outcome, Whole};
pub use shelved::Shelved;
#[cfg(feature = "cloud")]
pub use store::CloudStore;
pub use store::{
    Claim, EntryInfo, FolderStore, HeldClaim, InMemoryStore, Store, StoreFactory, Stored,
    StoredStream, WriteEntry, open_store, register_store,
};

/// What the attributes expand to. Not covered by semver.
#[doc(hidden)]
pub mod __private {
    pub use crate::hash::Arguments;
    pub use crate::lookup::{Asked, Found, Pending};
    pub use crate::notes::Notes;
    pub use crate::options::Options;
    pub use crate::outcome::{NotAResult, Outcome, Returned, Whole, WrittenAsResult};

    use crate::Digest;

    /// The digest of code and of the code it depends on.
    #[must_use]
    pub const fn combine(own: Digest, depends: &[Digest]) -> Digest {
        Digest::combine(own, depends)
    }
}
