//! Waiting for what comes soon: to be woken takes longer than many an answer.

use std::thread;
use std::time::{Duration, Instant};

/// For so long somebody looks again and again before they sleep.
const MOMENT: Duration = Duration::from_micros(30);
/// A wait this short might have been shorter, had nobody had to be woken.
const SHORT: Duration = Duration::from_micros(200);

/// One who waits again and again, and whether the last time was short. Who waits for tasks that take
/// their time sleeps at once, and leaves the processor to them.
#[derive(Debug, Default)]
pub(super) struct Vigil {
    was_short: bool,
}

impl Vigil {
    /// What `look` finds within a moment, or else what `sleep` brings.
    pub(super) fn wait<R>(
        &mut self,
        mut look: impl FnMut() -> Option<R>,
        sleep: impl FnOnce() -> R,
    ) -> R {
        let start = Instant::now();
        if self.was_short {
            loop {
                if let Some(found) = look() {
                    return found;
                }
                if start.elapsed() >= MOMENT {
                    break;
                }
                // Whatever is waited for may need this processor.
                thread::yield_now();
            }
        }
        let found = sleep();
        self.was_short = start.elapsed() < SHORT;
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_long_sleeps_at_once_and_who_did_not_looks_first() {
        let mut vigil = Vigil::default();
        let slept = |vigil: &mut Vigil, long| {
            let sleep = || {
                thread::sleep(if long { 2 * SHORT } else { Duration::ZERO });
                "slept"
            };
            vigil.wait(|| Some("found"), sleep)
        };
        assert_eq!(slept(&mut vigil, true), "slept", "nothing is known yet");
        assert_eq!(slept(&mut vigil, true), "slept");
        vigil.was_short = true;
        assert_eq!(slept(&mut vigil, true), "found");
        assert_eq!(vigil.wait(|| None, || "slept"), "slept");
        vigil.was_short = true;
        vigil.wait(|| None, || thread::sleep(2 * SHORT));
        assert!(!vigil.was_short);
    }
}
