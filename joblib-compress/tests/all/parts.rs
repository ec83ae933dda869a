//! Files of several parts, read by several threads: the same as by one, whatever is in them.

use std::io::{self, BufReader, Read};

use joblib_compress::conformance::sample;
use joblib_compress::{Compressor, DecodeOptions, EncodeOptions, Registry};
use proptest::prelude::*;

/// What came before the end or the error, and the error.
fn read(compressor: &dyn Compressor, stream: &[u8], threads: usize) -> (Vec<u8>, Option<String>) {
    let options = DecodeOptions::new().threads(threads);
    let source = Box::new(BufReader::with_capacity(1_000, stream));
    let mut reader = compressor.decoder(source, &options).expect("two threads are possible");
    let mut output = Vec::new();
    let error = reader.read_to_end(&mut output).err();
    if error.is_some() {
        reader.read(&mut [0; 9]).expect_err("an error is no end");
    }
    (output, error.map(|error| format!("{:?}: {error}", error.kind())))
}

/// Whether three threads read what one reads, and say what it says. Neither owes anything of a
/// part that is damaged.
fn reads_alike(compressor: &dyn Compressor, stream: &[u8]) -> Result<(), String> {
    let (one, error) = read(compressor, stream, 1);
    let (three, same_error) = read(compressor, stream, 3);
    let name = compressor.name();
    if error != same_error {
        return Err(format!("{name}: {error:?} by one thread, {same_error:?} by three"));
    }
    let both = if error.is_some() { one.len().min(three.len()) } else { one.len() };
    if one.get(..both) != three.get(..both) || (error.is_none() && three.len() > both) {
        return Err(format!("{name}: {} bytes by one thread, {} by three", one.len(), three.len()));
    }
    Ok(())
}

/// A file whose parts can be told apart.
fn write(compressor: &dyn Compressor, input: &[u8]) -> Vec<u8> {
    if compressor.name() != "gzip" {
        return stream(compressor, input);
    }
    // As `bgzip` does: short members whose headers have a field with their length less one.
    let short = if input.is_empty() { vec![input] } else { input.chunks(60_000).collect() };
    let member = |content| {
        let plain = stream(compressor, content);
        let [low, high] = u16::try_from(plain.len() + 7).expect("a short member").to_le_bytes();
        let field = [6, 0, b'B', b'C', 2, 0, low, high];
        [&plain[..3], &[4], &plain[4..10], &field, &plain[10..]].concat()
    };
    short.into_iter().flat_map(member).collect()
}

fn stream(compressor: &dyn Compressor, input: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let options = EncodeOptions::new(compressor.levels().min);
    let mut encoder = compressor.encoder(Box::new(&mut stream), &options).expect("a level");
    encoder.write_all(input).expect("memory takes everything");
    encoder.finish().expect("memory takes everything");
    stream
}

/// Formats whose files are read in parts by code of this crate.
fn formats() -> Vec<std::sync::Arc<dyn Compressor>> {
    let ours = |name: &str| ["bz2", "gzip", "lz4", "zstd"].contains(&name);
    Registry::builtin().iter().filter(|one| ours(one.name())).cloned().collect()
}

/// Noise in which every value occurs, and runs of zeros in which all compress.
fn content(seed: u64, noise: usize, zeros: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = (0..noise).map(|_| next()).collect();
    [noise, vec![0; zeros]].concat()
}

#[derive(Clone, Debug)]
enum Harm {
    None,
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Append(Vec<u8>),
    Remove(prop::sample::Index),
}

impl Harm {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            2 => Just(Self::None),
            2 => (any::<prop::sample::Index>(), 0..8_u8).prop_map(|(at, bit)| Self::Flip(at, bit)),
            1 => any::<prop::sample::Index>().prop_map(Self::Cut),
            1 => prop::collection::vec(0..3_u8, 1..20).prop_map(Self::Append),
            1 => any::<prop::sample::Index>().prop_map(Self::Remove),
        ]
    }

    fn apply(&self, stream: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Flip(at, bit) => {
                let at = at.index(stream.len());
                stream[at] ^= 1 << bit;
            }
            Self::Cut(at) => stream.truncate(at.index(stream.len())),
            Self::Append(bytes) => stream.extend(bytes),
            Self::Remove(at) => {
                stream.remove(at.index(stream.len()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn threads_change_neither_content_nor_error(
        streams in prop::collection::vec((any::<u64>(), 0..150_000_usize, 0..400_000_usize), 0..6),
        harm in Harm::any(),
    ) {
        for compressor in formats() {
            let mut whole = Vec::new();
            for (seed, noise, zeros) in &streams {
                whole.extend(write(compressor.as_ref(), &content(*seed, *noise, *zeros)));
            }
            if !whole.is_empty() {
                harm.apply(&mut whole);
            }
            reads_alike(compressor.as_ref(), &whole).map_err(TestCaseError::fail)?;
        }
    }
}

/// Each byte of a small file missing, changed, or the last.
#[test]
fn small_files_harmed_anywhere_are_read_alike() {
    for compressor in formats() {
        let stream = [
            write(compressor.as_ref(), &sample(300)),
            write(compressor.as_ref(), b""),
            write(compressor.as_ref(), &sample(40)),
        ];
        let stream = stream.concat();
        for at in 0..stream.len() {
            reads_alike(compressor.as_ref(), &stream[..at]).unwrap();
            let mut harmed = stream.clone();
            harmed[at] ^= 1 << (at % 8);
            reads_alike(compressor.as_ref(), &harmed).unwrap_or_else(|e| panic!("byte {at}: {e}"));
        }
    }
}

/// More than a thread may keep of a part: 40 MB of zeros in a few bytes.
#[test]
fn parts_that_are_long_without_looking_so_are_read() {
    for compressor in formats() {
        let long = write(compressor.as_ref(), &vec![0; 40_000_000]);
        let noise = content(1, 200_000, 0);
        let short = write(compressor.as_ref(), &noise);
        let stream = [&short[..], &short, &long, &short, &short].concat();
        let (output, error) = read(compressor.as_ref(), &stream, 2);
        assert_eq!(error, None);
        assert_eq!(output.len(), 40_000_000 + 4 * noise.len(), "{}", compressor.name());
        assert!(output.ends_with(&noise) && output[400_000..40_400_000].iter().all(|b| *b == 0));
    }
}

/// A member of more than 4 MiB is not gathered: one thread reads it and the rest.
#[test]
fn parts_that_are_too_long_to_gather_are_read() {
    let noise = content(7, 5 << 20, 0);
    for compressor in formats().iter().filter(|one| one.name() != "bz2") {
        let (long, short) =
            (write(compressor.as_ref(), &noise), write(compressor.as_ref(), &noise[..300_000]));
        let stream = [&short[..], &short, &long, &short].concat();
        reads_alike(compressor.as_ref(), &stream).unwrap();
        reads_alike(compressor.as_ref(), &stream[..stream.len() - 1]).unwrap();
    }
}

/// Fails once, between two members, as a socket with a time limit does.
struct Falters<'a> {
    stream: &'a [u8],
    until: usize,
}

impl Read for Falters<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if self.until == 0 {
            self.until = usize::MAX;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = output.len().min(self.until);
        let read = self.stream.read(&mut output[..most])?;
        self.until -= read;
        Ok(read)
    }
}

#[test]
fn a_source_that_falters_is_reported_and_can_go_on() {
    let noise = content(3, 200_000, 0);
    for compressor in formats() {
        let stream = write(compressor.as_ref(), &noise).repeat(6);
        for until in [1, stream.len() / 2, stream.len() - 1] {
            let source = BufReader::new(Falters { stream: &stream, until });
            let options = DecodeOptions::new().threads(2);
            let mut reader = compressor.decoder(Box::new(source), &options).unwrap();
            let mut output = Vec::new();
            let error = reader.read_to_end(&mut output).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{}", compressor.name());
            reader.read_to_end(&mut output).unwrap();
            assert!(output == noise.repeat(6), "{}", compressor.name());
        }
    }
}

/// Blocks begin at any bit, and a stream of several is what everybody but `pbzip2` writes.
#[test]
#[cfg(feature = "bz2")]
fn a_bz2_stream_of_several_blocks_is_read_alike() {
    let input = content(5, 350_000, 200_000);
    let mut stream = write(&joblib_compress::Bz2, &input);
    let (output, error) = read(&joblib_compress::Bz2, &stream, 2);
    assert!(error.is_none() && output == input, "{error:?}");
    for at in (5..stream.len()).step_by(stream.len() / 6) {
        reads_alike(&joblib_compress::Bz2, &stream[..at]).unwrap();
        stream[at] ^= 0x10;
        reads_alike(&joblib_compress::Bz2, &stream).unwrap();
        stream[at] ^= 0x10;
    }
    // The checksum of the whole stream is in the last bytes.
    let last = stream.len() - 2;
    stream[last] ^= 1;
    reads_alike(&joblib_compress::Bz2, &stream).unwrap();
}

/// The beginning of a block and the end of a stream, written inside of each block: there it tells
/// which bytes occur.
#[test]
#[cfg(feature = "bz2")]
fn bz2_blocks_may_have_in_them_what_blocks_begin_with() {
    let maps = [0x3141_u16, 0x5926, 0x5359, 0x1772, 0x4538, 0x5090];
    let groups = maps.iter().zip(4_u8..);
    let bytes = groups.flat_map(|(map, group)| {
        (0..16).filter(move |bit| map & (0x8000 >> bit) != 0).map(move |bit| group << 4 | bit)
    });
    let bytes: Vec<u8> = bytes.collect();
    let choice = |byte: &u8| bytes[usize::from(*byte) % bytes.len()];
    let mut input: Vec<u8> = content(9, 250_000, 0).iter().map(choice).collect();
    // Runs would be written as counts, which are bytes too.
    input.dedup();
    let stream = write(&joblib_compress::Bz2, &input);
    // 121 bits behind the first of the block: one bit into a byte.
    let marks = 0x3141_5926_5359_1772_4538_5090_u128 << (128 - 96 - 1);
    let found = &stream[4 + 15..][..12];
    assert_eq!(found[1..], marks.to_be_bytes()[1..12], "a false mark is in the block");

    let (output, error) = read(&joblib_compress::Bz2, &stream, 2);
    assert!(error.is_none() && output == input, "{error:?}");
    let mut harmed = stream;
    for at in [20, 30, 1_000, harmed.len() / 2, harmed.len() - 8] {
        harmed[at] ^= 4;
        reads_alike(&joblib_compress::Bz2, &harmed).unwrap();
        reads_alike(&joblib_compress::Bz2, &harmed[..at]).unwrap();
        harmed[at] ^= 4;
    }
}
