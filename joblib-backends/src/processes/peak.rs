//! The most memory that this process has had at once.

use std::fs::File;
use std::io::Read;

/// The most physical memory that this process has had at once, in bytes; 0 if `/proc` does not tell.
///
/// `getrusage` would count what the process had before it became this program. Allocates nothing, so
/// that it may be asked for by a process that is about to abort.
pub(super) fn peak_memory() -> u64 {
    let mut buffer = [0; 4096];
    let mut status = &mut buffer[..];
    let Ok(mut file) = File::open("/proc/self/status") else {
        return 0;
    };
    while let Ok(n @ 1..) = file.read(status) {
        status = &mut status[n..];
    }
    parse(&buffer).unwrap_or(0)
}

/// The line `VmHWM:      1234 kB`.
fn parse(status: &[u8]) -> Option<u64> {
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"VmHWM:"))?;
    let digits = line.trim_ascii().strip_suffix(b" kB")?;
    let kilobytes: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_found_among_other_lines() {
        assert_eq!(parse(b"VmPeak:\t 9 kB\nVmHWM:\t    12 kB\nVmRSS:\t 3 kB\n"), Some(12 * 1024));
        assert_eq!(parse(b"VmHWM: 99999999999999999999 kB\n"), None);
        assert_eq!(parse(b"VmRSS: 3 kB\n"), None);
    }

    #[test]
    fn memory_that_was_touched_is_in_it() {
        let before = peak_memory();
        assert!(before > 0);
        let touched = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(peak_memory() >= 64 << 20);
        drop(touched);
        assert!(peak_memory() >= 64 << 20);
    }
}
