use std::io::{self, Read, Write};

use joblib_compress::conformance::{decode, encode, sample};
use joblib_compress::{DecodeOptions, EncodeOptions, Registry};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_bytes_come_back_from_any_format_at_any_level(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3_000), 0..8),
        repeats in 1_usize..12,
        level in 0..=9_i32,
    ) {
        for compressor in Registry::builtin().iter() {
            let levels = compressor.levels();
            let level = levels.min + level;
            if levels.check(compressor.name(), level).is_err() {
                continue;
            }
            let mut stream = Vec::new();
            let sink = Box::new(&mut stream);
            let mut encoder = compressor.encoder(sink, &EncodeOptions::new(level)).unwrap();
            for _ in 0..repeats {
                for piece in &pieces {
                    encoder.write_all(piece).unwrap();
                }
            }
            encoder.finish().unwrap();
            let output = decode(compressor.as_ref(), &stream).unwrap();
            prop_assert!(output == pieces.concat().repeat(repeats), "{}", compressor.name());
        }
    }

    #[test]
    fn any_bytes_after_a_magic_end_in_a_value_or_an_error(
        tail in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        for compressor in Registry::builtin().iter() {
            for magic in compressor.magic() {
                let stream = [magic, &tail[..]].concat();
                let mut reader =
                    compressor.decoder(Box::new(&stream[..]), &DecodeOptions::new()).unwrap();
                // A short stream may stand for a long one: deflate reaches a thousandfold.
                let mut output = io::sink();
                let _ = io::copy(&mut (&mut reader).take(1 << 24), &mut output);
            }
        }
    }
}

/// Where a format has a checksum, damage is not only survived but noticed.
#[test]
fn formats_with_a_checksum_notice_any_damage_to_the_content() {
    let input = sample(600);
    for compressor in Registry::builtin().iter().filter(|one| one.name() != "lzma") {
        let whole = encode(compressor.as_ref(), &input);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x04;
            if let Ok(output) = decode(compressor.as_ref(), &damaged) {
                assert!(output == input, "{}: byte {at}", compressor.name());
            }
        }
    }
}

/// Noisy floating-point columns, which the fastest deflate of zlib-rs would make larger.
#[test]
fn no_level_makes_noise_larger() {
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..100_000)
        .flat_map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (1.0 + (state >> 11) as f64 / (1_u64 << 53) as f64).to_le_bytes()
        })
        .collect();
    for compressor in Registry::builtin().iter() {
        let levels = compressor.levels();
        for level in [levels.min, levels.default] {
            let mut stream = Vec::new();
            let sink = Box::new(&mut stream);
            let mut encoder = compressor.encoder(sink, &EncodeOptions::new(level)).unwrap();
            encoder.write_all(&noise).unwrap();
            encoder.finish().unwrap();
            let allowed = noise.len() + noise.len() / 1_000;
            assert!(stream.len() <= allowed, "{} {level}: {}", compressor.name(), stream.len());
        }
    }
}

#[test]
#[cfg(feature = "gzip")]
fn gzip_takes_zero_bytes_after_and_between_members() {
    let mut stream = encode(&joblib_compress::Gzip, b"one ");
    stream.extend([0; 100]);
    stream.extend(encode(&joblib_compress::Gzip, b"two"));
    stream.extend([0; 3]);
    assert_eq!(decode(&joblib_compress::Gzip, &stream).unwrap(), b"one two");
    stream.push(1);
    assert!(decode(&joblib_compress::Gzip, &stream).is_err());
}

#[test]
#[cfg(feature = "gzip")]
fn gzip_files_have_neither_name_nor_time() {
    let stream = encode(&joblib_compress::Gzip, b"x");
    assert_eq!(stream[3], 0, "no optional fields");
    assert_eq!(stream[4..8], [0; 4], "no time");
}

#[test]
#[cfg(feature = "xz")]
fn xz_takes_padding_of_whole_words_only() {
    let mut stream = encode(&joblib_compress::Xz, b"one ");
    stream.extend([0; 8]);
    stream.extend(encode(&joblib_compress::Xz, b"two"));
    assert_eq!(decode(&joblib_compress::Xz, &stream).unwrap(), b"one two");
    stream.extend([0; 3]);
    assert!(decode(&joblib_compress::Xz, &stream).is_err());
}

#[test]
#[cfg(feature = "lz4")]
fn lz4_skips_frames_meant_for_others() {
    let mut stream = encode(&joblib_compress::Lz4, b"one ");
    stream.extend(b"\x5a\x2a\x4d\x18\x05\x00\x00\x00other");
    stream.extend(encode(&joblib_compress::Lz4, b"two"));
    assert_eq!(decode(&joblib_compress::Lz4, &stream).unwrap(), b"one two");
    stream.extend(b"\x5a\x2a\x4d\x18\xff\xff\xff\xff cut");
    let error = decode(&joblib_compress::Lz4, &stream).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
#[cfg(feature = "zstd")]
fn zstd_is_recognised_behind_a_skippable_frame() {
    let mut stream = b"\x50\x2a\x4d\x18\x04\x00\x00\x00\x00\x01\x02\x03".to_vec();
    stream.extend(encode(&joblib_compress::Zstd, b"value"));
    let registry = Registry::builtin();
    let found = registry.decoder_for(Box::new(&stream[..]), &DecodeOptions::new()).unwrap();
    assert_eq!(found.compressor.unwrap().name(), "zstd");
    assert_eq!(io::read_to_string(found.reader).unwrap(), "value");
}

/// A header of a few bytes must not make the reader reserve gigabytes.
#[cfg(any(feature = "zstd", feature = "xz", feature = "lzma"))]
fn refuses_below(compressor: &dyn joblib_compress::Compressor, stream: &[u8], enough: u64) {
    let read = |memory_limit| {
        let mut options = DecodeOptions::new();
        options.memory_limit = memory_limit;
        let mut output = Vec::new();
        compressor.decoder(Box::new(stream), &options)?.read_to_end(&mut output)
    };
    let error = read(enough / 4).expect_err("too much memory for the limit");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    assert!(error.to_string().contains("emory"), "{error}");
    assert!(read(enough).is_ok());
}

#[test]
#[cfg(feature = "zstd")]
fn zstd_windows_are_limited() {
    // Too long for the frame to become a single segment without a window.
    let stream = encode(&joblib_compress::Zstd, &vec![7; 3 << 20]);
    refuses_below(&joblib_compress::Zstd, &stream, 4 << 20);
}

#[test]
#[cfg(feature = "xz")]
fn xz_dictionaries_are_limited() {
    refuses_below(&joblib_compress::Xz, &encode(&joblib_compress::Xz, b"x"), 12 << 20);
}

#[test]
#[cfg(feature = "lzma")]
fn lzma_dictionaries_are_limited() {
    refuses_below(&joblib_compress::Lzma, &encode(&joblib_compress::Lzma, b"x"), 12 << 20);
}

/// Levels 1, 5, 6 and 9 of the original zlib, and of Python, begin differently.
#[test]
#[cfg(feature = "zlib")]
fn zlib_is_recognised_whatever_level_its_writer_had() {
    let registry = Registry::builtin();
    for head in [b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"] {
        let found = registry.by_magic(head).unwrap();
        assert_eq!(found.unwrap().name(), "zlib", "{head:02x?}");
    }
}
