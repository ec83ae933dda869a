//! What one measurement gives, and the line in which a process tells it.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::Result;

/// One operation, done once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) time: Duration,
    /// Bytes of memory at the peak, beyond what was there before the operation.
    pub(super) memory: Option<u64>,
    /// Bytes in files that the operation left.
    pub(super) disk: Option<u64>,
}

impl Sample {
    /// Does `operation`, timed, and asks the system how much memory it took.
    pub(super) fn take<T>(operation: impl FnOnce() -> T) -> (T, Self) {
        // 5 resets the peak to what is in use now.
        let reset = fs::write("/proc/self/clear_refs", "5").is_ok();
        let before = status("VmRSS:");
        let start = Instant::now();
        let value = operation();
        let time = start.elapsed();
        let peak = status("VmHWM:");
        let memory = peak.zip(before).map(|(peak, before)| peak.saturating_sub(before));
        (value, Self { time, memory: memory.filter(|_| reset), disk: None })
    }

    /// `seconds=0.1 memory=1000 disk=2000`, the last two if they are known.
    pub(super) fn line(&self) -> String {
        let mut line = format!("seconds={}", self.time.as_secs_f64());
        for (name, bytes) in [("memory", self.memory), ("disk", self.disk)] {
            if let Some(bytes) = bytes {
                line.push_str(&format!(" {name}={bytes}"));
            }
        }
        line
    }

    pub(super) fn parse(line: &str) -> Result<Self> {
        let wrong = || format!("`{line}` is no measurement");
        let pairs = line.split_whitespace().map(|word| word.split_once('=').ok_or_else(wrong));
        let pairs = pairs.collect::<std::result::Result<BTreeMap<&str, &str>, _>>()?;
        let seconds: f64 = pairs.get("seconds").ok_or_else(wrong)?.parse()?;
        let bytes = |name| pairs.get(name).map(|text| text.parse()).transpose();
        Ok(Self {
            time: Duration::try_from_secs_f64(seconds)?,
            memory: bytes("memory")?,
            disk: bytes("disk")?,
        })
    }
}

/// A field of `/proc/self/status`, in bytes.
fn status(field: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_all_that_was_measured() {
        let whole = Sample { time: Duration::from_millis(250), memory: Some(7), disk: Some(9) };
        assert_eq!(whole.line(), "seconds=0.25 memory=7 disk=9");
        assert_eq!(Sample::parse(&whole.line()).unwrap(), whole);
        let time = Sample { time: Duration::from_secs(1), ..Sample::default() };
        assert_eq!(Sample::parse("seconds=1").unwrap(), time);
        for wrong in ["", "0.25", "memory=1", "seconds=-1", "seconds=1 memory=x"] {
            assert!(Sample::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_of_an_operation_is_seen() {
        let (_, sample) = Sample::take(|| std::hint::black_box(vec![1_u8; 50_000_000]));
        assert!(sample.memory.is_none_or(|bytes| bytes > 40_000_000), "{sample:?}");
    }
}
