//! What is measured, and against whom.

/// One thing that several sides do.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// Bytes of data, or number of tasks.
    pub(super) size: u64,
    pub(super) unit: Unit,
    pub(super) rounds: usize,
    pub(super) sides: &'static [Side],
}

/// In what results are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    Milliseconds,
    NanosecondsPerTask,
}

/// Someone who does it. The first of a scenario is ours.
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
    Us,
    Python,
}

const fn ours(name: &'static str, operation: &'static str, prepare: Option<&'static str>) -> Side {
    Side { name, by: By::Us, operation, prepare }
}

const fn python(
    name: &'static str,
    operation: &'static str,
    prepare: Option<&'static str>,
) -> Side {
    Side { name, by: By::Python, operation, prepare }
}

/// Everything, at full size or small enough for a minute.
pub(super) fn all(quick: bool) -> Vec<Scenario> {
    let pick = |full: u64, small: u64| if quick { small } else { full };
    let bytes = pick(400_000_000, 40_000_000);
    let rounds = if quick { 3 } else { 7 };
    let files =
        |name, sides| Scenario { name, size: bytes, unit: Unit::Milliseconds, rounds, sides };
    let tasks = |name, size, sides| Scenario {
        name,
        size,
        unit: Unit::NanosecondsPerTask,
        rounds: rounds.min(5),
        sides,
    };
    vec![
        files("dump float64, raw", DUMP),
        files("load float64, raw", LOAD),
        Scenario { rounds: 3, ..files("dump float64, zlib 3", DUMP_ZLIB) },
        Scenario { rounds: 3, ..files("load float64, zlib 3", LOAD_ZLIB) },
        tasks("tiny tasks, 2 threads", pick(1_000_000, 100_000), THREADS),
        tasks("tiny tasks, 2 threads, batches of one", pick(100_000, 10_000), THREADS_ONE),
        tasks("tiny tasks, 2 processes", pick(1_000_000, 100_000), PROCESSES),
        tasks("tiny tasks, 2 processes, batches of one", pick(20_000, 2_000), PROCESSES_ONE),
    ]
}

const DUMP: &[Side] = &[
    ours("ours", "dump", None),
    python("joblib", "dump-joblib", None),
    python("numpy.save", "dump-numpy", None),
    python("fallocate, write", "dump-plain", None),
];

const LOAD: &[Side] = &[
    ours("ours, verified", "load", Some("dump")),
    ours("ours, unverified", "load-unverified", Some("dump")),
    python("joblib", "load-joblib", Some("dump-joblib")),
    python("numpy.load", "load-numpy", Some("dump-numpy")),
    python("read", "load-plain", Some("dump-plain")),
];

const DUMP_ZLIB: &[Side] =
    &[ours("ours", "dump-zlib", None), python("joblib", "dump-joblib-zlib", None)];

const LOAD_ZLIB: &[Side] = &[
    ours("ours", "load-zlib", Some("dump-zlib")),
    python("joblib", "load-joblib-zlib", Some("dump-joblib-zlib")),
];

const THREADS: &[Side] =
    &[ours("ours", "tasks-threads", None), python("joblib threading", "tasks-threading", None)];

const THREADS_ONE: &[Side] = &[
    ours("ours", "tasks-threads-one", None),
    python("joblib threading", "tasks-threading-one", None),
];

const PROCESSES: &[Side] =
    &[ours("ours", "tasks-processes", None), python("joblib loky", "tasks-loky", None)];

const PROCESSES_ONE: &[Side] =
    &[ours("ours", "tasks-processes-one", None), python("joblib loky", "tasks-loky-one", None)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_side_is_ours_and_the_last_is_not() {
        for scenario in all(false).iter().chain(&all(true)) {
            assert_eq!(scenario.sides.first().map(|side| side.by), Some(By::Us));
            assert_eq!(scenario.sides.last().map(|side| side.by), Some(By::Python));
        }
    }
}
