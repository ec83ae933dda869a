//! Items with their positions, kept as stretches without gaps.

/// Neighbouring items, from position `first`.
#[derive(Debug)]
pub(crate) struct Run<X> {
    pub(crate) first: usize,
    pub(crate) items: Vec<X>,
}

impl<X> Run<X> {
    pub(crate) fn empty() -> Self {
        Self { first: 0, items: Vec::new() }
    }

    /// Appends `item`; gives back what was there if the item does not follow it.
    pub(crate) fn push(&mut self, position: usize, item: X) -> Option<Self> {
        let follows = position == self.first + self.items.len();
        let done = (!follows || self.items.is_empty())
            .then(|| std::mem::replace(self, Self { first: position, items: Vec::new() }));
        self.items.push(item);
        done.filter(|run| !run.items.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_ends_a_run() {
        let mut run = Run::empty();
        let mut done = Vec::new();
        for position in [3, 4, 6, 9, 10] {
            done.extend(run.push(position, position));
        }
        done.push(run);
        let done: Vec<_> = done.into_iter().map(|run| (run.first, run.items)).collect();
        assert_eq!(done, [(3, vec![3, 4]), (6, vec![6]), (9, vec![9, 10])]);
    }
}
