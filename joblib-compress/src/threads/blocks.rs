//! A writer that lets several threads compress.

use std::io::{self, Write};
use std::mem;

use super::{Ordered, Work};
use crate::Encoder;

/// A format whose streams can be put together from blocks that were compressed on their own.
pub(crate) trait Blocks {
    /// What a thread tells about a block besides its bytes.
    type Note: Default + Send + 'static;
    type Worker: Work<Item = Piece<Self::Note>, Output = Piece<Self::Note>> + 'static;

    /// Bytes compressed at a time.
    fn block_len(&self) -> usize;

    /// How many of the bytes before a block help to compress it.
    fn overlap(&self) -> usize {
        0
    }

    fn worker(&self) -> Box<dyn Fn() -> Self::Worker + Send + Sync>;

    /// What stands before the first block.
    fn header(&self) -> Vec<u8>;

    /// Sees the data of each block before it is compressed, in order.
    fn see(&mut self, _data: &[u8]) {}

    /// Sees the note on each block after it was compressed, in order.
    fn collect(&mut self, _note: Self::Note) {}

    /// What stands behind the last block.
    fn trailer(&mut self) -> Vec<u8>;
}

/// A block on its way: from the caller to a thread and back.
#[derive(Default)]
pub(crate) struct Piece<N> {
    /// What comes before, and then the block itself.
    pub(crate) input: Vec<u8>,
    /// Where the block begins.
    pub(crate) start: usize,
    pub(crate) is_last: bool,
    /// The block compressed.
    pub(crate) output: Vec<u8>,
    pub(crate) note: N,
}

impl<N> Piece<N> {
    /// The block.
    pub(crate) fn data(&self) -> &[u8] {
        &self.input[self.start..]
    }

    /// Up to [`Blocks::overlap`] bytes that come before.
    pub(crate) fn before(&self) -> &[u8] {
        &self.input[..self.start]
    }
}

/// Gathers blocks, has them compressed by threads, and writes them in order.
pub(crate) struct BlockEncoder<'w, B: Blocks> {
    blocks: B,
    sink: Box<dyn Write + 'w>,
    /// The block being gathered.
    next: Piece<B::Note>,
    queue: Ordered<B::Worker>,
    /// Memory of blocks that were written.
    free: Vec<Piece<B::Note>>,
    /// A block or a write failed: what would follow is no stream.
    failed: bool,
}

impl<'w, B: Blocks> BlockEncoder<'w, B> {
    pub(crate) fn new(
        blocks: B,
        threads: usize,
        mut sink: Box<dyn Write + 'w>,
    ) -> io::Result<Self> {
        sink.write_all(&blocks.header())?;
        let queue = Ordered::new(threads, blocks.worker());
        let next = Piece::default();
        Ok(Self { blocks, sink, next, queue, free: Vec::new(), failed: false })
    }

    /// Does `action` unless an earlier one failed.
    fn attempt(&mut self, action: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        if mem::replace(&mut self.failed, true) {
            return Err(io::Error::other("the stream was given up at an earlier error"));
        }
        action(self)?;
        self.failed = false;
        Ok(())
    }

    /// Gives the gathered block to a thread and begins the next.
    fn send(&mut self) -> io::Result<()> {
        if self.queue.is_full() {
            self.write_oldest()?;
        }
        let mut following = self.free.pop().unwrap_or_default();
        let input = &self.next.input;
        following.start = input.len().min(self.blocks.overlap());
        following.input.clear();
        following.input.extend_from_slice(&input[input.len() - following.start..]);
        self.blocks.see(self.next.data());
        self.queue.give(mem::replace(&mut self.next, following))
    }

    /// Writes the oldest block that was not written yet, when it is ready.
    fn write_oldest(&mut self) -> io::Result<()> {
        let piece = self.queue.take().expect("somebody waits")?;
        self.write(piece)
    }

    fn write(&mut self, mut piece: Piece<B::Note>) -> io::Result<()> {
        self.sink.write_all(&piece.output)?;
        self.blocks.collect(mem::take(&mut piece.note));
        self.free.push(piece);
        Ok(())
    }

    fn write_all_sent(&mut self) -> io::Result<()> {
        while self.queue.waiting() > 0 {
            self.write_oldest()?;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.next.is_last = true;
        if self.queue.waiting() > 0 {
            self.send()?;
            self.write_all_sent()?;
        } else {
            self.blocks.see(self.next.data());
            let piece = self.queue.work_here(mem::take(&mut self.next))?;
            self.write(piece)?;
        }
        let trailer = self.blocks.trailer();
        self.sink.write_all(&trailer)?;
        self.sink.flush()
    }
}

impl<B: Blocks> Write for BlockEncoder<'_, B> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let block_len = self.blocks.block_len();
        // A full block stays until more comes: the last one must know that it is.
        if self.next.data().len() == block_len && !data.is_empty() {
            self.attempt(Self::send)?;
        }
        let taken = data.len().min(block_len - self.next.data().len());
        self.next.input.extend_from_slice(&data[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(|this| {
            this.write_all_sent()?;
            this.sink.flush()
        })
    }
}

impl<B: Blocks> Encoder for BlockEncoder<'_, B> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.attempt(Self::end)
    }
}
