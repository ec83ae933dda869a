//! Compressors found by name when writing and by magic bytes when reading.
