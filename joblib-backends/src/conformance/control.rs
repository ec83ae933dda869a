//! Helping, aborting, shutting down.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::LIMIT;
use super::answers::echo;
use super::gate::{Gate, Visitor};
use super::trial::{Act, Extras, Ledger};
use crate::{Backend, Failure, NJobs};

/// A call made inside a task completes even if every worker is busy: its thread helps.
pub fn completes_nested_calls(backend: Arc<dyn Backend>) {
    if !backend.capabilities().shared_memory {
        return;
    }
    let workers = backend.effective_n_jobs(NJobs::from(4)).unwrap().get();
    let (outer, inner) = (Ledger::new(), Ledger::new());
    for _ in 0..2 * workers {
        let (backend_inside, inner) = (Arc::clone(&backend), Arc::clone(&inner));
        let nested = move || {
            let call = Ledger::new();
            for i in 0..5 {
                call.submit(&*backend_inside, vec![echo(i)]);
            }
            while backend_inside.help(call.call()) {}
            assert_eq!(call.settle_well(), 5);
            inner.submit(&*backend_inside, vec![echo(0)]);
        };
        outer.submit(&*backend, vec![Act::local(nested)]);
    }
    assert_eq!(outer.settle_well(), 2 * workers);
    assert_eq!(inner.settle_well(), 2 * workers);
}

/// A thread that is no worker of the backend has nothing to run.
pub fn helps_on_its_own_threads_only(backend: Arc<dyn Backend>) {
    with_busy_workers(&backend, |_| {
        let ledger = Ledger::new();
        ledger.submit(&*backend, vec![echo(1)]);
        assert!(!backend.help(ledger.call()), "it helped on a foreign thread");
        backend.abort(ledger.call());
        ledger.settle();
    });
}

/// What waits is dropped at once; another call's batches are not.
pub fn aborts_what_waits_and_nothing_else(backend: Arc<dyn Backend>) {
    let (aborted, other) = (Ledger::new(), Ledger::new());
    with_busy_workers(&backend, |_| {
        for i in 0..10 {
            aborted.submit(&*backend, vec![echo(i)]);
            other.submit(&*backend, vec![echo(i)]);
        }
        backend.abort(aborted.call());
        // Every worker still waits at the gate.
        aborted.settle();
    });
    assert_eq!(other.settle_well(), 10);
}

/// What runs is killed, where the backend can, and the workers are replaced.
pub fn abort_kills_what_runs(backend: Arc<dyn Backend>) {
    if !backend.capabilities().kill {
        return;
    }
    let (gate, ledger) = (Gate::new(), Ledger::new());
    ledger.submit(&*backend, vec![Act::Visit(gate.port()), echo(1)]);
    let _visitor = gate.await_visitor();
    backend.abort(ledger.call());
    assert!(ledger.settle().into_values().all(|answer| answer.is_err()));
    assert_works(&*backend);
}

/// A task is stopped at its limit, where the backend can; its neighbours are not to blame.
pub fn stops_a_task_at_its_limit(backend: Arc<dyn Backend>) {
    if !backend.capabilities().timeout {
        return;
    }
    let (gate, ledger) = (Gate::new(), Ledger::new());
    let acts = vec![echo(1), Act::Visit(gate.port()), echo(2)];
    // Long enough for an echo on the busiest machine; the visit would last for ever.
    let limit = Some(Duration::from_secs(1));
    let batch = ledger.submit_with(&*backend, acts, Extras { limit, ..Extras::default() });
    let answers = ledger.settle_batch(batch);
    assert_eq!(answers[0], Ok(1u32.to_le_bytes().to_vec()));
    let Err(Failure::TimedOut { after, .. }) = answers[1] else { panic!("{answers:?}") };
    assert!(Some(after) >= limit);
    assert_eq!(answers[2], Err(Failure::NotRun));
    assert_works(&*backend);
}

/// A task that ends within the grace is answered; afterwards, shutting down again is no error.
pub fn lets_a_task_finish_before_it_shuts_down(backend: Arc<dyn Backend>) {
    let (gate, ledger) = (Gate::new(), Ledger::new());
    let port = gate.port();
    thread::scope(|scope| {
        scope.spawn(|| ledger.submit(&*backend, vec![Act::Visit(port)]));
        let visitor = gate.await_visitor();
        let shutdown = scope.spawn(|| backend.shutdown(LIMIT));
        while !shutdown.is_finished() && takes_batches(&*backend) {
            thread::yield_now();
        }
        drop(visitor);
        shutdown.join().unwrap().unwrap();
    });
    assert_eq!(ledger.settle().into_values().collect::<Vec<_>>(), [Ok(vec![])]);
    backend.shutdown(Duration::ZERO).unwrap();
}

/// A task that outlasts the grace is killed, where the backend can.
pub fn shutdown_kills_what_outlasts_the_grace(backend: Arc<dyn Backend>) {
    if !backend.capabilities().kill {
        return;
    }
    let (gate, ledger) = (Gate::new(), Ledger::new());
    ledger.submit(&*backend, vec![Act::Visit(gate.port())]);
    let _visitor = gate.await_visitor();
    backend.shutdown(Duration::ZERO).unwrap();
    assert!(ledger.settle().into_values().all(|answer| answer.is_err()));
}

/// A batch that comes too late is settled, one way or another, and does not wait for ever.
pub fn settles_what_comes_after_the_shutdown(backend: Arc<dyn Backend>) {
    assert_works(&*backend);
    backend.shutdown(LIMIT).unwrap();
    let ledger = Ledger::new();
    ledger.submit(&*backend, vec![echo(1), echo(2)]);
    ledger.settle();
}

/// Whether a batch is not turned away at once.
fn takes_batches(backend: &dyn Backend) -> bool {
    let probe = Ledger::new();
    probe.submit(backend, vec![echo(0)]);
    !probe.has_failed()
}

/// Runs `body` while every worker of `backend` waits at a gate.
fn with_busy_workers(backend: &Arc<dyn Backend>, body: impl FnOnce(&[Visitor])) {
    let n = backend.effective_n_jobs(NJobs::from(4)).unwrap().get();
    let (gate, ledger) = (Gate::new(), Ledger::new());
    let port = gate.port();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..n {
                ledger.submit(&**backend, vec![Act::Visit(port)]);
            }
        });
        let visitors: Vec<_> = (0..n).map(|_| gate.await_visitor()).collect();
        body(&visitors);
        drop(visitors);
    });
    assert_eq!(ledger.settle_well(), n);
}

pub(super) fn assert_works(backend: &dyn Backend) {
    let ledger = Ledger::new();
    ledger.submit(backend, vec![echo(7)]);
    let answers: Vec<_> = ledger.settle().into_values().collect();
    assert_eq!(answers, [Ok(7u32.to_le_bytes().to_vec())]);
}
