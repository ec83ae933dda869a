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

/// Runs that are shorter than this are put behind the run that they follow.
const SHORT: usize = 32;

/// Among so many runs, the last ones, a short run looks for the one it follows.
const LOOKED_AT: usize = 8;

/// Runs in the order in which they came. A million batches of one task come nearly in order: kept
/// apart, they would cost a vector each, and a sort in the end.
#[derive(Debug)]
pub(crate) struct Runs<X>(Vec<Run<X>>);

impl<X> Default for Runs<X> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<X> Runs<X> {
    /// Adds `run`, and gives back what memory it had if that is not needed.
    pub(crate) fn add(&mut self, mut run: Run<X>) -> Option<Run<X>> {
        if run.items.len() < SHORT {
            let before = |other: &&mut Run<X>| other.first + other.items.len() == run.first;
            if let Some(before) = self.0.iter_mut().rev().take(LOOKED_AT).find(before) {
                before.items.append(&mut run.items);
                return Some(run);
            }
        }
        self.0.push(run);
        None
    }

    /// The runs in the order of their positions.
    pub(crate) fn sorted(self) -> Vec<Run<X>> {
        let mut runs = self.0;
        // Stable sorting is quick on what is nearly in order.
        runs.sort_by_key(|run| run.first);
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_runs_follow_each_other_and_long_ones_stay_what_they_are() {
        let mut runs = Runs::default();
        for (first, len) in [(2, 1), (0, 1), (3, 2), (1, 1), (5, SHORT), (5 + SHORT, 1)] {
            runs.add(Run { first, items: (first..first + len).collect() });
        }
        let runs = runs.sorted();
        let found: Vec<_> = runs.iter().map(|run| (run.first, run.items.len())).collect();
        assert_eq!(found, [(0, 2), (2, 3), (5, SHORT + 1)]);
        assert!(runs.into_iter().flat_map(|run| run.items).eq(0..6 + SHORT));
    }

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
