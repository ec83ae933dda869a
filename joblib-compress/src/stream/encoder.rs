//! A writer that compresses.

use std::io::{self, BufWriter, Write};

use super::Step;
use crate::Encoder;

/// Bytes collected before the codec, and again before the sink, is called.
const BUFFER: usize = 64 << 10;

/// Compresses what is written to it with a [`Step`] codec.
///
/// Small writes are gathered first, large ones reach the codec without a copy.
pub(crate) struct StepEncoder<'w, C: Step>(BufWriter<Unbuffered<'w, C>>);

impl<'w, C: Step> StepEncoder<'w, C> {
    pub(crate) fn new(codec: C, sink: Box<dyn Write + 'w>) -> Self {
        let output = vec![0; BUFFER].into_boxed_slice();
        Self(BufWriter::with_capacity(BUFFER, Unbuffered { codec, sink, output, filled: 0 }))
    }
}

impl<C: Step> Write for StepEncoder<'_, C> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<C: Step> Encoder for StepEncoder<'_, C> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.0.into_inner().map_err(io::IntoInnerError::into_error)?.finish()
    }
}

/// The codec, the sink, and the compressed bytes between them.
struct Unbuffered<'w, C> {
    codec: C,
    sink: Box<dyn Write + 'w>,
    output: Box<[u8]>,
    filled: usize,
}

impl<C: Step> Unbuffered<'_, C> {
    /// One step with room in the output; returns the input used and whether the stream is done.
    fn step(&mut self, data: &[u8], last: bool) -> io::Result<(usize, bool)> {
        if self.filled == self.output.len() {
            self.drain()?;
        }
        let progress = self.codec.step(data, &mut self.output[self.filled..], last)?;
        self.filled += progress.written;
        if progress.read == 0 && progress.written == 0 && !progress.done {
            return Err(io::Error::other("the codec neither took input nor gave output"));
        }
        Ok((progress.read, progress.done))
    }

    fn drain(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.output[..self.filled])?;
        self.filled = 0;
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        while !self.step(&[], true)?.1 {}
        self.flush()
    }
}

impl<C: Step> Write for Unbuffered<'_, C> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        loop {
            // A step may only put out; 0 would tell the caller that the sink is full.
            match self.step(data, false)?.0 {
                0 => {}
                taken => return Ok(taken),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        self.sink.flush()
    }
}
