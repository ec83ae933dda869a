//! A compressor of one's own: LZO, registered beside the built-in formats.
//!
//! LZO compresses what is in memory and has neither magic nor ends, so the stream is made here:
//! a magic, then blocks, each with the length and the CRC-32 of its compressed bytes, then a block of
//! length 0. Run it with `cargo run -p joblib-compress --example lzo`; `cargo test` runs the
//! suite every compressor must pass.

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::panic::catch_unwind;
use std::path::Path;

use flate2::Crc;
use joblib_compress::{
    Compression, Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Registry, Result,
    register_compressor,
};

/// Bytes compressed at a time: what a stream costs in memory, twice.
const BLOCK: usize = 64 << 10;

/// The longest that a compressed block may claim to be.
const LONGEST: usize = BLOCK + BLOCK / 16 + 64;

const MAGIC: &[u8] = b"LZOblocks";

#[derive(Debug)]
struct Lzo;

impl Compressor for Lzo {
    fn name(&self) -> &str {
        "lzo"
    }

    fn extensions(&self) -> &[&str] {
        &["lzo"]
    }

    fn magic(&self) -> &[&[u8]] {
        &[MAGIC]
    }

    fn levels(&self) -> Levels {
        Levels { min: 1, max: 1, default: 1 }
    }

    fn encoder<'w>(
        &self,
        mut sink: Box<dyn Write + 'w>,
        options: &EncodeOptions,
    ) -> Result<Box<dyn Encoder + 'w>> {
        self.levels().check(self.name(), options.level)?;
        sink.write_all(MAGIC).map_err(|source| joblib_compress::Error::Io {
            action: "writing",
            name: self.name().to_owned(),
            source,
        })?;
        Ok(Box::new(LzoEncoder { sink, block: Vec::with_capacity(BLOCK) }))
    }

    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        let decoder =
            LzoDecoder { source, state: State::Between, first: true, block: Vec::new(), at: 0 };
        Ok(options.limit(self.name(), Box::new(decoder)))
    }
}

struct LzoEncoder<'w> {
    sink: Box<dyn Write + 'w>,
    block: Vec<u8>,
}

impl LzoEncoder<'_> {
    fn write_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let bytes = lzokay_native::compress(&self.block).map_err(io::Error::other)?;
        self.block.clear();
        let len = u32::try_from(bytes.len()).expect("hardly longer than a block");
        self.sink.write_all(&len.to_le_bytes())?;
        self.sink.write_all(&checksum(&bytes).to_le_bytes())?;
        self.sink.write_all(&bytes)
    }
}

impl Write for LzoEncoder<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK {
            self.write_block()?;
        }
        let taken = data.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&data[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl Encoder for LzoEncoder<'_> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_block()?;
        self.sink.write_all(&0_u32.to_le_bytes())?;
        self.sink.flush()
    }
}

struct LzoDecoder<'r> {
    source: Box<dyn BufRead + 'r>,
    state: State,
    /// No stream was read yet: the source may not end here.
    first: bool,
    block: Vec<u8>,
    /// How much of the block was given.
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Between,
    Inside,
    Failed,
}

impl LzoDecoder<'_> {
    /// Makes the next block ready; false at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        if self.state == State::Between {
            if !self.first && self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            self.first = false;
            let mut magic = [0; MAGIC.len()];
            self.source.read_exact(&mut magic)?;
            if magic != MAGIC {
                return Err(damaged("no lzo stream begins here"));
            }
            self.state = State::Inside;
        }
        match self.read_number()? {
            0 => self.state = State::Between,
            len if len as usize > LONGEST => return Err(damaged("a block is too long")),
            len => self.read_block(len as usize)?,
        }
        Ok(true)
    }

    fn read_block(&mut self, len: usize) -> io::Result<()> {
        let expected = self.read_number()?;
        let mut bytes = vec![0; len];
        self.source.read_exact(&mut bytes)?;
        if checksum(&bytes) != expected {
            return Err(damaged("a checksum does not match"));
        }
        // What somebody forged with a good checksum can make the crate panic.
        let block = catch_unwind(|| lzokay_native::decompress_all(&bytes, None));
        let block = block.map_err(|_| damaged("a block is no lzo"))?;
        self.block = block.map_err(|cause| damaged(&cause.to_string()))?;
        self.at = 0;
        Ok(())
    }

    fn read_number(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.source.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

impl Read for LzoDecoder<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        while !output.is_empty() && self.at == self.block.len() {
            if self.state == State::Failed {
                return Err(damaged("it was given up before"));
            }
            match self.next_block() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    self.state = State::Failed;
                    return Err(error);
                }
            }
        }
        let given = output.len().min(self.block.len() - self.at);
        output[..given].copy_from_slice(&self.block[self.at..self.at + given]);
        self.at += given;
        Ok(given)
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut checksum = Crc::new();
    checksum.update(bytes);
    checksum.sum()
}

fn damaged(cause: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged lzo stream: {cause}"))
}

fn main() -> Result<(), Box<dyn Error>> {
    register_compressor(Lzo)?;

    // From now on the extension is enough to write, and the first bytes to read.
    let registry = Registry::global();
    let path = Path::new("model.jbl.lzo");
    let chosen = Compression::default().resolve(&registry, Some(path))?;
    let (compressor, options) = chosen.ok_or("the extension asks for nothing")?;

    let text = "compressed by a format that the crate does not know; ".repeat(1_000);
    let mut file = Vec::new();
    let mut encoder = compressor.encoder(Box::new(&mut file), &options)?;
    encoder.write_all(text.as_bytes())?;
    encoder.finish()?;

    let found = registry.decoder_for(Box::new(&file[..]), &DecodeOptions::new())?;
    assert_eq!(io::read_to_string(found.reader)?, text);
    let line = format!("{} bytes became {} with {}", text.len(), file.len(), compressor.name());
    writeln!(io::stdout(), "{line}")?;
    Ok(())
}

#[cfg(test)]
joblib_compress::compressor_conformance!(suite, crate::Lzo);

#[test]
fn the_example_runs() {
    main().unwrap();
}
