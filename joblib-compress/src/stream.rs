//! Turns an incremental codec into a writer or a reader, so that buffering, truncation, trailing
//! data and concatenated streams are decided once and alike for every format.

mod decoder;
mod encoder;
mod limited;

use std::io;

pub(crate) use decoder::{StepDecoder, corrupt, cut};
pub(crate) use encoder::StepEncoder;
pub(crate) use limited::LimitedReader;

/// A codec that takes some input and gives some output at a time.
pub(crate) trait Step {
    /// Works until `input` is used up or `output` is full, or less.
    ///
    /// `last` says that nothing follows `input`: a compressor then ends its stream.
    fn step(&mut self, input: &[u8], output: &mut [u8], last: bool) -> io::Result<Progress>;
}

/// What one step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Progress {
    /// Bytes of the input that were used.
    pub(crate) read: usize,
    /// Bytes of the output that were filled.
    pub(crate) written: usize,
    /// The stream is complete, and all of it has been put out.
    pub(crate) done: bool,
}

impl Progress {
    /// Progress from a codec's running totals before and after a step.
    pub(crate) fn between(before: (u64, u64), after: (u64, u64), done: bool) -> Self {
        let count = |now: u64, then: u64| usize::try_from(now - then).unwrap_or(usize::MAX);
        Self { read: count(after.0, before.0), written: count(after.1, before.1), done }
    }
}
