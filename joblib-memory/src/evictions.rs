//! Which results had to go: a file of a store in a folder, for explanations only.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use crate::layout::Layout;
use crate::{CallId, EntryInfo, clock};

/// The file begins anew beyond this size.
const MOST_BYTES: u64 = 1 << 20;

/// Notes what was evicted. Failing to is no reason to fail.
pub(crate) fn note(location: &Path, gone: &[EntryInfo]) {
    let path = Layout::new(location).evictions();
    let since_1970 = clock::now().and_then(|now| now.duration_since(SystemTime::UNIX_EPOCH).ok());
    let now = since_1970.map_or(0, |time| time.as_secs());
    let lines: String = gone
        .iter()
        .map(|EntryInfo { id, .. }| format!("{} {} {now} {}\n", id.code, id.arguments, id.function))
        .collect();
    let is_long = path.metadata().is_ok_and(|metadata| metadata.len() > MOST_BYTES);
    let mut options = OpenOptions::new();
    let file = options.create(true).append(!is_long).write(true).truncate(is_long).open(&path);
    if let Err(error) = file.and_then(|mut file| file.write_all(lines.as_bytes())) {
        log::debug!("evictions are not noted: {error}");
    }
}

/// When the result of this call was evicted last, in seconds since 1970.
pub(crate) fn find(location: &Path, id: &CallId) -> Option<u64> {
    let text = std::fs::read_to_string(Layout::new(location).evictions()).ok()?;
    let key = format!("{} {} ", id.code, id.arguments);
    let mut times = text.lines().filter_map(|line| {
        let (time, function) = line.strip_prefix(&key)?.split_once(' ')?;
        (function == id.function.path()).then(|| time.parse().ok())?
    });
    times.next_back()
}
