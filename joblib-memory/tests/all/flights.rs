//! Threads that want the same result at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use joblib_memory::{FolderStore, InMemoryStore, Memory, MemoryBuilder};

/// Every test holds over files, where claims are locks, and in memory, where there are none.
fn with_each_store(test: impl Fn(MemoryBuilder)) {
    let folder = tempfile::tempdir().unwrap();
    test(Memory::with_store(FolderStore::new(folder.path())));
    test(Memory::with_store(InMemoryStore::new()));
}

#[test]
fn eight_threads_compute_one_result_once() {
    with_each_store(|builder| {
        let memory = builder.build();
        for round in 0..20_usize {
            let runs = AtomicUsize::new(0);
            let start = Barrier::new(8);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let f = memory.cache("f", |x: &usize| {
                            runs.fetch_add(1, Ordering::SeqCst);
                            std::thread::yield_now();
                            2 * x
                        });
                        start.wait();
                        assert_eq!(f.call(&round), 2 * round);
                    });
                }
            });
            assert_eq!(runs.into_inner(), 1);
        }
        assert_eq!(memory.stats().misses, 20);
        assert_eq!(memory.stats().hits, 140);
    });
}

#[test]
fn two_memories_over_one_folder_compute_once() {
    let folder = tempfile::tempdir().unwrap();
    let runs = AtomicUsize::new(0);
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Nothing shared but the files, as between processes.
                let memory = Memory::new(folder.path());
                let f = memory.cache("f", |x: &u8| {
                    runs.fetch_add(1, Ordering::SeqCst);
                    *x
                });
                start.wait();
                assert_eq!(f.call(&1), 1);
            });
        }
    });
    assert_eq!(runs.into_inner(), 1);
}

#[test]
fn a_call_inside_the_same_call_computes() {
    with_each_store(|builder| {
        // A thread that waited for itself would do so for ever.
        let memory = builder.patience(Duration::MAX).build();
        let inner = memory.cache("f", |_: &u8| 1);
        let outer = memory.cache("f", |x: &u8| inner.call(x) + 1);
        assert_eq!(outer.call(&1), 2);
        // The inner call finished first, and the first stays.
        assert_eq!(outer.call(&1), 1);
    });
}

#[test]
fn two_calls_that_need_each_other_finish() {
    with_each_store(|builder| {
        // Two threads that waited for each other would do so for ever.
        let memory = builder.patience(Duration::MAX).build();
        let both_compute = Barrier::new(2);
        let answer = |name: &'static str, other: &'static str| {
            let (memory, both_compute) = (memory.clone(), &both_compute);
            move || {
                let other = memory.cache(other, |_: &u8| 1);
                let mine = memory.cache(name, |x: &u8| {
                    both_compute.wait();
                    other.call(x) + 1
                });
                // The other one's result may be there already, or not yet.
                assert!([2, 3].contains(&mine.call(&0)));
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(answer("a", "b"));
            scope.spawn(answer("b", "a"));
        });
    });
}

#[test]
fn a_panic_frees_the_call() {
    with_each_store(|builder| {
        let memory = builder.build();
        let fails = memory.cache("f", |_: &u8| -> u8 { panic!("on purpose") });
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fails.call(&1)));
        assert!(panicked.is_err());
        let works = memory.cache("f", |x: &u8| *x);
        // On another thread, which would have to wait for a claim that was not freed.
        std::thread::scope(|scope| scope.spawn(|| assert_eq!(works.call(&1), 1)).join().unwrap());
    });
}

#[test]
fn patience_ends() {
    with_each_store(|builder| {
        let memory = builder.patience(Duration::ZERO).build();
        let (computing, is_computing) = mpsc::channel();
        let (finish, may_finish) = mpsc::channel::<()>();
        let slow_memory = memory.clone();
        let slow = std::thread::spawn(move || {
            let slow = slow_memory.cache("f", |_: &u8| {
                computing.send(()).unwrap();
                may_finish.recv().unwrap();
                1
            });
            slow.call(&0)
        });
        is_computing.recv().unwrap();
        // Would wait for ever for a thread that waits for this one.
        assert_eq!(memory.cache("f", |_: &u8| 2).call(&0), 2);
        finish.send(()).unwrap();
        assert_eq!(slow.join().unwrap(), 1);
        assert_eq!(memory.cache("f", |_: &u8| 3).call(&0), 2, "the first to finish stays");
    });
}

#[test]
fn a_waiting_thread_is_told_of_a_failure_and_tries_itself() {
    with_each_store(|builder| {
        let memory = builder.build();
        let attempts = Arc::new(AtomicUsize::new(0));
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let f = memory.try_cache("f", |_: &u8| {
                        match attempts.fetch_add(1, Ordering::SeqCst) {
                            0 => Err("the first one fails"),
                            _ => Ok(1),
                        }
                    });
                    start.wait();
                    let _ = f.call(&0);
                });
            }
        });
        assert_eq!(attempts.load(Ordering::SeqCst), 2);
    });
}
