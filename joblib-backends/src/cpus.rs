//! How many cores this process may use.

#[cfg(target_os = "linux")]
mod list;
#[cfg(target_os = "linux")]
mod quota;

use std::num::NonZeroUsize;
use std::sync::OnceLock;

/// The variable by which users of loky lower the count.
const LIMIT: &str = "LOKY_MAX_CPU_COUNT";

/// The number of cores this process may use, at least one: what the scheduler's affinity and the
/// cgroup quotas (v1 and v2) leave of the machine, lowered further by `LOKY_MAX_CPU_COUNT`.
///
/// A quota of 1.5 cores counts as two: as `joblib.cpu_count` (joblib 1.5, loky's `context.py`).
/// Counted once per process, because reading the quotas costs tens of microseconds.
pub fn cpu_count() -> NonZeroUsize {
    static COUNT: OnceLock<NonZeroUsize> = OnceLock::new();
    *COUNT.get_or_init(|| limited(available(), std::env::var(LIMIT).ok().as_deref()))
}

/// The number of physical cores this process may use: of cores that run two threads each, one is
/// counted. At least one, never more than [`cpu_count`], and the same where the system does not tell.
///
/// As `joblib.cpu_count(only_physical_cores=True)` (joblib 1.5), except that an affinity to some
/// cores does not make it count threads.
pub fn physical_cpu_count() -> NonZeroUsize {
    static COUNT: OnceLock<NonZeroUsize> = OnceLock::new();
    *COUNT.get_or_init(|| physical().map_or(cpu_count(), |cores| cores.min(cpu_count())))
}

#[cfg(target_os = "linux")]
fn available() -> NonZeroUsize {
    let Some(allowed) = list::allowed().and_then(|cpus| NonZeroUsize::new(cpus.len())) else {
        return std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    };
    quota::of_this_process().map_or(allowed, |quota| quota.min(allowed))
}

#[cfg(not(target_os = "linux"))]
fn available() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(target_os = "linux")]
fn physical() -> Option<NonZeroUsize> {
    list::allowed().and_then(|cpus| list::cores(&cpus))
}

#[cfg(not(target_os = "linux"))]
fn physical() -> Option<NonZeroUsize> {
    None
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

    #[test]
    fn the_counts_fit_together() {
        assert!(physical_cpu_count() <= cpu_count());
        let whole = std::thread::available_parallelism().unwrap();
        // The standard library rounds a quota down.
        assert!(available() >= whole && available().get() <= whole.get() + 1);
    }
}
