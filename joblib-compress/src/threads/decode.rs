//! What threads do when they decompress.

use std::io::{self, Read};

use super::Work;
use crate::{Compressor, DecodeOptions};

/// The most bytes of a decompressed part that wait in memory.
pub(crate) const MOST_OUTPUT: usize = 16 << 20;

/// A part of a file that is a stream of its own: from the caller to a thread and back.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) input: Vec<u8>,
    /// The part decompressed, if it is [`Whole`](Verdict::Whole).
    pub(crate) output: Vec<u8>,
    pub(crate) verdict: Verdict,
}

/// What a thread found a part to be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Complete, and decompressed.
    Whole,
    /// Complete, but too long to be kept: it has to be decompressed again, piece by piece.
    Long,
    /// Not what the format allows, or cut off, or cut at the wrong place.
    #[default]
    Damaged,
}

/// Decompresses parts as one thread would read files that have nothing else in them.
pub(crate) struct Decode<C> {
    pub(crate) compressor: C,
    pub(crate) options: DecodeOptions,
}

impl<C: Compressor> Decode<C> {
    fn judge(&self, part: &mut Part) -> io::Result<Verdict> {
        part.output.clear();
        let source = Box::new(&part.input[..]);
        let mut reader =
            self.compressor.decoder(source, &self.options).map_err(io::Error::other)?;
        (&mut reader).take(MOST_OUTPUT as u64).read_to_end(&mut part.output)?;
        match io::copy(&mut reader, &mut io::sink())? {
            0 => Ok(Verdict::Whole),
            _ => Ok(Verdict::Long),
        }
    }
}

impl<C: Compressor> Work for Decode<C> {
    type Item = Part;
    type Output = Part;

    /// Never fails: what is wrong with a part is told by whoever reads it again.
    fn work(&mut self, mut part: Part) -> io::Result<Part> {
        part.verdict = self.judge(&mut part).unwrap_or(Verdict::Damaged);
        Ok(part)
    }
}
