//! Loops that go on where they were interrupted.

use std::time::Duration;

use joblib_memory::{InMemoryStore, Memory};

/// A step whose result depends on every bit of the state, and on the number of the step.
fn step(x: &mut [f64], number: u64) {
    for (at, value) in x.iter_mut().enumerate() {
        *value = (*value * 3.7 + number as f64 + at as f64).sin();
    }
}

fn uninterrupted(steps: u64) -> Vec<f64> {
    let mut state = vec![0.1, 0.2];
    (0..steps).for_each(|number| step(&mut state, number));
    state
}

#[test]
fn an_interrupted_loop_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let run = |stop: u64| {
        let mut began = None;
        let checkpoint = memory.checkpointed("train", vec![0.1, 0.2], 100).every(Duration::ZERO);
        let outcome = checkpoint.try_run(|state, number| {
            began.get_or_insert(number);
            if number == stop {
                // As a step that fails in the middle of its work.
                state[0] = 7.0;
                return Err(number);
            }
            step(state, number);
            Ok(())
        });
        (began, outcome)
    };
    assert_eq!(run(0), (Some(0), Err(0)));
    assert_eq!(run(1), (Some(0), Err(1)));
    assert_eq!(run(42), (Some(1), Err(42)));
    assert_eq!(run(1000), (Some(42), Ok(uninterrupted(100))));
    assert_eq!(run(1000), (None, Ok(uninterrupted(100))), "it was done");
    assert_eq!(memory.entries().unwrap().len(), 1, "older states are deleted");
}

#[test]
fn another_loop_begins_anew() {
    let memory = Memory::with_store(InMemoryStore::new()).build();
    let first = |initial: f64, steps: u64, version: u8| {
        let mut first = None;
        let checkpoint = memory.checkpointed("f", initial, steps).version(version);
        checkpoint.run(|_, number| {
            first.get_or_insert(number);
        });
        first
    };
    assert_eq!(first(0.0, 10, 1), Some(0));
    assert_eq!(first(0.0, 10, 1), None);
    for (initial, steps, version) in [(1.0, 10, 1), (0.0, 11, 1), (0.0, 10, 2)] {
        assert_eq!(first(initial, steps, version), Some(0));
    }
    assert_eq!(first(0.0, 0, 1), None);
}

#[test]
fn the_state_is_stored_by_time_and_at_the_end() {
    let memory = Memory::with_store(InMemoryStore::new()).build();
    let stored = |interval: Duration| {
        let mut stored = 0;
        memory.clear().unwrap();
        memory.checkpointed("f", 0.0, 10).every(interval).run(|_, _| {
            stored += memory.entries().unwrap().len();
        });
        (stored, memory.entries().unwrap().len())
    };
    assert_eq!(stored(Duration::from_secs(3600)), (0, 1));
    assert_eq!(stored(Duration::ZERO), (9, 1));
}

#[test]
fn damage_costs_one_state_and_no_memory_costs_all() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::new(folder.path());
    let run =
        |memory: &Memory| memory.checkpoint("f", vec![0.1, 0.2], 5, |x, number| step(x, number));
    assert_eq!(run(&memory), uninterrupted(5));
    let id = memory.entries().unwrap()[0].id.clone();
    let path = folder.path().join(format!("joblib/f/{}/{}.jbl", id.code, id.arguments));
    std::fs::write(path, "damage").unwrap();
    assert_eq!(run(&memory), uninterrupted(5));
    assert_eq!(run(&Memory::none()), uninterrupted(5));
}
