//! Workers that die.

use std::sync::Arc;

use super::answers::echo;
use super::control::assert_works;
use super::gate::Gate;
use super::trial::{Act, Ledger};
use crate::{Backend, Failure};

/// A worker that dies costs the task it ran: results before it are kept, tasks behind it are
/// handed back, and the backend goes on.
pub fn a_death_costs_the_running_task_alone(backend: Arc<dyn Backend>) {
    if backend.capabilities().shared_memory {
        return;
    }
    let ledger = Ledger::new();
    let batch = ledger.submit(&*backend, vec![echo(1), echo(2), Act::Exit(3), echo(4), echo(5)]);
    let answers = ledger.settle_batch(batch);
    assert_eq!(answers[0], Ok(1u32.to_le_bytes().to_vec()));
    assert_eq!(answers[1], Ok(2u32.to_le_bytes().to_vec()));
    let Err(Failure::WorkerDied { status, .. }) = &answers[2] else {
        panic!("{:?}", answers[2]);
    };
    assert_eq!(status, "exit code 3");
    assert_eq!(answers[3..], [Err(Failure::NotRun), Err(Failure::NotRun)]);
    assert_works(&*backend);
}

/// Batches that wait behind a dying worker are run by others, or handed back.
pub fn a_death_leaves_other_calls_alone(backend: Arc<dyn Backend>) {
    if backend.capabilities().shared_memory {
        return;
    }
    let (gate, dying, other) = (Gate::new(), Ledger::new(), Ledger::new());
    dying.submit(&*backend, vec![Act::Visit(gate.port()), Act::Exit(0)]);
    let visitor = gate.await_visitor();
    for i in 0..20 {
        other.submit(&*backend, vec![echo(i)]);
    }
    drop(visitor);
    for answer in other.settle().into_values() {
        assert!(matches!(answer, Ok(_) | Err(Failure::NotRun)), "{answer:?}");
    }
    let answers: Vec<_> = dying.settle().into_values().collect();
    assert!(matches!(answers[1], Err(Failure::WorkerDied { .. })), "{answers:?}");
}
