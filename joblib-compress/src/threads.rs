//! Streams worked on by several threads: cut into blocks, joined in order.
//!
//! Sources and sinks stay on the caller's thread, which need not own them. At most
//! [`AHEAD`](ordered::AHEAD) blocks per thread are in memory at a time.

mod blocks;
mod decode;
mod ordered;
mod parts;

pub(crate) use blocks::{BlockEncoder, Blocks, Piece};
pub(crate) use decode::{Decode, Part, Verdict};
pub(crate) use ordered::{MOST_THREADS, Ordered, Work};
pub(crate) use parts::{Length, PartsReader};
