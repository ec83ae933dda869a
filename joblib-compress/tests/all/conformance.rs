#[cfg(feature = "bz2")]
joblib_compress::compressor_conformance!(bz2, joblib_compress::Bz2);
#[cfg(feature = "gzip")]
joblib_compress::compressor_conformance!(gzip, joblib_compress::Gzip);
#[cfg(feature = "lz4")]
joblib_compress::compressor_conformance!(lz4, joblib_compress::Lz4);
#[cfg(feature = "lzma")]
joblib_compress::compressor_conformance!(lzma, joblib_compress::Lzma);
#[cfg(feature = "xz")]
joblib_compress::compressor_conformance!(xz, joblib_compress::Xz);
#[cfg(feature = "zlib")]
joblib_compress::compressor_conformance!(zlib, joblib_compress::Zlib);
#[cfg(feature = "zstd")]
joblib_compress::compressor_conformance!(zstd, joblib_compress::Zstd);
