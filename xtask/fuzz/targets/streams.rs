//! Compressed streams of every format, found by their first bytes, read by one thread and by two.

#![no_main]

use std::io::{self, Read};

use joblib_compress::{DecodeOptions, Registry};
use libfuzzer_sys::fuzz_target;

/// More than a small input should stand for here: a bomb is stopped, as its reader would.
const LIMIT: u64 = 1 << 22;

fuzz_target!(|data: &[u8]| {
    let (one, error) = read(data, 1);
    let (two, same_error) = read(data, 2);
    let is_limit = |error: &Option<io::ErrorKind>| *error == Some(io::ErrorKind::FileTooLarge);
    // Of a part that is damaged behind the limit, one thread comes to the limit first.
    if !is_limit(&error) && !is_limit(&same_error) {
        assert_eq!(error, same_error, "by one thread and by two");
    }
    // Of a damaged part, either may have given some.
    let both = if error.is_some() { one.len().min(two.len()) } else { one.len().max(two.len()) };
    assert!(one.get(..both) == two.get(..both), "{} and {} bytes", one.len(), two.len());
});

fn read(data: &[u8], threads: usize) -> (Vec<u8>, Option<io::ErrorKind>) {
    let options = DecodeOptions::new().output_limit(LIMIT).memory_limit(1 << 25).threads(threads);
    let found = Registry::builtin().decoder_for(Box::new(data), &options);
    let mut reader = match found {
        Ok(found) => found.reader,
        Err(_) => return (Vec::new(), Some(io::ErrorKind::Unsupported)),
    };
    let mut output = Vec::new();
    let error = reader.read_to_end(&mut output).err();
    if error.is_some() {
        reader.read(&mut [0]).expect_err("an error is no end");
    }
    (output, error.map(|error| error.kind()))
}
