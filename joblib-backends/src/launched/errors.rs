//! What a launcher says on its standard error: shown, and kept for the message if it starts no worker.

use std::io::{self, Read, Write};
use std::process::ChildStderr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// So much of what was said last is kept.
const KEPT: usize = 2048;
/// How long the last words of a launcher that has ended may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A thread that passes on what a launcher says.
pub(super) struct Errors {
    last: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Errors {
    pub(super) fn forward(mut source: ChildStderr) -> Self {
        let last = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&last);
        let forward = move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = source.read(&mut buffer) {
                let said = &buffer[..n];
                io::stderr().lock().write_all(said).ok();
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(said);
                let excess = kept.len().saturating_sub(KEPT);
                kept.drain(..excess);
            }
        };
        // Without the thread the pipe is closed, and nobody hears what the launcher says.
        let thread = thread::Builder::new().name("joblib-launcher".into()).spawn(forward).ok();
        Self { last, thread }
    }

    /// What was said last, as the end of a sentence.
    pub(super) fn said(&self) -> String {
        let until = Instant::now() + LAST_WORDS;
        let speaks = || self.thread.as_ref().is_some_and(|thread| !thread.is_finished());
        while speaks() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&last);
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { String::new() } else { format!(": {}", lines.join("; ")) }
    }
}
