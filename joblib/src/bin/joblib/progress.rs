//! A sign of life for what takes long.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// What takes less shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often the line is drawn.
const TICK: Duration = Duration::from_millis(200);

const BAR: &str =
    "{msg} {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
const COUNT: &str = "{spinner} {msg}: {binary_bytes} in {elapsed}";
const TIME: &str = "{spinner} {msg}: {elapsed}";

/// One thing that is being done. After a second a line on the terminal says what, and how far it is;
/// if standard error is no terminal, nothing does.
pub(crate) struct Progress {
    bar: ProgressBar,
    line: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins to wait. With `total`, as many bytes are to come.
    pub(crate) fn begin(what: String, total: Option<u64>) -> Self {
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        // Nothing is drawn until then.
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        bar.set_message(what);
        let (done, waiting) = channel();
        let shown = bar.clone();
        let line = thread::Builder::new().spawn(move || show(&shown, &waiting)).ok();
        Progress { bar, line: line.map(|line| (done, line)) }
    }

    /// Takes the line away.
    pub(crate) fn end(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, line)) = self.line.take() {
            drop(done);
            // A line that could not be drawn is no failure.
            let _ = line.join();
        }
    }
}

fn show(bar: &ProgressBar, waiting: &Receiver<()>) {
    if waiting.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
    loop {
        let style = match (bar.length(), bar.position()) {
            (Some(_), _) => BAR,
            (None, 0) => TIME,
            (None, _) => COUNT,
        };
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.tick();
        if waiting.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    bar.finish_and_clear();
}

/// A writer whose bytes are counted.
pub(crate) struct Counted<'w> {
    writer: &'w mut dyn Write,
    progress: &'w Progress,
}

impl<'w> Counted<'w> {
    pub(crate) fn new(writer: &'w mut dyn Write, progress: &'w Progress) -> Self {
        Counted { writer, progress }
    }
}

/// The bar moves while a large array is written, not only afterwards.
const PIECE: usize = 8 << 20;

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(&bytes[..bytes.len().min(PIECE)])?;
        self.progress.bar.inc(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
