//! Entries of the cache: whatever lies in the store, calls return and questions are answered.

#![no_main]

use std::sync::Arc;

use joblib_memory::{InMemoryStore, Memory, Store};
use libfuzzer_sys::fuzz_target;

/// An argument with an array, so that sketches are compared.
fn argument(first: f64) -> (f64, Vec<f64>) {
    (first, vec![first; 100])
}

fuzz_target!(|data: &[u8]| {
    let store = Arc::new(InMemoryStore::new());
    let memory = Memory::with_store(Arc::clone(&store)).build();
    let f = memory.cache("f", |x: &(f64, Vec<f64>)| x.1.clone());
    f.call(&argument(1.0));
    let id = f.entries().unwrap()[0].id.clone();
    store.delete(&id).unwrap();
    store.put_if_absent(&id, &mut |writer| writer.write_all(data)).unwrap();
    let _ = memory.metadata(&id);
    let _ = memory.verify().unwrap();
    let _ = f.explain(&argument(2.0)).to_string();
    f.call(&argument(2.0));
    // Both notes come from the store.
    let _ = memory.why(&id).map(|why| why.map(|why| why.to_string()));
    for entry in memory.entries().unwrap() {
        let _ = memory.why(&entry.id).map(|why| why.map(|why| why.to_string()));
    }
    f.call(&argument(1.0));
    assert_eq!(f.recompute(&argument(1.0)), [1.0; 100]);
    assert_eq!(f.call(&argument(1.0)), [1.0; 100]);
});
