use std::io::{self, Read};

#[cfg(any(feature = "lz4", feature = "lzma"))]
use joblib_compress::conformance::encode;
use joblib_compress::{DecodeOptions, EncodeOptions, Registry};

const CLAIMED: u64 = 16 << 20;
const LIMIT: u64 = 1 << 20;

/// A stream of 16 MiB of zeros.
fn bomb(compressor: &dyn joblib_compress::Compressor) -> Vec<u8> {
    let mut stream = Vec::new();
    let options = EncodeOptions::new(compressor.levels().min);
    let mut encoder =
        compressor.encoder(Box::new(&mut stream), &options).expect("the lowest level is a level");
    io::copy(&mut io::repeat(0).take(CLAIMED), &mut encoder).expect("memory takes everything");
    encoder.finish().expect("memory takes everything");
    stream
}

#[test]
fn a_bomb_ends_at_the_limit_whoever_opens_it() {
    for compressor in Registry::builtin().iter() {
        let stream = bomb(compressor.as_ref());
        assert!(stream.len() as u64 * 100 < CLAIMED, "{} is no bomb", compressor.name());
        for threads in [1, 2] {
            let options = DecodeOptions::new().output_limit(LIMIT).threads(threads);
            let mut found =
                Registry::builtin().decoder_for(Box::new(&stream[..]), &options).unwrap();
            let mut output = Vec::new();
            let error = found.reader.read_to_end(&mut output).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
            let expected = format!(
                "the {} stream holds more than the limit of 1048576 bytes: set a higher \
                 `output_limit` if it can be trusted",
                compressor.name()
            );
            assert_eq!(error.to_string(), expected);
            assert!(output.len() as u64 == LIMIT && output.iter().all(|byte| *byte == 0));
        }
    }
}

#[test]
fn what_is_not_compressed_is_limited_too() {
    let options = DecodeOptions::new().output_limit(3);
    let found = Registry::builtin().decoder_for(Box::new(&b"four"[..]), &options).unwrap();
    let error = io::read_to_string(found.reader).unwrap_err();
    assert!(
        error.to_string().starts_with("the uncompressed stream holds more than the limit of 3")
    );
}

/// Reads all of `stream` with readers that would have to believe what it claims to fail.
#[cfg(any(feature = "lz4", feature = "lzma", feature = "zstd"))]
fn reads_nothing(name: &str, stream: &[u8]) {
    let registry = Registry::builtin();
    let compressor = registry.by_name(name).expect("its feature is on");
    for threads in [1, 2] {
        let options = DecodeOptions::new().threads(threads);
        let mut reader = compressor.decoder(Box::new(stream), &options).expect("not read yet");
        let mut output = Vec::new();
        let error = reader.read_to_end(&mut output).expect_err("the content is missing");
        let expected = [io::ErrorKind::InvalidData, io::ErrorKind::UnexpectedEof];
        assert!(expected.contains(&error.kind()), "{error}");
        assert!(output.capacity() < 1 << 20, "{} bytes reserved", output.capacity());
    }
}

/// The length of the content in the header: 2^62 bytes.
#[test]
#[cfg(feature = "lzma")]
fn lzma_claims_are_not_believed() {
    let mut stream = encode(&joblib_compress::Lzma, b"x");
    stream[5..13].copy_from_slice(&(1_u64 << 62).to_le_bytes());
    reads_nothing("lzma", &stream);
}

/// A frame of one segment with a length of eight bytes: 2^62, which is its window too.
#[test]
#[cfg(feature = "zstd")]
fn zstd_claims_are_not_believed() {
    let mut stream = b"\x28\xb5\x2f\xfd\xe0".to_vec();
    stream.extend((1_u64 << 62).to_le_bytes());
    stream.extend(b"\x01\x00\x00");
    reads_nothing("zstd", &stream);
}

/// A block of 2^31 - 1 bytes in a frame whose blocks have at most 64 KiB.
#[test]
#[cfg(feature = "lz4")]
fn lz4_claims_are_not_believed() {
    let mut stream = encode(&joblib_compress::Lz4, b"");
    stream.truncate(7);
    stream.extend(0x7fff_ffff_u32.to_le_bytes());
    reads_nothing("lz4", &stream);
}
