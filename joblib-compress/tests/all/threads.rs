use std::cell::Cell;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use joblib_compress::conformance::{decode, sample};
use joblib_compress::{
    Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Registry, Result,
};

/// A compressor that works with three threads whatever is asked for.
#[derive(Debug)]
#[allow(dead_code, reason = "each format has a suite; formats can be off")]
struct WithThreads<C>(C);

impl<C: Compressor> Compressor for WithThreads<C> {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn extensions(&self) -> &[&str] {
        self.0.extensions()
    }
    fn magic(&self) -> &[&[u8]] {
        self.0.magic()
    }
    fn levels(&self) -> Levels {
        self.0.levels()
    }
    fn encoder<'w>(
        &self,
        sink: Box<dyn Write + 'w>,
        options: &EncodeOptions,
    ) -> Result<Box<dyn Encoder + 'w>> {
        self.0.encoder(sink, &options.threads(3))
    }
    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        options: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        self.0.decoder(source, &options.threads(3))
    }
}

#[cfg(feature = "bz2")]
joblib_compress::compressor_conformance!(bz2, super::WithThreads(joblib_compress::Bz2));
#[cfg(feature = "gzip")]
joblib_compress::compressor_conformance!(gzip, super::WithThreads(joblib_compress::Gzip));
#[cfg(feature = "lz4")]
joblib_compress::compressor_conformance!(lz4, super::WithThreads(joblib_compress::Lz4));
#[cfg(feature = "xz")]
joblib_compress::compressor_conformance!(xz, super::WithThreads(joblib_compress::Xz));
#[cfg(feature = "zlib")]
joblib_compress::compressor_conformance!(zlib, super::WithThreads(joblib_compress::Zlib));
#[cfg(feature = "zstd")]
joblib_compress::compressor_conformance!(zstd, super::WithThreads(joblib_compress::Zstd));

/// At the lowest level, which has the smallest blocks.
fn write(compressor: &dyn Compressor, input: &[u8], threads: usize) -> Vec<u8> {
    let options = EncodeOptions::new(compressor.levels().min).threads(threads);
    let mut stream = Vec::new();
    let mut encoder =
        compressor.encoder(Box::new(&mut stream), &options).expect("memory takes everything");
    // In uneven pieces, and with a flush in between.
    for piece in input.chunks(300_007) {
        encoder.write_all(piece).expect("memory takes everything");
    }
    encoder.flush().expect("memory takes everything");
    encoder.finish().expect("memory takes everything");
    stream
}

#[test]
fn lengths_around_the_ends_of_blocks_come_back() {
    let input = sample((3 << 20) + 1);
    for compressor in Registry::builtin().iter() {
        let mut lengths = vec![input.len()];
        for block in [256 << 10, 99_981, 1 << 20] {
            lengths.extend([block - 1, block, block + 1, 2 * block]);
        }
        for len in lengths {
            let stream = write(compressor.as_ref(), &input[..len], 3);
            let output = decode(compressor.as_ref(), &stream).unwrap();
            assert!(output == input[..len], "{}, {len} bytes", compressor.name());
        }
    }
}

#[test]
fn streams_of_several_threads_are_hardly_larger() {
    let input = sample(4 << 20);
    for compressor in Registry::builtin().iter() {
        let (one, three) =
            (write(compressor.as_ref(), &input, 1), write(compressor.as_ref(), &input, 3));
        let allowed = one.len() + one.len() / 100;
        assert!(three.len() <= allowed, "{}: {} and {}", compressor.name(), one.len(), three.len());
    }
}

/// Takes some bytes, and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = data.len().min(self.0);
        self.0 -= taken;
        if taken == 0 && !data.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(taken)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_between_blocks_is_reported_and_nothing_follows() {
    let input = sample(3 << 20);
    for compressor in Registry::builtin().iter() {
        let needed = write(compressor.as_ref(), &input, 3).len();
        for room in [needed / 4, needed / 2, needed - 1] {
            let options = EncodeOptions::new(compressor.levels().min).threads(3);
            let mut encoder = compressor.encoder(Box::new(Full(room)), &options).unwrap();
            let written = encoder.write_all(&input);
            let failed_before = written.is_err();
            let finished = encoder.finish();
            assert!(finished.is_err(), "{}: finished after an error", compressor.name());
            let error = written.and(finished).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{failed_before}: {error}");
        }
    }
}

/// Fails at its second write, and never again.
struct FailsOnce<'a>(&'a Cell<u64>);

impl Write for FailsOnce<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + 1);
        if self.0.get() == 2 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(data.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What came after a lost piece would make a stream with a hole.
#[test]
fn an_error_that_passes_still_ends_the_stream() {
    let input = noise(8 << 20);
    for compressor in block_formats() {
        let writes = Cell::new(0);
        let options = EncodeOptions::new(compressor.levels().min).threads(2);
        let mut encoder = compressor.encoder(Box::new(FailsOnce(&writes)), &options).unwrap();
        let failed = input.chunks(50_000).find_map(|piece| encoder.write_all(piece).err());
        let name = compressor.name().to_owned();
        assert!(failed.is_some() && writes.get() == 2, "{name}: {failed:?}");
        assert!(encoder.flush().is_err() && encoder.finish().is_err(), "{name}");
        assert_eq!(writes.get(), 2, "{name}: nothing is written after the error");
    }
}

/// Counts what it takes.
struct Counts<'a>(&'a Cell<u64>);

impl Write for Counts<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + data.len() as u64);
        Ok(data.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whatever the input's length: at most two blocks per thread wait, and one is being gathered.
#[test]
fn few_blocks_are_in_memory() {
    let input = noise(12 << 20);
    for compressor in block_formats() {
        let written = Cell::new(0);
        let options = EncodeOptions::new(compressor.levels().min).threads(2);
        let mut encoder = compressor.encoder(Box::new(Counts(&written)), &options).unwrap();
        encoder.write_all(&input).unwrap();
        let inside = (input.len() as u64).saturating_sub(written.get());
        // The largest blocks are those of lz4, 1 MiB; noise does not become smaller.
        assert!(inside <= 6 << 20, "{}: {inside} bytes", compressor.name());
    }
}

/// The formats that are cut into blocks here and not by their libraries.
fn block_formats() -> impl Iterator<Item = Arc<dyn Compressor>> {
    let ours = |one: &Arc<dyn Compressor>| ["bz2", "gzip", "lz4", "zlib"].contains(&one.name());
    Registry::builtin().iter().filter(|one| ours(one)).cloned().collect::<Vec<_>>().into_iter()
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn an_encoder_dropped_early_leaves_a_stream_that_is_refused() {
    let input = sample(3 << 20);
    for compressor in Registry::builtin().iter() {
        let options = EncodeOptions::new(compressor.levels().min).threads(3);
        let mut stream = Vec::new();
        let mut encoder = compressor.encoder(Box::new(&mut stream), &options).unwrap();
        encoder.write_all(&input).unwrap();
        drop(encoder);
        let output = decode(compressor.as_ref(), &stream);
        // A bz2 stream may end with any of its blocks: its parts are streams of their own.
        let whole = output.is_ok_and(|output| output.len() == input.len());
        assert!(!whole, "{}", compressor.name());
    }
}

#[test]
fn a_stream_of_several_blocks_cut_anywhere_is_an_error() {
    let input = sample(2 << 20);
    for compressor in Registry::builtin().iter().filter(|one| one.name() != "bz2") {
        let stream = write(compressor.as_ref(), &input, 3);
        for part in 1..20 {
            let cut = stream.len() * part / 20;
            let error = decode(compressor.as_ref(), &stream[..cut]).err();
            let error = error.unwrap_or_else(|| panic!("{}: {cut} bytes", compressor.name()));
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
        }
    }
}

#[test]
fn no_threads_at_all_are_refused() {
    for compressor in Registry::builtin().iter() {
        let name = compressor.name();
        let encode = EncodeOptions::new(compressor.levels().default).threads(0);
        let error = compressor.encoder(Box::new(io::sink()), &encode).err().unwrap();
        let with = "with 0 threads is not possible: choose 1 or more";
        assert_eq!(error.to_string(), format!("writing a `{name}` stream {with}"));
        let error =
            compressor.decoder(Box::new(io::empty()), &DecodeOptions::new().threads(0)).err();
        assert_eq!(error.unwrap().to_string(), format!("reading a `{name}` stream {with}"));
    }
}

#[test]
fn more_threads_than_can_be_are_as_many_as_can_be() {
    let input = sample(100_000);
    for compressor in Registry::builtin().iter() {
        let stream = write(compressor.as_ref(), &input, usize::MAX);
        let options = DecodeOptions::new().threads(usize::MAX);
        let mut reader = compressor.decoder(Box::new(&stream[..]), &options).unwrap();
        let mut output = Vec::new();
        reader.read_to_end(&mut output).unwrap();
        assert!(output == input, "{}", compressor.name());
    }
}

/// Its blocks know nothing of each other, so that it does not matter who compresses them.
#[test]
#[cfg(feature = "lz4")]
fn lz4_is_the_same_by_any_number_of_threads() {
    let input = [sample((2 << 20) + 77), noise(1 << 20)].concat();
    for len in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, input.len()] {
        let streams = [1, 2, 5].map(|n| write(&joblib_compress::Lz4, &input[..len], n));
        assert!(streams[0] == streams[1] && streams[0] == streams[2], "{len} bytes");
    }
}
