//! Any value with its arrays in one fast file.

#![deny(unsafe_code)]

pub mod array;
