//! numpy's files, single arrays and archives, as values: nothing panics, hangs or takes memory that
//! the input does not have, and what was read is written as itself.

#![no_main]

use joblib_persist::value::Value;
use joblib_persist::{DumpOptions, FileFormat, LoadOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let options = LoadOptions::new().memory_limit(64 << 20);
    let Ok(value) = options.load_from::<Value>(bytes) else { return };
    for format in [FileFormat::Npy, FileFormat::Npz] {
        let Ok(written) = DumpOptions::new().format(format).dump_to(&value, Vec::new()) else {
            continue;
        };
        let again: Value = options.load_from(&written[..]).expect("what was written can be read");
        // A number becomes an array, and an array of another class one of the usual.
        let is_plain = value.as_array().is_some_and(|array| array.class().is_none());
        if format == FileFormat::Npy && is_plain {
            assert_eq!(format!("{again}"), format!("{value}"));
        }
    }
});
