//! How often results were found, and what that was worth.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::{Function, at_exit, tally};

/// How long counts are kept before they are written down: whoever is killed loses so much.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often results were found, and what that was worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls whose result was found.
    pub hits: u64,
    /// Calls whose result was computed.
    pub misses: u64,
    /// How long the computations took.
    pub computing: Duration,
    /// How long the computations had taken whose results were found. Not known, and not counted,
    /// for large compressed results and for those that were shelved.
    pub saved: Duration,
}

impl Stats {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            hits: self.hits.saturating_add(other.hits),
            misses: self.misses.saturating_add(other.misses),
            computing: self.computing.saturating_add(other.computing),
            saved: self.saved.saturating_add(other.saved),
        }
    }
}

/// Counts by function.
pub(crate) type Counts = HashMap<Function, Stats>;

/// The counts of one memory in this process, which it writes down for all processes if its store is
/// a folder.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    location: Option<Box<Path>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    written: Stats,
    /// What was counted since.
    fresh: Counts,
    fresh_since: Option<Stopwatch>,
}

impl Counters {
    pub(crate) fn new(location: Option<&Path>) -> Arc<Self> {
        let counters =
            Arc::new(Self { location: location.map(Into::into), state: Mutex::default() });
        if location.is_some() {
            at_exit::write(&counters);
        }
        counters
    }

    pub(crate) fn hit(&self, function: &Function) {
        self.count(function, |stats| stats.hits += 1);
    }

    pub(crate) fn missed(&self, function: &Function) {
        self.count(function, |stats| stats.misses += 1);
    }

    pub(crate) fn computed(&self, function: &Function, time: Duration) {
        self.count(function, |stats| stats.computing = stats.computing.saturating_add(time));
    }

    pub(crate) fn saved(&self, function: &Function, time: Duration) {
        self.count(function, |stats| stats.saved = stats.saved.saturating_add(time));
    }

    /// What this process counted.
    pub(crate) fn stats(&self) -> Stats {
        let state = self.lock();
        state.fresh.values().copied().fold(state.written, Stats::and)
    }

    /// What all processes counted in the folder, or this one where there is none.
    pub(crate) fn of_all(&self) -> Counts {
        let fresh = self.lock().fresh.clone();
        match &self.location {
            Some(location) => merged(tally::read(location), fresh),
            None => fresh,
        }
    }

    /// Writes down what was counted since the last time; what cannot be written stays.
    ///
    /// Without `patience` it does not wait for another process that does the same.
    pub(crate) fn write(&self, patience: bool) {
        let Some(location) = &self.location else { return };
        let fresh = std::mem::take(&mut self.lock().fresh);
        if fresh.is_empty() {
            return;
        }
        let written = tally::add(location, &fresh, patience);
        let mut state = self.lock();
        if written {
            state.written = fresh.into_values().fold(state.written, Stats::and);
        } else {
            state.fresh = merged(std::mem::take(&mut state.fresh), fresh);
        }
    }

    fn count(&self, function: &Function, change: impl FnOnce(&mut Stats)) {
        let mut state = self.lock();
        match state.fresh.get_mut(function) {
            Some(stats) => change(stats),
            None => change(state.fresh.entry(function.clone()).or_default()),
        }
        if self.location.is_none() {
            return;
        }
        let since = *state.fresh_since.get_or_insert_with(Stopwatch::start);
        if since.elapsed() >= INTERVAL {
            state.fresh_since = Some(Stopwatch::start());
            drop(state);
            self.write(false);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        self.write(true);
    }
}

pub(crate) fn merged(mut counts: Counts, more: Counts) -> Counts {
    for (function, stats) in more {
        let sum = counts.entry(function).or_default();
        *sum = sum.and(stats);
    }
    counts
}
