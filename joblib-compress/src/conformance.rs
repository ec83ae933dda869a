//! What every [`Compressor`] must do, as tests anyone can run.
//!
//! Expand [`compressor_conformance!`](crate::compressor_conformance) once per implementation;
//! each property becomes one `#[test]`, so a failure names both the format and the property.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests: a panic is how they report"
)]

use std::io::{self, BufReader, Read, Write};

use crate::{Compressor, DecodeOptions, EncodeOptions};

/// Writes one `#[test]` per property of this module for the given compressor.
#[macro_export]
macro_rules! compressor_conformance {
    ($module:ident, $compressor:expr) => {
        mod $module {
            $crate::compressor_conformance!(@each $compressor;
                is_found_by_what_it_says,
                returns_what_was_written,
                returns_what_was_written_in_small_pieces,
                returns_what_several_threads_wrote,
                rejects_levels_it_does_not_have,
                keeps_to_the_output_limit,
                reads_streams_one_after_the_other,
                rejects_a_truncated_stream,
                rejects_trailing_bytes,
                survives_damage,
                reports_a_sink_that_fails,
                reports_a_source_that_fails,
            );
        }
    };
    (@each $compressor:expr; $($property:ident,)+) => {
        $(#[test] fn $property() { $crate::conformance::$property(&$compressor); })+
    };
}

/// Its name can be written in a setting, its default is one of its levels, and what it writes
/// starts with one of its magics, even when there is nothing to write.
pub fn is_found_by_what_it_says(compressor: &dyn Compressor) {
    assert!(!compressor.name().is_empty() && !compressor.name().contains(':'));
    assert!(compressor.extensions().iter().all(|extension| !extension.contains('.')));
    assert!(!compressor.magic().is_empty());
    assert!(compressor.magic().iter().all(|magic| !magic.is_empty()));
    let levels = compressor.levels();
    assert_ne!(levels.default, 0);
    for level in [levels.min, levels.default, levels.max] {
        for input in [&b""[..], b"x"] {
            let stream = encode_at(compressor, input, level);
            let known = compressor.magic().iter().any(|magic| stream.starts_with(magic));
            assert!(known, "level {level}: {:02x?}", &stream[..stream.len().min(8)]);
        }
    }
}

/// Decoding gives back the input, at every level and for lengths around block boundaries.
pub fn returns_what_was_written(compressor: &dyn Compressor) {
    let returns = |len, level| {
        let input = sample(len);
        let output = decode(compressor, &encode_at(compressor, &input, level)).unwrap();
        assert!(output == input, "level {level}, {len} bytes");
    };
    for level in all_levels(compressor) {
        returns(1 << 17, level);
    }
    for len in [0, 1, 4_095, 4_096, 4_097, 1 << 20] {
        returns(len, compressor.levels().min);
    }
}

/// Nothing depends on how the data is cut into calls of `write`, `flush`, `fill_buf` and `read`.
pub fn returns_what_was_written_in_small_pieces(compressor: &dyn Compressor) {
    let input = sample(150_000);
    let mut stream = Vec::new();
    let mut encoder = compressor.encoder(Box::new(&mut stream), &defaults(compressor)).unwrap();
    let (bytes, rest) = input.split_at(2_000);
    for byte in bytes {
        encoder.write_all(&[*byte]).unwrap();
    }
    encoder.flush().unwrap();
    for piece in rest.chunks(40_001) {
        encoder.write_all(piece).unwrap();
    }
    encoder.finish().unwrap();

    let source = BufReader::with_capacity(1, &stream[..]);
    let mut reader = compressor.decoder(Box::new(source), &DecodeOptions::new()).unwrap();
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    let mut output = Vec::new();
    let mut piece = [0; 7];
    loop {
        match reader.read(&mut piece).unwrap() {
            0 => break,
            read => output.extend_from_slice(&piece[..read]),
        }
    }
    assert!(output == input);
    assert_eq!(reader.read(&mut piece).unwrap(), 0, "the end stays the end");
}

/// Threads change neither what comes back nor, between two numbers of them, the stream.
pub fn returns_what_several_threads_wrote(compressor: &dyn Compressor) {
    let input = sample(3_000_000);
    let level = compressor.levels().min;
    let write =
        |threads| write_with(compressor, &input, EncodeOptions::new(level).threads(threads));
    let stream = write(2);
    assert!(stream == write(3), "two and three threads differ");
    for stream in [&stream, &write(1)] {
        for threads in [1, 2] {
            let options = DecodeOptions::new().threads(threads);
            let output = read_with(compressor, stream, &options).unwrap();
            assert!(output == input, "read by {threads}");
        }
    }
}

/// A stream that holds more than the limit gives no more, and an error that names the limit; one
/// that holds exactly as much is read.
pub fn keeps_to_the_output_limit(compressor: &dyn Compressor) {
    let input = sample(10_000);
    let stream = encode(compressor, &input);
    for limit in [0, 1, 9_999] {
        let options = DecodeOptions::new().output_limit(limit);
        let mut reader = compressor.decoder(Box::new(&stream[..]), &options).unwrap();
        let mut output = Vec::new();
        let error = reader.read_to_end(&mut output).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
        assert!(error.to_string().contains(&limit.to_string()), "{error}");
        assert!(output.len() as u64 <= limit, "{} bytes", output.len());
    }
    let options = DecodeOptions::new().output_limit(10_000);
    assert!(read_with(compressor, &stream, &options).unwrap() == input);
}

/// A level beside the scale is refused at the start, and so is 0, which means no compression.
pub fn rejects_levels_it_does_not_have(compressor: &dyn Compressor) {
    let levels = compressor.levels();
    for level in [levels.min - 1, 0, levels.max + 1, i32::MIN, i32::MAX] {
        let started = compressor.encoder(Box::new(io::sink()), &EncodeOptions::new(level));
        let error = started.err().unwrap_or_else(|| panic!("took level {level}"));
        assert!(error.to_string().contains(compressor.name()), "{error}");
    }
}

/// Streams joined end to end read as one, empty ones included.
pub fn reads_streams_one_after_the_other(compressor: &dyn Compressor) {
    let (first, last) = (sample(70_000), sample(3));
    let parts = [&first[..], b"", &last[..]];
    let joined: Vec<u8> = parts.iter().flat_map(|part| encode(compressor, part)).collect();
    assert!(decode(compressor, &joined).unwrap() == parts.concat());
}

/// A stream cut anywhere is an error, never a shorter value; so is no stream at all.
pub fn rejects_a_truncated_stream(compressor: &dyn Compressor) {
    let whole = encode(compressor, &sample(5_000));
    for cut in 0..whole.len() {
        let error = decode(compressor, &whole[..cut]).err();
        let error = error.unwrap_or_else(|| panic!("accepted {cut} of {} bytes", whole.len()));
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{cut} bytes: {error}");
    }
}

/// Bytes after the stream that begin no other are an error, and a repeated read repeats it.
pub fn rejects_trailing_bytes(compressor: &dyn Compressor) {
    let mut stream = encode(compressor, &sample(100));
    stream.extend_from_slice(b"and now for something completely different, in clear text");
    let mut reader = compressor.decoder(Box::new(&stream[..]), &DecodeOptions::new()).unwrap();
    let mut output = Vec::new();
    for _ in 0..2 {
        let error = reader.read_to_end(&mut output).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        assert!(error.to_string().contains(compressor.name()), "{error}");
    }
}

/// Whatever byte is changed, reading ends, without a panic, and errors are of the right kind.
pub fn survives_damage(compressor: &dyn Compressor) {
    let whole = encode(compressor, &sample(600));
    for at in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            // A bit that means nothing, or a format without checksum: any value is allowed then.
            let Err(error) = decode(compressor, &damaged) else { continue };
            let expected = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
            assert!(expected.contains(&error.kind()), "byte {at}: {:?}: {error}", error.kind());
        }
    }
}

/// A full disk surfaces as an error from `write` or `finish`, whichever byte it strikes at.
pub fn reports_a_sink_that_fails(compressor: &dyn Compressor) {
    // The lowest level: encoders of the higher ones may take a hundred megabytes each.
    let level = compressor.levels().min;
    let needed = encode_at(compressor, &sample(600), level).len();
    for room in 0..needed {
        let sink = Box::new(FailAfter { room });
        let Ok(mut encoder) = compressor.encoder(sink, &EncodeOptions::new(level)) else {
            continue; // The header did not fit, and that was reported.
        };
        let written = encoder.write_all(&sample(600));
        let finished = encoder.finish();
        // Buffering decides which of the two notices; only silence is wrong.
        let error = written.and(finished).err();
        let error = error.unwrap_or_else(|| panic!("no error with room for {room} bytes"));
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
    }
}

/// An error of the source reaches the reader as it is, and is not taken for damage.
pub fn reports_a_source_that_fails(compressor: &dyn Compressor) {
    let whole = encode(compressor, &sample(5_000));
    for good in [0, 1, whole.len() / 2, whole.len()] {
        let source = BufReader::new((&whole[..good]).chain(Broken));
        let reader = compressor.decoder(Box::new(source), &DecodeOptions::new());
        let read = reader.unwrap().read_to_end(&mut Vec::new());
        let error = read.err().unwrap_or_else(|| panic!("no error after {good} bytes"));
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }
}

/// All levels of the scale.
fn all_levels(compressor: &dyn Compressor) -> impl Iterator<Item = i32> {
    let levels = compressor.levels();
    (levels.min..=levels.max).filter(|level| *level != 0)
}

fn defaults(compressor: &dyn Compressor) -> EncodeOptions {
    EncodeOptions::new(compressor.levels().default)
}

/// `input` as a stream of its own at the default level.
pub fn encode(compressor: &dyn Compressor, input: &[u8]) -> Vec<u8> {
    encode_at(compressor, input, compressor.levels().default)
}

fn encode_at(compressor: &dyn Compressor, input: &[u8], level: i32) -> Vec<u8> {
    write_with(compressor, input, EncodeOptions::new(level))
}

fn write_with(compressor: &dyn Compressor, input: &[u8], options: EncodeOptions) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut encoder = compressor.encoder(Box::new(&mut stream), &options).unwrap();
    encoder.write_all(input).unwrap();
    encoder.finish().unwrap();
    stream
}

fn read_with(
    compressor: &dyn Compressor,
    stream: &[u8],
    options: &DecodeOptions,
) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    compressor.decoder(Box::new(stream), options)?.read_to_end(&mut output)?;
    Ok(output)
}

/// Everything in `stream`.
///
/// # Errors
///
/// What the reader reports.
pub fn decode(compressor: &dyn Compressor, stream: &[u8]) -> io::Result<Vec<u8>> {
    read_with(compressor, stream, &DecodeOptions::new())
}

/// Bytes that compress a little: words between noise, the same on every run.
pub fn sample(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut bytes = Vec::with_capacity(len + 16);
    while bytes.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend_from_slice(b"measured: ");
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A sink that takes `room` bytes and then behaves like a full disk.
struct FailAfter {
    room: usize,
}

impl Write for FailAfter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.room == 0 && !data.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let taken = data.len().min(self.room);
        self.room -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A source whose other end has gone.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}
