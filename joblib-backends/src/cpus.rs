//! How many cores this process may use.

use std::num::NonZeroUsize;
use std::sync::OnceLock;

/// The variable by which users of loky lower the count.
const LIMIT: &str = "LOKY_MAX_CPU_COUNT";

/// The number of cores this process may use, at least one: what the scheduler's affinity and the
/// cgroup quotas (v1 and v2) leave of the machine, lowered further by `LOKY_MAX_CPU_COUNT`.
///
/// Counted once per process, because reading the quotas costs tens of microseconds. As
/// `joblib.cpu_count` (joblib 1.5, loky's `context.py`) but for one detail: a quota of 1.5 cores
/// counts as one here and as two there.
pub fn cpu_count() -> NonZeroUsize {
    static COUNT: OnceLock<NonZeroUsize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let available = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        limited(available, std::env::var(LIMIT).ok().as_deref())
    })
}

fn limited(available: NonZeroUsize, limit: Option<&str>) -> NonZeroUsize {
    let Some(text) = limit.filter(|text| !text.trim().is_empty()) else {
        return available;
    };
    match text.trim().parse::<i64>() {
        Ok(limit) => NonZeroUsize::new(usize::try_from(limit).unwrap_or(0))
            .unwrap_or(NonZeroUsize::MIN)
            .min(available),
        Err(_) => {
            log::warn!("`{LIMIT}` is `{text}`, not a number: ignored");
            available
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited_to(limit: &str) -> usize {
        limited(NonZeroUsize::new(8).unwrap(), Some(limit)).get()
    }

    #[test]
    fn the_variable_only_lowers_the_count() {
        assert_eq!(limited_to("3"), 3);
        assert_eq!(limited_to("16"), 8);
    }

    #[test]
    fn at_least_one_core_is_left() {
        assert_eq!(limited_to("0"), 1);
        assert_eq!(limited_to("-4"), 1);
    }

    #[test]
    fn an_empty_or_wrong_variable_changes_nothing() {
        assert_eq!(limited_to(""), 8);
        assert_eq!(limited_to("many"), 8);
    }
}
