//! Every task gets the right answer, once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::gate::Gate;
use super::trial::{Act, Extras, Ledger};
use crate::{Backend, Error, Failure, Keep, NJobs};

/// It has a name, runs at least one task at once, and takes zero workers for a mistake.
pub fn says_who_it_is_and_how_many(backend: Arc<dyn Backend>) {
    assert!(!backend.name().is_empty());
    assert_eq!(backend.capabilities(), backend.capabilities());
    for n in [i32::MIN, -1, 1, 2, i32::MAX] {
        backend.effective_n_jobs(NJobs::from(n)).unwrap();
    }
    assert_eq!(backend.effective_n_jobs(NJobs::from(1)).unwrap().get(), 1);
    let error = backend.effective_n_jobs(NJobs::from(0)).unwrap_err();
    assert!(matches!(error, Error::ZeroJobs), "{error}");
}

/// Many batches of one task: each is answered once, with its own result.
pub fn answers_every_task_once(backend: Arc<dyn Backend>) {
    let ledger = Ledger::new();
    for i in 0..1000u32 {
        ledger.submit(&*backend, vec![echo(i)]);
    }
    let answers = ledger.settle();
    assert_eq!(answers.len(), 1000);
    for ((batch, _), answer) in answers {
        assert_eq!(answer, Ok((batch as u32).to_le_bytes().to_vec()));
    }
}

/// Batches of one to two hundred tasks, each with results of another length.
pub fn answers_batches_of_many_sizes(backend: Arc<dyn Backend>) {
    let ledger = Ledger::new();
    let sizes = [1u32, 2, 7, 64, 200];
    let result = |size: u32, task: u32| vec![task as u8; (size * task) as usize];
    for size in sizes {
        let acts = (0..size).map(|task| Act::Echo(result(size, task)));
        ledger.submit(&*backend, acts.collect());
    }
    let answers = ledger.settle();
    assert_eq!(answers.len() as u32, sizes.iter().sum::<u32>());
    for ((batch, task), answer) in answers {
        assert!(answer == Ok(result(sizes[batch], task)), "batch {batch}, task {task}");
    }
}

/// Large arguments and large results at the same time do not block each other.
pub fn carries_large_frames_both_ways(backend: Arc<dyn Backend>) {
    let large: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    let ledger = Ledger::new();
    for _ in 0..8 {
        ledger.submit(&*backend, vec![Act::Echo(large.clone()), Act::Echo(large.clone())]);
    }
    let answers = ledger.settle();
    assert_eq!(answers.len(), 16);
    assert!(answers.into_values().all(|answer| answer.as_ref() == Ok(&large)));
}

/// A panic is that task's answer, with its message; the others have their results.
pub fn reports_a_panic_and_keeps_its_neighbours(backend: Arc<dyn Backend>) {
    let ledger = Ledger::new();
    let batch = ledger.submit(&*backend, vec![echo(1), Act::Panic("no such row".into()), echo(2)]);
    let answers = ledger.settle_batch(batch);
    assert_eq!(answers[0], Ok(1u32.to_le_bytes().to_vec()));
    assert_eq!(answers[1], Err(Failure::Panic { message: "no such row".into() }));
    assert_eq!(answers[2], Ok(2u32.to_le_bytes().to_vec()));
}

/// A closure runs where memory is shared, and is refused, task by task, where it is not.
pub fn answers_what_cannot_travel(backend: Arc<dyn Backend>) {
    let ledger = Ledger::new();
    let batch = ledger.submit(&*backend, vec![Act::local(|| ()), Act::local(|| ())]);
    let answers = ledger.settle_batch(batch);
    assert_eq!(answers.len(), 2);
    for answer in answers {
        if backend.capabilities().shared_memory {
            assert_eq!(answer, Ok(vec![]));
        } else {
            assert!(matches!(answer, Err(Failure::Refused { .. })), "{answer:?}");
        }
    }
}

/// An argument that cannot be encoded fails its own task, where arguments are encoded.
pub fn answers_what_cannot_be_encoded(backend: Arc<dyn Backend>) {
    if backend.capabilities().shared_memory {
        return;
    }
    let ledger = Ledger::new();
    let batch = ledger.submit(&*backend, vec![echo(1), Act::Stuck("a socket".into()), echo(2)]);
    let answers = ledger.settle_batch(batch);
    assert_eq!(answers[0], Ok(1u32.to_le_bytes().to_vec()));
    assert_eq!(answers[1], Err(Failure::Codec { message: "a socket".into() }));
    assert_eq!(answers[2], Ok(2u32.to_le_bytes().to_vec()));
}

/// Results that stay are arguments of later batches, whatever becomes of them besides; whoever keeps no
/// results sends them all.
pub fn keeps_results_for_batches_to_come(backend: Arc<dyn Backend>) {
    let ledger = Ledger::new();
    let large = vec![7; 3_000_000];
    let acts =
        || vec![Act::Echo(vec![1, 2]), Act::Echo(large.clone()), Act::Echo(vec![3]), echo(4)];
    let keep = || Extras {
        keep: vec![Keep::Yes, Keep::Yes, Keep::AndSend, Keep::No],
        ..Extras::default()
    };
    let first = ledger.submit_with(&*backend, acts(), keep());
    let answers: Vec<_> = ledger.settle_batch(first).into_iter().map(Result::unwrap).collect();
    let last = 4u32.to_le_bytes().to_vec();
    if !backend.capabilities().keeps_results {
        assert!(answers == [vec![1, 2], large, vec![3], last]);
        return assert!(ledger.take_kept().is_empty());
    }
    assert_eq!(answers, [vec![], vec![], vec![3], last]);
    let mut kept = ledger.take_kept();
    assert_eq!(kept.len(), 3, "{kept:?}");
    kept.push(kept[0].clone());
    // What is made of them may stay, too, and may then be all that is left.
    let second = ledger.submit_with(&*backend, vec![Act::Join(kept)], keep());
    assert_eq!(ledger.settle_batch(second), [Ok(vec![])]);
    let third = ledger.submit(&*backend, vec![echo(4), Act::Join(ledger.take_kept())]);
    let answers = ledger.settle_batch(third);
    assert!(answers[1] == Ok([&[1, 2][..], &large, &[3, 1, 2]].concat()));
}

/// A batch may submit the next one when it is dropped, as dispatchers do.
pub fn lets_batches_submit_while_they_end(backend: Arc<dyn Backend>) {
    let ledger = Ledger::new();
    chain(&backend, &ledger, 100);
    // The first drop has not happened before `chain` returns, on asynchronous backends: the
    // ledger counts a batch as sent before its predecessor counts as dropped, so waiting once is
    // enough.
    assert_eq!(ledger.settle_well(), 100);
}

fn chain(backend: &Arc<dyn Backend>, ledger: &Arc<Ledger>, left: u32) {
    if left > 0 {
        let (next_backend, next_ledger) = (Arc::clone(backend), Arc::clone(ledger));
        let then = move || chain(&next_backend, &next_ledger, left - 1);
        let extras = Extras { then: Some(Box::new(then)), ..Extras::default() };
        ledger.submit_with(&**backend, vec![echo(left)], extras);
    }
}

/// As many tasks run at once as it says, and no more.
pub fn runs_as_many_as_it_says(backend: Arc<dyn Backend>) {
    let n = backend.effective_n_jobs(NJobs::from(4)).unwrap().get();
    let tasks = 10 * n;
    let (gate, ledger) = (Gate::new(), Ledger::new());
    let port = gate.port();
    std::thread::scope(|scope| {
        // A backend that runs batches inside `submit` would not let us come to the gate.
        scope.spawn(|| {
            for _ in 0..tasks {
                ledger.submit(&*backend, vec![Act::Visit(port)]);
            }
        });
        let mut together = VecDeque::new();
        for _ in 0..tasks {
            together.push_back(gate.await_visitor());
            assert!(together.len() < n || !gate.has_visitor(), "more than {n} tasks at once");
            if together.len() == n {
                together.pop_front();
            }
        }
    });
    assert_eq!(ledger.settle_well(), tasks);
}

/// No batch waits behind a task that runs while another worker has nothing to do.
pub fn gives_what_waits_to_idle_workers(backend: Arc<dyn Backend>) {
    let n = backend.effective_n_jobs(NJobs::from(4)).unwrap().get();
    let (gate, ledger) = (Gate::new(), Ledger::new());
    let port = gate.port();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2 * n {
                ledger.submit(&*backend, vec![Act::Visit(port)]);
            }
        });
        let mut busy: Vec<_> = (0..n).map(|_| gate.await_visitor()).collect();
        // One worker is let go, and has to run all that is left while the others are held.
        busy.pop();
        (0..n).for_each(|_| drop(gate.await_visitor()));
    });
    assert_eq!(ledger.settle_well(), 2 * n);
}

pub(super) fn echo(value: u32) -> Act {
    Act::Echo(value.to_le_bytes().to_vec())
}
