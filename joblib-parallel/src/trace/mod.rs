//! A picture of a call: what ran where and when.
//!
//! Whoever runs a task takes the time there, so that worker processes are measured by themselves and
//! no backend knows of it; the batch hands what it learnt to the [`Recorder`] of its call.

mod render;
mod span;
#[cfg(feature = "processes")]
pub(crate) mod wire;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::sync::{Mutex, lock};
use crate::{Error, Result};

pub(crate) use span::{Span, measured};

/// How many bars a picture has at most: it is held in memory until the call is over.
const MOST: usize = 1 << 20;

/// Neighbours of one batch are drawn as one bar for as long as it takes less than this, in
/// nanoseconds: a million tiny tasks would be slow to look at and show nothing more.
const TINY: u64 = 20_000;

/// How a task ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    Done,
    Failed,
    /// To be tried again.
    Again,
}

/// One task, or tiny neighbours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    /// The position of the first task.
    pub(crate) first: usize,
    pub(crate) tasks: usize,
    pub(crate) ending: Ending,
    pub(crate) attempt: u32,
    pub(crate) span: Span,
    /// The number of the batch, and how many tasks it had.
    batch: u32,
    size: usize,
}

impl Bar {
    pub(crate) fn new(task: usize, attempt: u32, ending: Ending, span: Span) -> Self {
        Self { first: task, tasks: 1, ending, attempt, span, batch: 0, size: 1 }
    }

    /// Takes `next` in if both are tiny.
    fn absorb(&mut self, next: &Self) -> bool {
        let alike = self.ending == next.ending && self.attempt == next.attempt;
        let follows = self.first + self.tasks == next.first && self.span.is_before(&next.span);
        let tiny = alike && follows && self.span.until(&next.span) < TINY;
        if tiny {
            self.tasks += next.tasks;
            self.span.extend(&next.span);
        }
        tiny
    }
}

/// The two kinds of files.
#[derive(Clone, Copy, Debug)]
enum Format {
    Chrome,
    Page,
}

/// What is known before the first task.
#[derive(Clone, Debug)]
pub(crate) struct Title {
    pub(crate) backend: String,
    pub(crate) n_jobs: usize,
    pub(crate) function: Option<&'static str>,
}

/// Gathers the bars of a call and writes its picture at the latest when it is dropped.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    format: Format,
    title: Title,
    /// Nanoseconds since 1970.
    begin: u64,
    batches: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` once it is written.
    file: Option<File>,
    bars: Vec<Bar>,
    /// How many tasks found no room.
    hidden: usize,
}

impl Recorder {
    /// Creates the file, so that what cannot be written is known before any task begins.
    pub(crate) fn create(path: &Path, title: Title) -> Result<Self> {
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Format::Chrome,
            Some("html") => Format::Page,
            _ => return Err(Error::BadTrace { path: path.to_owned() }),
        };
        let file =
            File::create(path).map_err(|source| Error::Trace { path: path.to_owned(), source })?;
        Ok(Self {
            path: path.to_owned(),
            format,
            title,
            begin: span::now(),
            batches: AtomicU32::new(0),
            state: Mutex::new(State { file: Some(file), bars: Vec::new(), hidden: 0 }),
        })
    }

    /// Takes the bars of a batch of `size` tasks.
    pub(crate) fn add(&self, size: usize, bars: Vec<Bar>) {
        let batch = self.batches.fetch_add(1, Relaxed);
        let mut state = lock(&self.state);
        // Bars of other batches are never touched.
        let mine = state.bars.len();
        for bar in bars {
            let last = state.bars[mine..].last_mut();
            if last.is_some_and(|last| last.absorb(&bar)) {
                continue;
            }
            if state.bars.len() < MOST {
                state.bars.push(Bar { batch, size, ..bar });
            } else {
                state.hidden += bar.tasks;
            }
        }
    }

    /// The «tasks» were groups, of these tasks each.
    pub(crate) fn regroup(&self, groups: &[Range<usize>]) {
        for bar in &mut lock(&self.state).bars {
            let Some(groups) = groups.get(bar.first..bar.first + bar.tasks) else { continue };
            bar.first = groups.first().map_or(0, |first| first.start);
            bar.tasks = groups.iter().map(Range::len).sum();
            bar.size = bar.tasks;
        }
    }

    /// Writes the picture, once. The results of the call are worth more: what goes wrong is logged.
    pub(crate) fn finish(&self) {
        let mut state = lock(&self.state);
        let Some(file) = state.file.take() else { return };
        let bars = std::mem::take(&mut state.bars);
        let picture = render::Picture::new(self, bars, state.hidden, span::now());
        drop(state);
        let mut out = BufWriter::new(file);
        let written = match self.format {
            Format::Chrome => picture.chrome(&mut out),
            Format::Page => picture.page(&mut out),
        };
        if let Err(error) = written.and_then(|()| out.flush()) {
            log::error!("the trace `{}` could not be written: {error}", self.path.display());
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(task: usize, start: u64, took: u64) -> Bar {
        Bar::new(task, 0, Ending::Done, Span::example(start, took))
    }

    #[test]
    fn only_tiny_neighbours_become_one_bar() {
        let mut first = bar(3, 0, 1000);
        assert!(first.absorb(&bar(4, 1100, 1000)));
        assert_eq!((first.first, first.tasks), (3, 2));
        assert!(!first.absorb(&bar(6, 2100, 1000)), "a gap in the positions");
        assert!(!first.absorb(&bar(5, 2100, 50_000)), "too long");
        let failed = Bar { ending: Ending::Failed, ..bar(5, 2100, 1000) };
        assert!(!first.absorb(&failed), "another ending");
    }
}
