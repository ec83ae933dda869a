//! Batches that wait for a worker: those of a call in their order, calls by turns.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use crate::{Batch, CallId};

/// A queue for each call. Nothing in here runs or drops a batch, so it can stand under a lock.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Queues that are not empty.
    calls: BTreeMap<CallId, VecDeque<Box<dyn Batch>>>,
    /// The call that was served last.
    served: Option<CallId>,
}

impl Waiting {
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(crate) fn push(&mut self, batch: Box<dyn Batch>) {
        self.calls.entry(batch.call()).or_default().push_back(batch);
    }

    /// Takes the oldest batch of the call whose turn it is.
    pub(crate) fn take(&mut self) -> Option<Box<dyn Batch>> {
        let after = self.served.map_or(Bound::Unbounded, Bound::Excluded);
        let mut later = self.calls.range((after, Bound::Unbounded));
        let (&call, _) = later.next().or_else(|| self.calls.first_key_value())?;
        self.served = Some(call);
        self.take_of(call)
    }

    /// Takes the oldest batch of `call`.
    pub(crate) fn take_of(&mut self, call: CallId) -> Option<Box<dyn Batch>> {
        let queue = self.calls.get_mut(&call)?;
        let batch = queue.pop_front()?;
        if queue.is_empty() {
            self.calls.remove(&call);
        }
        Some(batch)
    }

    /// Takes all batches of `call`, for the caller to drop once it has no lock.
    pub(crate) fn take_all_of(&mut self, call: CallId) -> Option<VecDeque<Box<dyn Batch>>> {
        self.calls.remove(&call)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Failure, Frame, Payload, Target};

    /// A batch of this call that does nothing.
    pub(crate) struct Nothing(pub(crate) CallId);

    impl Batch for Nothing {
        fn call(&self) -> CallId {
            self.0
        }
        fn len(&self) -> u32 {
            1
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

    #[test]
    fn calls_take_turns() {
        let mut waiting = Waiting::default();
        for call in [1, 1, 1, 2, 2, 3] {
            waiting.push(Box::new(Nothing(CallId(call))));
        }
        let order: Vec<_> = std::iter::from_fn(|| waiting.take()).map(|b| b.call().0).collect();
        assert_eq!(order, [1, 2, 3, 1, 2, 1]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_call_can_be_emptied_alone() {
        let mut waiting = Waiting::default();
        for call in [1, 2, 1] {
            waiting.push(Box::new(Nothing(CallId(call))));
        }
        assert_eq!(waiting.take_all_of(CallId(1)).map(|all| all.len()), Some(2));
        assert!(waiting.take_of(CallId(1)).is_none());
        assert!(waiting.take_of(CallId(2)).is_some() && waiting.is_empty());
    }
}
