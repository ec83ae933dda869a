//! The lines that `verbose` asks for: joblib's (joblib 1.5, `parallel.py`, `print_progress`), but
//! counted by tasks where joblib counts batches.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::batching::Resized;
use crate::clock::Start;
use crate::hook::{Hook, ProgressUpdate};

/// Above this, every completion is reported.
const EVERY_COMPLETION: u32 = 10;

/// From here on, lines go to the standard output instead of the standard error.
const TO_STDOUT: u32 = 50;

/// What is known beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub(crate) verbose: u32,
    /// Whom to tell besides.
    pub(crate) hooks: Vec<Hook>,
    /// As asked for, such as `-1`.
    pub(crate) n_jobs: String,
    /// The number of tasks, if the input knows it.
    pub(crate) total: Option<usize>,
    /// How many batches were handed over ahead.
    pub(crate) pre_dispatch: usize,
}

/// Counts the tasks of a call and prints how far it is. Counting takes no lock.
pub(crate) struct Progress {
    outline: Outline,
    start: Option<Start>,
    dispatched: AtomicUsize,
    exhausted: AtomicBool,
    done: AtomicUsize,
    /// The value of `dispatched` when it was last decided whether a line is due.
    seen: AtomicUsize,
    print: fn(u32, &str),
}

impl Progress {
    pub(crate) fn new(outline: Outline) -> Self {
        Self::printing(outline, print)
    }

    fn printing(outline: Outline, print: fn(u32, &str)) -> Self {
        Self {
            outline,
            start: Start::now(),
            dispatched: AtomicUsize::new(0),
            exhausted: AtomicBool::new(false),
            done: AtomicUsize::new(0),
            seen: AtomicUsize::new(0),
            print,
        }
    }

    pub(crate) fn started(&self, backend: &str, workers: usize) {
        if self.outline.verbose > 0 {
            self.say(&format!("Using backend {backend} with {workers} concurrent workers."));
        }
    }

    pub(crate) fn dispatched(&self, tasks: usize) {
        self.dispatched.fetch_add(tasks, Relaxed);
    }

    /// The input has ended.
    pub(crate) fn exhausted(&self) {
        self.exhausted.store(true, Relaxed);
    }

    pub(crate) fn completed(&self, tasks: usize) {
        let before = self.done.fetch_add(tasks, Relaxed);
        let done = before + tasks;
        let dispatched = self.dispatched.load(Relaxed);
        let Outline { verbose, total, pre_dispatch, .. } = self.outline;
        self.tell(done, false);
        if verbose == 0 {
            return;
        }
        if !self.exhausted.load(Relaxed) {
            let seen = self.seen.fetch_max(dispatched, Relaxed);
            if is_due(verbose, seen, dispatched) {
                self.say(&running(done, total, self.elapsed()));
            }
        } else if is_due_at_end(verbose, before..done, dispatched, pre_dispatch) {
            self.say(&ending(done, dispatched, total, self.elapsed()));
        }
    }

    /// Batches have another size from now on.
    pub(crate) fn resized(&self, resized: Resized) {
        if self.outline.verbose >= EVERY_COMPLETION {
            self.say(&resizing(resized));
        }
    }

    /// All is done.
    pub(crate) fn finished(&self) {
        self.tell(self.done.load(Relaxed), true);
        if self.outline.verbose == 0 {
            return;
        }
        self.say(&finished(self.done.load(Relaxed), self.outline.total, self.elapsed()));
    }

    /// Tells the hooks.
    fn tell(&self, done: usize, finished: bool) {
        if self.outline.hooks.is_empty() {
            return;
        }
        let dispatched = self.dispatched.load(Relaxed);
        let over = finished || self.exhausted.load(Relaxed);
        let total = if over { Some(dispatched) } else { self.outline.total };
        let elapsed = self.elapsed();
        let update = ProgressUpdate { done, dispatched, total, elapsed, finished };
        self.outline.hooks.iter().for_each(|hook| hook.call(&update));
    }

    fn elapsed(&self) -> Duration {
        self.start.map_or(Duration::ZERO, Start::elapsed)
    }

    fn say(&self, message: &str) {
        let line = format!("[Parallel(n_jobs={})]: {message}\n", self.outline.n_jobs);
        (self.print)(self.outline.verbose, &line);
    }
}

/// A line that cannot be written is not worth an error.
fn print(verbose: u32, line: &str) {
    let _ = if verbose < TO_STDOUT {
        std::io::stderr().write_all(line.as_bytes())
    } else {
        std::io::stdout().write_all(line.as_bytes())
    };
}

/// Whether a line is due while there is more input: at distances that grow with the square of the
/// number of lines, and shrink with `verbose`.
fn is_due(verbose: u32, seen: usize, dispatched: usize) -> bool {
    if verbose > EVERY_COMPLETION {
        return true;
    }
    let distance = 0.5 * f64::from(11 - verbose).powi(2);
    let lines = |dispatched: usize| (dispatched as f64 / distance).sqrt() as usize;
    dispatched > seen && lines(dispatched + 1) != lines(seen + 1)
}

/// Whether a line is due once the number of tasks is known: about `verbose` times until the end.
fn is_due_at_end(
    verbose: u32,
    done: std::ops::Range<usize>,
    dispatched: usize,
    pre_dispatch: usize,
) -> bool {
    if done.end + 1 >= dispatched {
        return false;
    }
    let every = (dispatched / verbose as usize + 1) as i64;
    // What is left after each of these completions; a line is due at multiples of `every`.
    let left = |done: usize| dispatched as i64 + 1 - pre_dispatch as i64 - done as i64;
    (left(done.start) - 1).div_euclid(every) != (left(done.end) - 1).div_euclid(every)
}

/// Room for the number of tasks, or three digits.
fn width(total: Option<usize>) -> usize {
    match total {
        Some(total) if total > 0 => total.ilog10() as usize + 1,
        _ => 3,
    }
}

fn running(done: usize, total: Option<usize>, elapsed: Duration) -> String {
    let (width, time) = (width(total), short_time(elapsed));
    match total {
        Some(total) => format!("Done {done:width$} out of {total:width$} | elapsed: {time}"),
        // As long as the line with a total.
        None => format!("Done {done:width$} {:pad$} | elapsed: {time}", "tasks", pad = width + 7),
    }
}

fn resizing(Resized { from, to, because }: Resized) -> String {
    let why = if to > from { "fast" } else { "slow" };
    let seconds = because.as_secs_f64();
    format!("Batch computation too {why} ({seconds:.6}s.) Setting batch_size={to}.")
}

fn ending(done: usize, dispatched: usize, total: Option<usize>, elapsed: Duration) -> String {
    let width = width(total);
    let per_task = elapsed.as_secs_f64() / done.max(1) as f64;
    let left = Duration::from_secs_f64(per_task * dispatched.saturating_sub(done) as f64);
    let (time, left) = (short_time(elapsed), short_time(left));
    format!("Done {done:width$} out of {dispatched:width$} | elapsed: {time} remaining: {left}")
}

fn finished(done: usize, total: Option<usize>, elapsed: Duration) -> String {
    let width = width(total);
    format!("Done {done:width$} out of {done:width$} | elapsed: {} finished", short_time(elapsed))
}

/// Seconds up to a minute, then minutes.
fn short_time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds > 60.0 { format!("{:4.1}min", seconds / 60.0) } else { format!(" {seconds:5.1}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENTH: Duration = Duration::from_millis(100);

    #[test]
    fn lines_are_joblibs() {
        assert_eq!(running(14, None, TENTH), "Done  14 tasks      | elapsed:    0.1s");
        assert_eq!(running(14, Some(20), TENTH), "Done 14 out of 20 | elapsed:    0.1s");
        assert_eq!(
            resizing(Resized { from: 4, to: 8, because: TENTH }),
            "Batch computation too fast (0.100000s.) Setting batch_size=8."
        );
        assert_eq!(
            resizing(Resized { from: 4, to: 2, because: TENTH }),
            "Batch computation too slow (0.100000s.) Setting batch_size=2."
        );
        assert_eq!(
            ending(1, 20, None, Duration::from_millis(26)),
            "Done   1 out of  20 | elapsed:    0.0s remaining:    0.5s"
        );
        assert_eq!(
            finished(100, Some(100), Duration::from_millis(500)),
            "Done 100 out of 100 | elapsed:    0.5s finished"
        );
    }

    #[test]
    fn lines_are_equally_long_with_and_without_a_total() {
        let [with, without] = [Some(200), None].map(|total| running(7, total, TENTH).len());
        assert_eq!(with, without);
    }

    #[test]
    fn long_times_are_minutes() {
        assert_eq!(short_time(Duration::from_secs(60)), "  60.0s");
        assert_eq!(short_time(Duration::from_secs(90)), " 1.5min");
        assert_eq!(short_time(Duration::from_secs(36_000)), "600.0min");
    }

    /// After how many tasks joblib prints, when `ahead` more were dispatched than are done.
    fn reported(verbose: u32, ahead: usize, tasks: usize) -> Vec<usize> {
        let mut seen = 0;
        let mut reported = Vec::new();
        for done in 1..=tasks {
            if is_due(verbose, seen, done + ahead) {
                reported.push(done);
            }
            seen = done + ahead;
        }
        reported
    }

    #[test]
    fn lines_come_when_joblib_prints_them() {
        assert_eq!(reported(10, 0, 20), [1, 4, 7, 12, 17]);
        assert_eq!(reported(5, 0, 20), [17]);
        assert_eq!(reported(1, 0, 60), [49]);
        assert_eq!(reported(10, 3, 96), [1, 4, 9, 14, 21, 28, 37, 46, 57, 68, 81, 94]);
        assert_eq!(reported(5, 3, 96), [14, 68]);
        assert_eq!(reported(1, 3, 96), [46]);
        assert_eq!(reported(11, 3, 5), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_batch_that_passes_a_mark_reports_once() {
        assert!(is_due(5, 10, 40));
        assert!(!is_due(5, 20, 40));
    }

    #[test]
    fn towards_the_end_lines_are_evenly_spaced() {
        let single = |done: usize| is_due_at_end(5, done - 1..done, 100, 100);
        let reported: Vec<_> = (1..=100).filter(|&done| single(done)).collect();
        assert_eq!(reported, [1, 22, 43, 64, 85]);
        assert!(is_due_at_end(5, 10..30, 100, 100));
        assert!(!is_due_at_end(5, 22..42, 100, 100));
    }

    #[test]
    fn a_call_reports_from_start_to_end() {
        use std::sync::Mutex;
        static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let outline = Outline {
            verbose: 11,
            hooks: Vec::new(),
            n_jobs: "-1".into(),
            total: Some(3),
            pre_dispatch: 2,
        };
        let progress = Progress::printing(outline, |verbose, line| {
            assert_eq!(verbose, 11);
            LINES.lock().unwrap().push(line.to_owned());
        });
        progress.started("threads", 2);
        progress.dispatched(2);
        progress.completed(1);
        progress.dispatched(1);
        progress.exhausted();
        progress.completed(2);
        progress.finished();
        let lines = LINES.lock().unwrap();
        let elapsed = "| elapsed:    0.0s";
        assert_eq!(
            *lines,
            [
                "[Parallel(n_jobs=-1)]: Using backend threads with 2 concurrent workers.\n".into(),
                format!("[Parallel(n_jobs=-1)]: Done 1 out of 3 {elapsed}\n"),
                format!("[Parallel(n_jobs=-1)]: Done 3 out of 3 {elapsed} finished\n"),
            ]
        );
    }
}
