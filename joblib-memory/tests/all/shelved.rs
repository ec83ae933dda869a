//! References to results, wherever these are.

use joblib_memory::{Error, InMemoryStore, Memory};
use ndarray::{Array2, array};
use serde::{Deserialize, Serialize, Serializer};

#[test]
fn a_reference_loads_as_often_as_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let twice = memory.cache("twice", |x: &Array2<f64>| x * 2.0);
    let shelved = twice.shelve(&array![[1.0, 2.0]]);
    let copy = shelved.clone();
    assert_eq!(shelved.get().unwrap(), array![[2.0, 4.0]]);
    assert_eq!(copy.get().unwrap(), array![[2.0, 4.0]]);
    assert_eq!(shelved.id().unwrap().function.path(), "twice");
}

#[test]
fn a_result_that_was_deleted_is_missing() {
    let memory = Memory::with_store(InMemoryStore::new()).build();
    let f = memory.cache("f", |x: &u8| *x);
    let shelved = f.shelve(&1);
    f.clear().unwrap();
    let error = shelved.get().unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert!(matches!(shelved.metadata(), Err(Error::Missing { .. })));
    f.call(&1);
    assert_eq!(shelved.get().unwrap(), 1);
}

#[test]
fn without_a_store_the_reference_holds_the_result() {
    let shelved = Memory::none().cache("f", |x: &u8| vec![*x; 3]).shelve(&1);
    assert_eq!(shelved.clone().get().unwrap(), [1, 1, 1]);
    assert_eq!(shelved.id(), None);
    assert_eq!(shelved.metadata().unwrap(), None);
}

#[test]
fn a_result_that_refuses_to_be_stored_cannot_be_shelved() {
    #[derive(Deserialize)]
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    for memory in [Memory::none(), Memory::with_store(InMemoryStore::new()).build()] {
        let shelved = memory.cache("f", |_: &()| Refuses).shelve(&());
        assert!(matches!(shelved.get(), Err(Error::Unshelved { .. })));
    }
}
