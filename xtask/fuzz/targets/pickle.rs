//! Pickles, loaded as a value that is then used in every way, and as types.

#![no_main]

use std::collections::HashMap;

use joblib_persist::LoadOptions;
use joblib_persist::value::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = LoadOptions::new().memory_limit(1 << 28);
    if let Ok(value) = options.load_from::<Value>(data) {
        let _ = value.to_string();
        let _ = value.root().to_value();
        let _ = value.root().to::<HashMap<String, Vec<f64>>>();
        let _ = value.into_typed::<Vec<Vec<i64>>>();
    }
});
