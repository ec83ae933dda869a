//! What a pickle stored under numbers, to come back to.

use std::collections::HashMap;

use crate::value::Node;

/// Writers count from 0 upwards; a file may say otherwise, and gets little more memory for it.
#[derive(Debug, Default)]
pub(super) struct Memo {
    dense: Vec<Node>,
    sparse: HashMap<u64, Node>,
    used: u64,
}

/// How many numbers may be left out before they are searched for.
const GAP: u64 = 8;

impl Memo {
    /// Stores under the number that `MEMOIZE` counts to: how many there are.
    #[inline]
    pub(super) fn push(&mut self, node: Node) {
        if self.used == self.dense.len() as u64 {
            self.dense.push(node);
            self.used += 1;
        } else {
            self.put(self.used, node);
        }
    }

    pub(super) fn put(&mut self, number: u64, node: Node) {
        let len = self.dense.len() as u64;
        self.used += u64::from(self.get(number).is_none());
        if number < len {
            self.dense[number as usize] = node;
        } else if number < len + GAP {
            self.dense.resize(number as usize, Node::ABSENT);
            self.dense.push(node);
        } else {
            self.sparse.insert(number, node);
        }
    }

    #[inline]
    pub(super) fn get(&self, number: u64) -> Option<Node> {
        match self.dense.get(number as usize) {
            Some(&node) if node != Node::ABSENT => Some(node),
            _ if self.sparse.is_empty() => None,
            _ => self.sparse.get(&number).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_whatever_the_number() {
        let mut memo = Memo::default();
        let numbers = [0, 1, 7, 3, 500, 1 << 40, u64::MAX, 501];
        for (index, number) in numbers.into_iter().enumerate() {
            memo.put(number, Node::text(index));
        }
        for (index, number) in numbers.into_iter().enumerate() {
            assert_eq!(memo.get(number), Some(Node::text(index)));
        }
        assert_eq!(memo.get(2), None);
        assert_eq!(memo.get(1 << 41), None);
        memo.push(Node::text(8));
        assert_eq!(memo.get(8), Some(Node::text(8)));
        // How many there are counts those that are sparse.
        memo.put(600, Node::text(9));
        memo.push(Node::text(10));
        assert_eq!([memo.get(9), memo.get(10)], [None, Some(Node::text(10))]);
        assert!(memo.dense.len() < 100);
    }
}
