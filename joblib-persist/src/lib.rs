//! Any value with its arrays in one fast file.
