//! Parallel loops, results never computed twice, and any value with its arrays in one fast file.
