//! `JOBLIB_DEBUG=1`: the calls of a run are recorded, and compared with those of the run before.
//!
//! In `<location>/joblib/.debug` lie `calls`, the record of this run, and `last`, that of the run
//! before, each with a line `<code> <arguments> <function>` for each call that came; and two files
//! that are only locked. Processes that run at the same time share `run`, and are one run: whoever
//! finds nobody there begins a new one. `begin` keeps those apart who look.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::explain::{Reason, of_missing};
use crate::layout::Layout;
use crate::lookup::View;
use crate::notes::Notes;
use crate::store::Store;
use crate::{CallId, EntryInfo, Function, entry, report};

/// So many calls that did not come again are named.
const MOST_NAMED: usize = 20;

/// Records the calls of a memory, from the first one on.
pub(crate) struct Recorder {
    store: Arc<dyn Store>,
    folder: PathBuf,
    run: OnceLock<Option<Run>>,
}

/// This run, as far as this process knows.
struct Run {
    calls: File,
    /// Locked as long as this process takes part.
    membership: File,
    last: HashSet<CallId>,
    seen: Mutex<HashSet<CallId>>,
}

impl Recorder {
    /// A recorder, if the environment asks for it.
    pub(crate) fn asked_for(store: &Arc<dyn Store>, location: &Path) -> Option<Self> {
        let value = std::env::var_os("JOBLIB_DEBUG")?;
        let wanted = !value.is_empty() && value != "0";
        wanted.then(|| Self {
            store: Arc::clone(store),
            folder: Layout::new(location).records(),
            run: OnceLock::new(),
        })
    }

    /// A call came. `notes` on its arguments are in the store if they are not given.
    pub(crate) fn called(&self, view: &View, id: &CallId, notes: Option<&Notes>) {
        let Some(run) = self.run() else { return };
        if !run.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
            return;
        }
        let line = format!("{} {} {}\n", id.code, id.arguments, id.function);
        if let Err(error) = (&run.calls).write_all(line.as_bytes()) {
            log::warn!("JOBLIB_DEBUG: a call is not recorded: {error}");
        }
        if !run.last.is_empty() && !run.last.contains(id) {
            let stored = || self.notes(id).unwrap_or_default();
            let notes = notes.cloned().unwrap_or_else(stored);
            report::not_in_last_run(&shown(id, &notes), &run.difference(view, id, &notes));
        }
    }

    fn run(&self) -> Option<&Run> {
        let begin = || match Run::begin(&self.folder) {
            Ok(run) => Some(run),
            Err(error) => {
                let folder = self.folder.display();
                log::warn!("JOBLIB_DEBUG: calls are not recorded in `{folder}`: {error}");
                None
            }
        };
        self.run.get_or_init(begin).as_ref()
    }

    /// What the store knows about the arguments of a call.
    fn notes(&self, id: &CallId) -> Option<Notes> {
        let metadata = entry::read_metadata(self.store.peek(id).ok()??, id).ok()?;
        Some(Notes { texts: metadata.arguments, parts: metadata.parts })
    }
}

impl Run {
    /// Joins the run of those who are there, or begins one.
    fn begin(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let begin = lockable(&folder.join("begin"))?;
        begin.lock()?;
        let membership = lockable(&folder.join("run"))?;
        let (calls, last) = (folder.join("calls"), folder.join("last"));
        match membership.try_lock() {
            Ok(()) => {
                match fs::rename(&calls, &last) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                membership.unlock()?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        membership.lock_shared()?;
        let last = read(&last)?;
        let calls = OpenOptions::new().create(true).append(true).open(calls)?;
        Ok(Self { calls, membership, last, seen: Mutex::default() })
    }

    /// How a call differs from those of the run before.
    fn difference(&self, view: &View, id: &CallId, notes: &Notes) -> String {
        let of_function = self.last.iter().filter(|call| call.function == id.function);
        let entries: Vec<_> = of_function.map(|id| EntryInfo::new(id.clone(), 0)).collect();
        if entries.is_empty() {
            return "the function was not called".to_owned();
        }
        match of_missing(view, id, notes, entries, None) {
            Reason::CodeChanged { .. } => "its code has changed".to_owned(),
            Reason::ArgumentsDiffer { same_code, differences, .. } => {
                let code = (!same_code).then(|| "\n  its code".to_owned());
                let lines = differences.iter().map(|found| format!("\n  {found}")).chain(code);
                format!("the nearest call differs in{}", lines.collect::<String>())
            }
            _ => "its calls are not stored any more".to_owned(),
        }
    }
}

impl Drop for Recorder {
    /// Says which calls of the run before did not come again, if this process is the last one of
    /// its run.
    fn drop(&mut self) {
        let Some(Some(run)) = self.run.get() else { return };
        let is_last = run.membership.unlock().is_ok() && run.membership.try_lock().is_ok();
        let Ok(came) = read(&self.folder.join("calls")) else { return };
        let mut gone: Vec<&CallId> = run.last.difference(&came).collect();
        if !is_last || gone.is_empty() {
            return;
        }
        gone.sort_by_key(|id| (id.function.path(), id.code, id.arguments));
        let named = gone.iter().take(MOST_NAMED);
        let named: Vec<_> =
            named.map(|id| shown(id, &self.notes(id).unwrap_or_default())).collect();
        report::did_not_come_again(&named, gone.len());
    }
}

fn lockable(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

/// The calls of a record; none if there is no record.
fn read(path: &Path) -> io::Result<HashSet<CallId>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(parse).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
        Err(error) => Err(error),
    }
}

/// A line of a record, unless it is torn.
fn parse(line: &str) -> Option<CallId> {
    let mut words = line.splitn(3, ' ');
    let [code, arguments] = [words.next()?, words.next()?].map(|word| word.parse().ok());
    Some(CallId { code: code?, arguments: arguments?, function: Function::new(words.next()?) })
}

fn shown(id: &CallId, notes: &Notes) -> String {
    let arguments: Vec<_> =
        notes.texts.iter().map(|(name, text)| format!("{name}={text}")).collect();
    format!("{}({})", id.function, arguments.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    fn id(number: u128) -> CallId {
        let [code, arguments] = [1, number].map(Digest::from_u128);
        CallId { function: Function::new("a::f<u8, u16>"), code, arguments }
    }

    #[test]
    fn those_who_are_there_at_the_same_time_are_one_run() {
        let folder = tempfile::tempdir().unwrap();
        let begin = || Run::begin(folder.path()).unwrap();
        let write = |run: &Run, number| {
            let CallId { function, code, arguments } = id(number);
            (&run.calls).write_all(format!("{code} {arguments} {function}\n").as_bytes()).unwrap();
        };
        let first = begin();
        write(&first, 1);
        let second = begin();
        drop(first);
        let third = begin();
        write(&second, 2);
        write(&third, 3);
        assert!(third.last.is_empty());
        drop((second, third));
        let next = begin();
        assert_eq!(next.last, HashSet::from([1, 2, 3].map(id)));
        drop(next);
        assert_eq!(begin().last, HashSet::new(), "no call came");
    }

    #[test]
    fn torn_lines_are_left_out() {
        let whole = format!("{} {} a::f", Digest::from_u128(1), Digest::from_u128(2));
        assert!(parse(&whole).is_some());
        for end in 0..whole.len() - 4 {
            assert!(parse(&whole[..end]).is_none_or(|id| id.function.path().is_empty()), "{end}");
        }
    }
}
