//! The counts of all processes that ever used a folder: a file of it, for people only.
//!
//! A line `<hits> <misses> <computing> <saved> <function>` for each function, times in nanoseconds.
//! It is replaced as a whole by who holds a lock on the file beside it.

use std::fmt::Write;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use crate::counters::{Counts, Stats, merged};
use crate::layout::Layout;
use crate::{Function, report};

/// No more is read of the file: it is no longer ours.
const MOST_BYTES: u64 = 16 << 20;

/// How often, and how long after each other, somebody with patience tries to have the lock, which is
/// held for a moment only.
const ATTEMPTS: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(2);

/// What was counted so far; nothing if that cannot be read.
pub(crate) fn read(location: &Path) -> Counts {
    read_file(&Layout::new(location).counts()).unwrap_or_else(|error| {
        log::debug!("counts of the cache are not known: {error}");
        Counts::new()
    })
}

/// Adds to what was counted; says whether that was possible.
pub(crate) fn add(location: &Path, counts: &Counts, patience: bool) -> bool {
    try_add(&Layout::new(location), counts, patience).unwrap_or_else(|error| {
        log::debug!("the cache does not count: {}", report::chain(&error));
        false
    })
}

fn try_add(layout: &Layout, counts: &Counts, patience: bool) -> io::Result<bool> {
    let lock = layout.counts_lock();
    // Where the folder is not there, or not ours to write, nothing is made for the sake of counting.
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(lock)?;
    if !locked(&lock, patience)? {
        return Ok(false);
    }
    let all = merged(read_file(&layout.counts())?, counts.clone());
    let new = layout.new_counts();
    fs::write(&new, text(&all))?;
    fs::rename(&new, layout.counts())?;
    Ok(true)
}

fn locked(file: &File, patience: bool) -> io::Result<bool> {
    for _ in 0..if patience { ATTEMPTS } else { 1 } {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if patience => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    Ok(false)
}

fn read_file(path: &Path) -> io::Result<Counts> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MOST_BYTES).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Counts::new()),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(parse).collect())
}

/// A line, unless it is none of ours.
fn parse(line: &str) -> Option<(Function, Stats)> {
    let mut words = line.splitn(5, ' ');
    let mut number = || words.next()?.parse::<u64>().ok();
    let (hits, misses) = (number()?, number()?);
    let [computing, saved] = [number()?, number()?].map(Duration::from_nanos);
    let function = Function::new(words.next()?);
    Some((function, Stats { hits, misses, computing, saved }))
}

fn text(counts: &Counts) -> String {
    let mut lines: Vec<_> = counts.iter().collect();
    lines.sort_by_key(|(function, _)| function.path());
    let mut text = String::new();
    for (function, Stats { hits, misses, computing, saved }) in lines {
        // A name with a line feed in it is not counted.
        let [computing, saved] = [computing, saved].map(|time| nanoseconds(*time));
        if !function.path().contains('\n') {
            let _ = writeln!(text, "{hits} {misses} {computing} {saved} {function}");
        }
    }
    text
}

/// As a number; 584 years are enough.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(function: &str, hits: u64) -> Counts {
        let saved = Duration::from_millis(hits);
        let stats = Stats { hits, misses: 1, computing: Duration::ZERO, saved };
        Counts::from([(Function::new(function), stats)])
    }

    #[test]
    fn what_several_count_is_added_up() {
        let folder = tempfile::tempdir().unwrap();
        let location = folder.path();
        assert!(!add(location, &counts("f", 1), true), "nothing is made for counting's sake");
        fs::create_dir(Layout::new(location).root()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert!(add(location, &counts("a::f<u8, u16>", 2), true));
                    }
                });
            }
        });
        assert!(add(location, &counts("g", 1), true));
        let all = read(location);
        let Stats { hits, misses, saved, .. } = all[&Function::new("a::f<u8, u16>")];
        assert_eq!((hits, misses, saved), (320, 160, Duration::from_millis(320)));
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn who_has_no_patience_comes_again_later() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        fs::create_dir(layout.root()).unwrap();
        let holder = File::create(layout.counts_lock()).unwrap();
        holder.lock().unwrap();
        assert!(!add(folder.path(), &counts("f", 1), false));
        drop(holder);
        assert!(add(folder.path(), &counts("f", 1), false));
        assert_eq!(read(folder.path())[&Function::new("f")].hits, 1);
    }

    #[test]
    fn lines_of_others_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        fs::create_dir(layout.root()).unwrap();
        fs::write(layout.counts(), b"1 2 3 4 f\n\n1 2 3\nx 1 1 1 g\n-1 1 1 1 h\n\xff\xff 1")
            .unwrap();
        let all = read(folder.path());
        assert_eq!(all.len(), 1);
        assert_eq!(all[&Function::new("f")].misses, 2);
    }
}
