//! The one test binary of this crate: every file under `tests/all` is a module of it.

mod all {
    /// Small streams that stand for large ones, and lengths that are lies.
    mod bombs;
    /// What users write as `compress`, and what it resolves to.
    #[cfg(all(feature = "gzip", feature = "zlib"))]
    mod compression;
    /// The suite of the crate, for each of its formats.
    mod conformance;
    /// What single formats owe to other writers and to hostile ones.
    mod formats;
    /// Files of several parts, read by several threads.
    mod parts;
    /// Finding compressors by name, extension and magic; clashes.
    mod registry;
    /// Streams written and read by several threads.
    mod threads;
    /// A compressor that is not of this crate, from registration to reading back.
    mod toy;
}
