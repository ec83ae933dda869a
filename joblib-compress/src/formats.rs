//! The formats of this crate, one file and one feature each.

#[cfg(feature = "bz2")]
mod bz2;
#[cfg(any(feature = "gzip", feature = "zlib"))]
mod deflate;
#[cfg(feature = "gzip")]
mod gzip;
#[allow(dead_code, reason = "each format uses its entry; formats can be off")]
mod known;
#[cfg(any(feature = "lzma", feature = "xz"))]
mod liblzma;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "lzma")]
mod lzma;
#[cfg(any(feature = "lz4", feature = "zstd"))]
mod skippable;
#[cfg(feature = "xz")]
mod xz;
#[cfg(feature = "zlib")]
mod zlib;
#[cfg(feature = "zstd")]
mod zstd;

use std::sync::Arc;

use crate::Compressor;

#[cfg(feature = "bz2")]
pub use bz2::Bz2;
#[cfg(feature = "gzip")]
pub use gzip::Gzip;
pub(crate) use known::{ALL, Known};
#[cfg(feature = "lz4")]
pub use lz4::Lz4;
#[cfg(feature = "lzma")]
pub use lzma::Lzma;
#[cfg(feature = "xz")]
pub use xz::Xz;
#[cfg(feature = "zlib")]
pub use zlib::Zlib;
#[cfg(feature = "zstd")]
pub use zstd::Zstd;

/// Every format that is part of this build.
pub(crate) fn built_in() -> Vec<Arc<dyn Compressor>> {
    vec![
        #[cfg(feature = "bz2")]
        Arc::new(Bz2),
        #[cfg(feature = "gzip")]
        Arc::new(Gzip),
        #[cfg(feature = "lz4")]
        Arc::new(Lz4),
        #[cfg(feature = "lzma")]
        Arc::new(Lzma),
        #[cfg(feature = "xz")]
        Arc::new(Xz),
        #[cfg(feature = "zlib")]
        Arc::new(Zlib),
        #[cfg(feature = "zstd")]
        Arc::new(Zstd),
    ]
}
