//! How results are stored and read: compressed, mapped, by memories with other options.

use joblib_memory::{FolderStore, Memory, MemoryBuilder, Store, hash};
use joblib_persist::{MappedArray, MmapMode};
use ndarray::{Array1, Ix1};

const LEN: usize = 100_000;

fn numbers(memory: &Memory) -> Array1<f64> {
    memory.cache("numbers", |n: &usize| Array1::zeros(*n)).call(&LEN)
}

#[test]
fn compressed_results_are_smaller_and_found_by_everybody() {
    let [raw, small] = [0, 3].map(|level: i32| {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::builder(folder.path()).compress(level).build();
        assert_eq!(numbers(&memory), numbers(&memory));
        assert_eq!(memory.stats().hits, 1);
        let other = Memory::new(folder.path());
        assert_eq!(numbers(&other).len(), LEN);
        assert_eq!(other.stats().hits, 1);
        let shelved = other.cache("numbers", |n: &usize| Array1::<f64>::zeros(*n)).shelve(&LEN);
        assert_eq!(shelved.metadata().unwrap().unwrap().function, "numbers");
        other.store().unwrap().list(None).unwrap()[0].bytes
    });
    assert!(raw > 8 * LEN as u64 && small < raw / 100, "{raw} {small}");
}

#[test]
fn a_compression_that_does_not_exist_costs_only_the_cache() {
    let memory =
        Memory::with_store(joblib_memory::InMemoryStore::new()).compress("no:such").build();
    assert_eq!(numbers(&memory).len(), LEN);
    assert_eq!(memory.store().unwrap().list(None).unwrap(), []);
}

#[test]
fn mapped_results_are_mapped_from_the_first_call_on() {
    for mode in [MmapMode::Read, MmapMode::Copy, MmapMode::ReadWrite] {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::builder(folder.path()).mmap_mode(mode).build();
        let f = memory.cache("f", |n: &usize| MappedArray::from(Array1::<f64>::zeros(*n)));
        for _ in 0..2 {
            let result: MappedArray<f64, Ix1> = f.call(&LEN);
            assert_eq!(result.is_mapped(), cfg!(feature = "mmap"));
            assert_eq!(result.view(), Array1::<f64>::zeros(LEN));
        }
        assert_eq!(memory.stats().misses, 1);
        assert!(f.shelve(&LEN).get().unwrap().view().len() == LEN);
    }
}

#[test]
fn a_stored_result_cannot_be_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let builder: MemoryBuilder = Memory::builder(folder.path());
    let memory = builder.mmap_mode(MmapMode::ReadWrite).build();
    let f = memory.cache("f", |n: &usize| MappedArray::from(Array1::<f64>::zeros(*n)));
    let mut result: MappedArray<f64, Ix1> = f.call(&LEN);
    result.view_mut().unwrap().fill(1.0);
    drop(result);
    assert_eq!(f.call(&LEN).view().sum(), 0.0);
}

#[test]
fn a_mapped_argument_is_an_array_like_any_other() {
    let array = Array1::from_iter((0..LEN).map(|i| i as f64));
    assert_eq!(hash(&MappedArray::from(array.clone())).unwrap(), hash(&array).unwrap());
}

#[test]
fn a_store_may_be_shared() {
    let folder = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(FolderStore::new(folder.path()));
    let [one, two] = [(); 2].map(|()| Memory::with_store(std::sync::Arc::clone(&store)).build());
    assert_eq!(numbers(&one), numbers(&two));
    assert_eq!((one.stats().misses, two.stats().hits), (1, 1));
    assert_eq!(store.list(None).unwrap().len(), 1);
    assert_eq!(one.location(), Some(folder.path()));
}
