//! What groups of a reduction have not come to when they ended early, for others to go on with.

use std::collections::{BTreeMap, HashMap};

use crate::panics::drop_quietly;
use crate::sync::{Mutex, into_inner, lock};

/// Tasks of groups that have ended.
pub(crate) struct Rests<T> {
    /// What each group had when it ended, by its number.
    left: Mutex<HashMap<usize, Vec<T>>>,
    /// What nobody has come to, by the position of the first task.
    waiting: Mutex<BTreeMap<usize, Vec<T>>>,
}

impl<T> Rests<T> {
    pub(crate) fn new() -> Self {
        Self { left: Mutex::default(), waiting: Mutex::default() }
    }

    /// Group `number` has ended, with these tasks: all it had, or those it has not come to.
    pub(crate) fn leave(&self, number: usize, tasks: Vec<T>) {
        let before = lock(&self.left).insert(number, tasks);
        before.into_iter().flatten().for_each(drop_quietly);
    }

    /// The answer of group `number` is known: it has not come to its last `count` tasks, of which the
    /// first has this position.
    pub(crate) fn answered(&self, number: usize, first: usize, count: usize) {
        let Some(mut tasks) = lock(&self.left).remove(&number) else { return };
        let rest = tasks.split_off(tasks.len().saturating_sub(count));
        tasks.into_iter().for_each(drop_quietly);
        if !rest.is_empty() {
            lock(&self.waiting).insert(first, rest);
        }
    }

    /// Whether there are tasks that nobody has taken.
    pub(crate) fn are_waiting(&self) -> bool {
        !lock(&self.waiting).is_empty()
    }

    /// The next tasks that wait and the position of the first, at most `size` of them, and no more than
    /// leave something for all who want some.
    pub(crate) fn take(&self, size: usize, wanted: usize) -> Option<(usize, Vec<T>)> {
        let mut waiting = lock(&self.waiting);
        let (first, mut tasks) = waiting.pop_first()?;
        let size = size.min(tasks.len().div_ceil(wanted)).max(1);
        if tasks.len() > size {
            waiting.insert(first + size, tasks.split_off(size));
        }
        Some((first, tasks))
    }
}

impl<T> Drop for Rests<T> {
    /// Of a call that has failed there may be some.
    fn drop(&mut self) {
        let left = into_inner(std::mem::take(&mut self.left)).into_values();
        let waiting = into_inner(std::mem::take(&mut self.waiting)).into_values();
        left.chain(waiting).flatten().for_each(drop_quietly);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_group_has_not_come_to_is_shared_in_order() {
        let rests = Rests::new();
        rests.leave(1, vec![20, 21, 22, 23, 24]);
        rests.leave(0, vec![10, 11]);
        assert_eq!(rests.take(9, 1), None, "no answer is known");
        rests.answered(1, 21, 4);
        rests.answered(0, 11, 1);
        assert_eq!(rests.take(9, 1), Some((11, vec![11])));
        assert_eq!(rests.take(9, 2), Some((21, vec![21, 22])));
        assert_eq!(rests.take(1, 1), Some((23, vec![23])));
        assert!(rests.are_waiting());
        assert_eq!(rests.take(1, 9), Some((24, vec![24])));
        assert!(!rests.are_waiting() && rests.take(1, 9).is_none());
    }

    #[test]
    fn a_group_that_left_its_rest_alone_or_nothing_is_the_same() {
        let rests = Rests::new();
        rests.leave(3, vec![7, 8]);
        rests.answered(3, 7, 2);
        assert_eq!(rests.take(9, 1), Some((7, vec![7, 8])));
        rests.leave(4, vec![9]);
        rests.answered(4, 10, 0);
        rests.answered(5, 10, 3);
        assert_eq!(rests.take(9, 1), None);
    }
}
