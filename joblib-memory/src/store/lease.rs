//! Claims where there are no locks: an object that its holder writes again and again.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use joblib_persist::cloud::{Bucket, WriteMode};

/// How long who waits does nothing between two looks: short at first, because many computations are.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Takes the claim `key`. Says whether that was possible; with `wait`, when it is.
///
/// Two who take over the claim of a dead process in the same moment may both have it: claims only
/// save work.
pub(super) fn take(bucket: &Bucket, key: &str, lease: Duration, wait: bool) -> io::Result<bool> {
    loop {
        if write(bucket, key, WriteMode::IfAbsent)? {
            return Ok(true);
        }
        if !wait {
            return Ok(false);
        }
        wait_for_end(bucket, key, lease)?;
    }
}

/// Waits until the claim is given back, or ends it if its holder is dead. Looking is cheaper than
/// writing.
fn wait_for_end(bucket: &Bucket, key: &str, lease: Duration) -> io::Result<()> {
    let (mut pause, longest) = PAUSES;
    let mut watch = Watch::default();
    while let Some(claim) = bucket.info(key)? {
        if !watch.stands(claim.modified, Instant::now(), lease) {
            log::debug!("`{key}` was not renewed for {lease:?}: its holder is dead");
            return bucket.delete(key);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
    Ok(())
}

/// Who waits for a claim sees by its being written again that its holder lives, and not by comparing
/// clocks of several machines.
#[derive(Default)]
struct Watch {
    /// When the claim was written, by the clock of the service, and when that was first seen here.
    seen: Option<(SystemTime, Instant)>,
}

impl Watch {
    /// Whether a claim that is found written at `written` still stands.
    fn stands(&mut self, written: SystemTime, now: Instant, lease: Duration) -> bool {
        match self.seen {
            Some((known, since)) if known == written => now.duration_since(since) <= lease,
            _ => {
                self.seen = Some((written, now));
                true
            }
        }
    }
}

/// Writes a claim; with `IfAbsent`, says whether it was not there.
pub(super) fn write(bucket: &Bucket, key: &str, mode: WriteMode) -> io::Result<bool> {
    let mut object = bucket.write(key, mode);
    object.write_all(b"being computed\n")?;
    object.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_claim_stands_as_long_as_it_is_renewed() {
        let (start, lease) = (Instant::now(), Duration::from_secs(30));
        let second = Duration::from_secs(1);
        let mut watch = Watch::default();
        // Clocks of services may be anywhere, and go backwards.
        for (renewal, written) in [5_000, 5_010, 4_000].into_iter().enumerate() {
            let written = SystemTime::UNIX_EPOCH + written * second;
            let seen = start + 100 * second * renewal as u32;
            assert!(watch.stands(written, seen, lease));
            assert!(watch.stands(written, seen + lease, lease));
            assert!(!watch.stands(written, seen + lease + second, lease));
        }
    }

    #[test]
    fn who_waits_has_the_claim_when_it_is_given_back() {
        let bucket = Bucket::open("memory://lease-given-back").unwrap();
        assert!(take(&bucket, "a.claim", LONG, true).unwrap());
        assert!(!take(&bucket, "a.claim", LONG, false).unwrap());
        assert!(take(&bucket, "b.claim", LONG, false).unwrap());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| take(&bucket, "a.claim", LONG, true).unwrap());
            bucket.delete("a.claim").unwrap();
            assert!(waiting.join().unwrap());
        });
        assert!(!take(&bucket, "a.claim", LONG, false).unwrap());
    }

    #[test]
    fn a_claim_that_nobody_renews_is_taken_over() {
        let bucket = Bucket::open("memory://lease-taken-over").unwrap();
        assert!(take(&bucket, "a.claim", LONG, false).unwrap());
        let before = bucket.info("a.claim").unwrap().unwrap();
        assert!(take(&bucket, "a.claim", Duration::from_millis(60), true).unwrap());
        assert_ne!(bucket.info("a.claim").unwrap().unwrap(), before);
    }
}
