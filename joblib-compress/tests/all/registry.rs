use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use joblib_compress::conformance::{encode, sample};
use joblib_compress::{
    Compressor, DecodeOptions, EncodeOptions, Encoder, Levels, Registry, Result,
};

/// A compressor of which only the description matters.
#[derive(Clone, Debug)]
struct Described {
    name: &'static str,
    extensions: &'static [&'static str],
    magic: &'static [&'static [u8]],
}

impl Default for Described {
    fn default() -> Self {
        Self { name: "own", extensions: &["own"], magic: &[b"OWN"] }
    }
}

impl Compressor for Described {
    fn name(&self) -> &str {
        self.name
    }
    fn extensions(&self) -> &[&str] {
        self.extensions
    }
    fn magic(&self) -> &[&[u8]] {
        self.magic
    }
    fn levels(&self) -> Levels {
        Levels { min: 1, max: 1, default: 1 }
    }
    fn encoder<'w>(
        &self,
        _: Box<dyn Write + 'w>,
        _: &EncodeOptions,
    ) -> Result<Box<dyn Encoder + 'w>> {
        unreachable!("only described")
    }
    fn decoder<'r>(
        &self,
        source: Box<dyn BufRead + 'r>,
        _: &DecodeOptions,
    ) -> Result<Box<dyn Read + 'r>> {
        Ok(source)
    }
}

fn refused(with: &Described, then: &Described) -> String {
    let mut registry = Registry::builtin();
    registry.register(with.clone()).expect("nothing like it is registered");
    let before = registry.iter().count();
    let message = registry.register(then.clone()).expect_err("a clash").to_string();
    assert_eq!(registry.iter().count(), before, "a refused one is not half registered");
    message
}

#[test]
fn clashes_name_both_and_what_they_share() {
    let own = Described::default();
    let other = Described { name: "other", extensions: &["oth"], magic: &[b"OTH"] };
    assert_eq!(
        refused(&own, &Described { name: "own", ..other.clone() }),
        "compressor `own` clashes with `own`: both have the name"
    );
    assert_eq!(
        refused(&own, &Described { extensions: &["oth", "own"], ..other.clone() }),
        "compressor `other` clashes with `own`: both have the extension `own`"
    );
    const OVERLAPPING: [&[&[u8]]; 3] = [&[b"OW"], &[b"OWN"], &[b"else", b"OWNER"]];
    for magic in OVERLAPPING {
        let message = refused(&own, &Described { magic, ..other.clone() });
        assert!(message.starts_with("compressor `other` clashes with `own`: both have the magic"));
    }
}

#[test]
fn what_could_not_be_found_again_is_refused() {
    for name in ["", "a:b"] {
        let mut registry = Registry::builtin();
        let message = registry.register(Described { name, ..Described::default() });
        assert!(message.unwrap_err().to_string().contains("separates a name from a level"));
    }
    const EMPTY: [&[&[u8]]; 3] = [&[], &[b""], &[b"OWN", b""]];
    for magic in EMPTY {
        let mut registry = Registry::builtin();
        let message = registry.register(Described { magic, ..Described::default() });
        assert!(message.unwrap_err().to_string().contains("has no magic"));
    }
}

#[test]
fn the_name_of_a_format_stays_its_own_even_where_its_feature_is_off() {
    let mut registry = Registry::builtin();
    for name in ["bz2", "gzip", "lz4", "lzma", "xz", "zlib", "zstd"] {
        assert!(registry.register(Described { name, ..Described::default() }).is_err(), "{name}");
    }
}

/// Other tests go through all built-in formats: this one says that they are not going through none.
#[test]
fn every_feature_adds_its_format() {
    let features = [
        cfg!(feature = "bz2"),
        cfg!(feature = "gzip"),
        cfg!(feature = "lz4"),
        cfg!(feature = "lzma"),
        cfg!(feature = "xz"),
        cfg!(feature = "zlib"),
        cfg!(feature = "zstd"),
    ];
    let expected = features.into_iter().filter(|on| *on).count();
    assert_eq!(Registry::builtin().iter().count(), expected);
}

#[test]
fn finds_each_format_by_name_extension_and_magic() {
    let registry = Registry::builtin();
    for compressor in registry.iter() {
        let name = compressor.name();
        assert_eq!(registry.by_name(name).unwrap().name(), name);
        for extension in compressor.extensions() {
            let path = format!("folder.d/model.jbl.{extension}");
            let found = registry.by_extension(Path::new(&path)).unwrap();
            assert_eq!(found.unwrap().name(), name);
        }
        let stream = encode(compressor.as_ref(), b"x");
        assert_eq!(registry.by_magic(&stream).unwrap().unwrap().name(), name);
    }
}

#[test]
#[cfg(not(feature = "xz"))]
fn a_format_without_its_feature_is_named_and_never_taken_for_something_else() {
    let registry = Registry::builtin();
    let path = Some(Path::new("a.xz"));
    let named = joblib_compress::Compression::from("xz").resolve(&registry, None).unwrap_err();
    let by_extension =
        joblib_compress::Compression::default().resolve(&registry, path).unwrap_err();
    let source = Box::new(&b"\xfd7zXZ\x00 and more"[..]);
    let by_magic = registry.decoder_for(source, &DecodeOptions::new()).unwrap_err();
    for error in [named, by_extension, by_magic] {
        let expected = "compressor `xz` is not part of this build: enable the feature `xz`";
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn detects_the_format_however_the_source_hands_out_its_bytes() {
    let registry = Registry::builtin();
    let input = sample(1_000);
    for compressor in registry.iter() {
        let stream = encode(compressor.as_ref(), &input);
        let source = BufReader::with_capacity(1, &stream[..]);
        let mut found = registry.decoder_for(Box::new(source), &DecodeOptions::new()).unwrap();
        assert_eq!(found.compressor.as_ref().unwrap().name(), compressor.name());
        let mut output = Vec::new();
        found.reader.read_to_end(&mut output).unwrap();
        assert!(output == input, "{}", compressor.name());
    }
}

#[test]
fn a_plain_stream_is_read_as_it_is_however_short() {
    let registry = Registry::builtin();
    for plain in [&b""[..], b"\x1f", b"\xfd7z", b"BZ", b"plain text, longer than any magic"] {
        let source = BufReader::with_capacity(2, plain);
        let mut found = registry.decoder_for(Box::new(source), &DecodeOptions::new()).unwrap();
        assert!(found.compressor.is_none());
        let mut output = Vec::new();
        found.reader.read_to_end(&mut output).unwrap();
        assert_eq!(output, plain);
    }
}

#[test]
fn a_source_that_cannot_be_read_is_an_error_with_its_cause() {
    struct Gone;
    impl Read for Gone {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let source = Box::new(BufReader::new(Gone));
    let error = Registry::builtin().decoder_for(source, &DecodeOptions::new()).unwrap_err();
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ConnectionReset);
}
