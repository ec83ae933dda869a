//! What is measured, and against whom.

use std::path::Path;

use super::sample::Sample;
use crate::Result;

/// Scenarios about one thing, each in a file of its own.
pub(super) struct Area {
    /// As the command line names it.
    pub(super) name: &'static str,
    /// At full size, or small enough for a minute.
    pub(super) scenarios: fn(quick: bool) -> Vec<Scenario>,
    /// Does our side of an operation in this process; `None` if it is none of this area.
    pub(super) measure: fn(operation: &str, folder: &Path, size: u64) -> Result<Option<Sample>>,
    /// What the Python side needs: a file of `xtask/python`, without its extension.
    pub(super) requirements: &'static str,
    /// The Python side: a file of `xtask/python`.
    pub(super) script: &'static str,
}

/// One thing that several sides do.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    /// Bytes of data, or number of tasks.
    pub(super) size: u64,
    pub(super) unit: Unit,
    pub(super) rounds: usize,
    /// The first is ours.
    pub(super) sides: Vec<Side>,
}

/// In what results are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    /// Milliseconds for `size` bytes.
    Milliseconds,
    /// Milliseconds for all of `size` tasks.
    MillisecondsInAll,
    /// Microseconds for each of `size` calls.
    MicrosecondsPerCall,
    /// Nanoseconds for each of `size` tasks.
    NanosecondsPerTask,
}

/// Someone who does it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) by: By,
    /// What the program is asked for.
    pub(super) operation: &'static str,
    /// What the program is asked for once before, unmeasured.
    pub(super) prepare: Option<&'static str>,
}

/// The program that does it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum By {
    /// This program, with our crates.
    Us,
    /// This program, with another Rust crate or the bare system.
    Rust,
    /// The program in `xtask/peers`, of Rust crates that nothing else here needs.
    Peers,
    Python,
}

impl Side {
    pub(super) const fn ours(name: &'static str, operation: &'static str) -> Self {
        Self { name, by: By::Us, operation, prepare: None }
    }

    /// Of another crate, or of the bare system, in this program.
    pub(super) const fn rust(name: &'static str, operation: &'static str) -> Self {
        Self { name, by: By::Rust, operation, prepare: None }
    }

    pub(super) const fn python(name: &'static str, operation: &'static str) -> Self {
        Self { name, by: By::Python, operation, prepare: None }
    }

    pub(super) const fn peer(name: &'static str, operation: &'static str) -> Self {
        Self { name, by: By::Peers, operation, prepare: None }
    }

    pub(super) const fn after(self, prepare: &'static str) -> Self {
        Self { prepare: Some(prepare), ..self }
    }
}
