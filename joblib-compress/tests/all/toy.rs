use std::io::{self, BufRead, Cursor, Read, Write};
use std::path::Path;

use joblib_compress::{
    Compression, Compressor, DecodeOptions, EncodeOptions, Encoder, Error, Levels, Registry,
    Result, register_compressor,
};

/// Writes a frame of a length byte and up to 255 bytes, each turned by the level; length 0 ends.
#[derive(Debug)]
struct Toy;

const MAGIC: &[u8] = b"toy!";

impl Compressor for Toy {
    fn name(&self) -> &str {
        "toy"
    }
    fn extensions(&self) -> &[&str] {
        &["toy"]
    }
    fn magic(&self) -> &[&[u8]] {
        &[MAGIC]
    }
    fn levels(&self) -> Levels {
        Levels { min: 1, max: 3, default: 2 }
    }
    fn encoder<'w>(
        &self,
        mut sink: Box<dyn Write + 'w>,
        options: &EncodeOptions,
    ) -> Result<Box<dyn Encoder + 'w>> {
        let level = self.levels().check(self.name(), options.level)?;
        let turn = u8::try_from(level).expect("1 to 3");
        sink.write_all(MAGIC).and_then(|()| sink.write_all(&[turn])).map_err(|source| {
            Error::Io { action: "writing", name: self.name().to_owned(), source }
        })?;
        Ok(Box::new(ToyEncoder { sink, turn }))
    }
    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        let decoder = ToyDecoder { source, output: None, damaged: false };
        Ok(options.limit(self.name(), Box::new(decoder)))
    }
}

struct ToyEncoder<'w> {
    sink: Box<dyn Write + 'w>,
    turn: u8,
}

impl Write for ToyEncoder<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let data = &data[..data.len().min(255)];
        let Some(len) = u8::try_from(data.len()).ok().filter(|len| *len > 0) else {
            return Ok(0);
        };
        let turned: Vec<u8> = data.iter().map(|byte| byte.wrapping_add(self.turn)).collect();
        self.sink.write_all(&[len])?;
        self.sink.write_all(&turned)?;
        Ok(data.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl Encoder for ToyEncoder<'_> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.sink.write_all(&[0])?;
        self.sink.flush()
    }
}

/// Reads everything at the first call.
struct ToyDecoder<'r> {
    source: Box<dyn BufRead + 'r>,
    output: Option<Cursor<Vec<u8>>>,
    damaged: bool,
}

impl ToyDecoder<'_> {
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut output = Vec::new();
        loop {
            let mut head = [0; 5];
            self.source.read_exact(&mut head)?;
            self.damaged = head[..4] != *MAGIC;
            if self.damaged {
                return Ok(output);
            }
            self.read_stream(head[4], &mut output)?;
            if self.source.fill_buf()?.is_empty() {
                return Ok(output);
            }
        }
    }

    fn read_stream(&mut self, turn: u8, output: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let mut len = [0];
            self.source.read_exact(&mut len)?;
            if len == [0] {
                return Ok(());
            }
            let mut data = vec![0; len[0].into()];
            self.source.read_exact(&mut data)?;
            output.extend(data.iter().map(|byte| byte.wrapping_sub(turn)));
        }
    }
}

impl Read for ToyDecoder<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if self.output.is_none() {
            self.output = Some(Cursor::new(self.read_all()?));
        }
        if self.damaged {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "damaged toy stream"));
        }
        self.output.as_mut().expect("just read").read(output)
    }
}

joblib_compress::compressor_conformance!(suite, super::Toy);

#[test]
fn once_registered_it_serves_the_whole_process() {
    register_compressor(Toy).unwrap();
    let twice = register_compressor(Toy).unwrap_err().to_string();
    assert_eq!(twice, "compressor `toy` clashes with `toy`: both have the name");

    let registry = Registry::global();
    let path = Path::new("model.jbl.toy");
    for wish in [Compression::default(), true.into(), 2.into(), "toy".into(), "toy:2".into()] {
        let (compressor, options) = wish.resolve(&registry, Some(path)).unwrap().unwrap();
        assert_eq!((compressor.name(), options.level), ("toy", 2));

        let mut file = Vec::new();
        let mut encoder = compressor.encoder(Box::new(&mut file), &options).unwrap();
        encoder.write_all(b"a value").unwrap();
        encoder.finish().unwrap();
        assert!(file.starts_with(MAGIC));

        let found = registry.decoder_for(Box::new(&file[..]), &DecodeOptions::new()).unwrap();
        assert_eq!(found.compressor.unwrap().name(), "toy");
        assert_eq!(io::read_to_string(found.reader).unwrap(), "a value");
    }
}
