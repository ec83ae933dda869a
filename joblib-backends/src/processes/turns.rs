//! Batches that wait, call by call: each call has its turn, however many batches another one has.

use std::collections::VecDeque;

use super::queue::Job;
use crate::CallId;

/// Batches that wait for a worker.
#[derive(Default)]
pub(super) struct Turns {
    /// The call whose turn it is comes first; none is without a batch.
    calls: VecDeque<Waiting>,
    len: usize,
}

struct Waiting {
    call: CallId,
    jobs: VecDeque<Job>,
}

impl Turns {
    /// The number of batches.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a batch behind those of its call.
    pub(super) fn push(&mut self, job: Job) {
        self.len += 1;
        let call = job.batch.call();
        match self.calls.iter_mut().find(|waiting| waiting.call == call) {
            Some(waiting) => waiting.jobs.push_back(job),
            None => self.calls.push_back(Waiting { call, jobs: VecDeque::from([job]) }),
        }
    }

    /// Adds a batch that had its turn before: it is the next one.
    pub(super) fn put_back(&mut self, job: Job) {
        self.len += 1;
        let call = job.batch.call();
        let at = self.calls.iter().position(|waiting| waiting.call == call);
        let mut waiting = at
            .and_then(|at| self.calls.remove(at))
            .unwrap_or_else(|| Waiting { call, jobs: VecDeque::new() });
        waiting.jobs.push_front(job);
        self.calls.push_front(waiting);
    }

    /// The first batch of the call whose turn it is. It is then another call's turn.
    pub(super) fn pop(&mut self) -> Option<Job> {
        let mut waiting = self.calls.pop_front()?;
        let job = waiting.jobs.pop_front()?;
        self.len -= 1;
        if !waiting.jobs.is_empty() {
            self.calls.push_back(waiting);
        }
        Some(job)
    }

    /// Takes out all batches of `call`.
    pub(super) fn remove(&mut self, call: CallId) -> Vec<Job> {
        let at = self.calls.iter().position(|waiting| waiting.call == call);
        let jobs = at.and_then(|at| self.calls.remove(at)).map(|waiting| waiting.jobs);
        let jobs: Vec<Job> = jobs.unwrap_or_default().into();
        self.len -= jobs.len();
        jobs
    }

    /// Takes out all batches.
    pub(super) fn take(&mut self) -> Vec<Job> {
        let calls = std::mem::take(self).calls;
        calls.into_iter().flat_map(|waiting| waiting.jobs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Failure, Frame, Payload, Target};

    struct Empty(CallId, u32);

    impl Batch for Empty {
        fn call(&self) -> CallId {
            self.0
        }
        fn len(&self) -> u32 {
            self.1
        }
        fn target(&self) -> Option<Target> {
            None
        }
        fn run(self: Box<Self>) {}
        fn encode(&self, _: u32, _: &mut Frame) -> Result<(), Failure> {
            Ok(())
        }
        fn reply(&mut self, _: u32, _: Result<Payload<'_>, Failure>) {}
    }

    fn job(call: u64, number: u32) -> Job {
        Job::alone(Box::new(Empty(CallId(call), number)))
    }

    fn seen(job: Job) -> (u64, u32) {
        (job.batch.call().0, job.batch.len())
    }

    fn turns(jobs: &[(u64, u32)]) -> Turns {
        let mut turns = Turns::default();
        jobs.iter().for_each(|&(call, number)| turns.push(job(call, number)));
        turns
    }

    fn rest(turns: &mut Turns) -> Vec<(u64, u32)> {
        std::iter::from_fn(|| turns.pop()).map(seen).collect()
    }

    #[test]
    fn calls_take_turns_and_each_keeps_its_order() {
        let mut turns = turns(&[(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)]);
        assert_eq!(turns.len(), 6);
        assert_eq!(rest(&mut turns), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3)]);
        assert_eq!(turns.len(), 0);
    }

    #[test]
    fn what_is_put_back_is_the_next() {
        let mut turns = turns(&[(1, 1), (1, 2), (2, 1)]);
        let first = turns.pop().unwrap();
        turns.put_back(first);
        turns.put_back(job(3, 1));
        assert_eq!(rest(&mut turns), [(3, 1), (1, 1), (2, 1), (1, 2)]);
    }

    #[test]
    fn a_call_can_be_taken_out() {
        let mut turns = turns(&[(1, 1), (2, 1), (1, 2)]);
        let removed: Vec<_> = turns.remove(CallId(1)).into_iter().map(seen).collect();
        assert_eq!((removed, turns.len()), (vec![(1, 1), (1, 2)], 1));
        assert!(turns.remove(CallId(1)).is_empty());
        assert_eq!(turns.take().len(), 1);
        assert_eq!((turns.len(), turns.pop().is_none()), (0, true));
    }
}
