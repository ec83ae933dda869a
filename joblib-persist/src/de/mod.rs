//! From the items of FORMAT.md to serde. One core for files and messages: they differ in the
//! [`Source`] the items come from.

mod arrays;
mod compound;
mod decoder;
mod describe;
mod enums;
mod parts;
mod skip;
mod source;
mod special;
mod structs;
mod value;

pub(crate) use decoder::Decoder;
pub(crate) use describe::Listing;
pub(crate) use source::{Blocks, Source};
