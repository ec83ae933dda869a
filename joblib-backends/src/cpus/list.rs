//! Which cores the scheduler gives this process, and which of them share a physical one.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;

/// More are not believed: the kernel itself stops at 8192.
const MOST: usize = 1 << 16;

/// The numbers of the cores this process may run on; `None` if `/proc` does not tell.
pub(super) fn allowed() -> Option<Vec<usize>> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    parse(list.trim())
}

/// A list such as `0-3,8,10-11`.
fn parse(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        if last >= MOST {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// How many physical cores the `cpus` belong to; `None` if the system does not tell.
pub(super) fn cores(cpus: &[usize]) -> Option<NonZeroUsize> {
    let place = |cpu: &usize| {
        let read = |what| {
            let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/{what}");
            fs::read_to_string(path).ok()
        };
        Some((read("physical_package_id")?, read("core_id")?))
    };
    let cores: Option<BTreeSet<_>> = cpus.iter().map(place).collect();
    NonZeroUsize::new(cores?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(parse("0-3,8,10-11"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(parse("5"), Some(vec![5]));
        for wrong in ["", "a", "1-", "-1", "0-99999999999"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn this_process_runs_somewhere() {
        let cpus = allowed().unwrap();
        assert!(!cpus.is_empty());
        assert!(cores(&cpus).is_none_or(|cores| cores.get() <= cpus.len()));
    }
}
