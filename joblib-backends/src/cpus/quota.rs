//! What cgroups leave of the processor.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";

/// The smallest quota of the groups this process is in, in whole cores, rounded up; `None` without.
pub(super) fn of_this_process() -> Option<NonZeroUsize> {
    of(&fs::read_to_string("/proc/self/cgroup").ok()?, Path::new(ROOT))
}

/// The same for the `groups` as `/proc/self/cgroup` lists them, mounted at `root`.
fn of(groups: &str, root: &Path) -> Option<NonZeroUsize> {
    let quotas = groups.lines().filter_map(|line| {
        // Number, controllers, path; version 2 has one group with no controllers named.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?.trim_start_matches('/'));
        if controllers.is_empty() {
            smallest(root, path, second_version)
        } else if controllers.split(',').any(|name| name == "cpu") {
            let mounts = [root.join("cpu"), root.join(controllers)];
            mounts.iter().find_map(|mount| smallest(mount, path, first_version))
        } else {
            None
        }
    });
    quotas.min()
}

/// The smallest quota of the group at `path` and those around it. In a container the path may be
/// that of the machine outside; the groups around it are then still there.
fn smallest(
    mount: impl AsRef<Path>,
    path: &str,
    read: fn(&Path) -> Option<NonZeroUsize>,
) -> Option<NonZeroUsize> {
    let group: PathBuf = mount.as_ref().join(path);
    let around = group.ancestors().take_while(|group| group.starts_with(&mount));
    around.filter_map(read).min()
}

fn second_version(group: &Path) -> Option<NonZeroUsize> {
    let text = fs::read_to_string(group.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    cores(quota, period)
}

fn first_version(group: &Path) -> Option<NonZeroUsize> {
    let read = |file| fs::read_to_string(group.join(file)).ok();
    cores(read("cpu.cfs_quota_us")?.trim(), read("cpu.cfs_period_us")?.trim())
}

/// `max` or a negative quota is none.
fn cores(quota: &str, period: &str) -> Option<NonZeroUsize> {
    let (quota, period) = (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?);
    let cores = quota.checked_add(period.checked_sub(1)?)? / period;
    NonZeroUsize::new(usize::try_from(cores).ok()?.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(groups: &str, files: &[(&str, &str)]) -> Option<usize> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        of(groups, root.path()).map(NonZeroUsize::get)
    }

    #[test]
    fn a_quota_is_rounded_up() {
        assert_eq!(quota("0::/\n", &[("cpu.max", "150000 100000\n")]), Some(2));
        assert_eq!(quota("0::/\n", &[("cpu.max", "5000 100000\n")]), Some(1));
        assert_eq!(quota("0::/\n", &[("cpu.max", "max 100000\n")]), None);
        assert_eq!(quota("0::/\n", &[("cpu.max", "\n")]), None);
    }

    #[test]
    fn the_smallest_of_the_groups_around_counts() {
        let files = [("a/cpu.max", "300000 100000"), ("a/b/cpu.max", "max 100000")];
        assert_eq!(quota("0::/a/b\n", &files), Some(3));
        assert_eq!(quota("0::/a/b/not/here\n", &files), Some(3));
    }

    #[test]
    fn the_first_version_is_understood() {
        let files = [
            ("cpu/job/cpu.cfs_quota_us", "250000\n"),
            ("cpu/job/cpu.cfs_period_us", "100000\n"),
            ("cpu/cpu.cfs_quota_us", "-1\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
        ];
        assert_eq!(quota("4:memory:/x\n3:cpu,cpuacct:/job\n0::/\n", &files), Some(3));
        assert_eq!(quota("3:cpu,cpuacct:/\n", &files), None);
    }

    #[test]
    fn nonsense_is_no_quota() {
        for wrong in ["1 0", "x 1", "18446744073709551615 2"] {
            assert_eq!(quota("0::/\nnonsense\n", &[("cpu.max", wrong)]), None, "{wrong}");
        }
    }
}
