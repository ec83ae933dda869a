//! Everything at the same time.

use std::sync::Arc;
use std::thread;

use super::trial::{Act, Answer, Ledger};
use crate::{Backend, Failure};

/// Calls from several threads, with batches of many sizes, of which some are aborted and, where
/// workers are processes, some die: everything is settled, and no call suffers from another.
pub fn settles_calls_that_overlap(backend: Arc<dyn Backend>) {
    thread::scope(|scope| {
        for thread in 0..4 {
            let backend = &*backend;
            scope.spawn(move || {
                let mut dice = Dice(thread);
                for _ in 0..25 {
                    overlapping_call(backend, &mut dice);
                }
            });
        }
    });
}

fn overlapping_call(backend: &dyn Backend, dice: &mut Dice) {
    let can_die = !backend.capabilities().shared_memory;
    let ledger = Ledger::new();
    let mut plan = vec![];
    for _ in 0..dice.roll(8) + 1 {
        let tasks: Vec<_> = (0..dice.roll(5) + 1).map(|_| dice.roll(40)).collect();
        let act =
            |n: &u32| if can_die && *n == 0 { Act::Exit(1) } else { Act::Echo(vec![*n as u8]) };
        ledger.submit(backend, tasks.iter().map(act).collect());
        plan.push(tasks);
    }
    if dice.roll(4) == 0 {
        backend.abort(ledger.call());
        ledger.settle();
        return;
    }
    for ((batch, task), answer) in ledger.settle() {
        let tasks = &plan[batch];
        let deadly = can_die && tasks.contains(&0);
        let expected = is_expected(tasks[task as usize], deadly, &answer);
        assert!(expected, "batch {tasks:?}, task {task}: {answer:?}");
    }
}

/// Whether `answer` is one for task `n` of a batch in which, if it is `deadly`, a worker dies.
fn is_expected(n: u32, deadly: bool, answer: &Answer) -> bool {
    match answer {
        Ok(bytes) => *bytes == [n as u8],
        Err(Failure::NotRun) => deadly,
        Err(Failure::WorkerDied { .. }) => deadly && n == 0,
        Err(_) => false,
    }
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u32) -> u32 {
        // The constants of Knuth's MMIX generator; the high bits are the good ones.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32 % sides
    }
}
