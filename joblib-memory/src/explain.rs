//! Why a result was found or not.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::hash::Arguments;
use crate::lookup::{Asked, View};
use crate::metadata::{Metadata, Part};
use crate::notes::Notes;
use crate::options::{Refusal, age};
use crate::sketch::is_rounding;
use crate::{CallId, EntryInfo, Error, Function, Memory, Result, clock, entry, evictions, report};

/// So many stored calls are compared with, those used last.
const MOST_COMPARED: usize = 1000;

/// Why the result of a call is stored or not. `Display` says it in sentences.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The call, if its arguments could be hashed.
    pub id: Option<CallId>,
    /// Why.
    pub reason: Reason,
}

/// Why the result of a call is stored or not.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The memory remembers nothing.
    Disabled,
    /// It is stored, and would be used.
    Stored,
    /// The arguments cannot be hashed, or the store cannot be read.
    Failed(String),
    /// It is stored, and damaged.
    Damaged(String),
    /// It is stored, and older than allowed.
    Expired {
        /// How long ago it was stored.
        age: Duration,
        /// How long ago it may have been.
        limit: Duration,
    },
    /// It is stored, and `validate` does not accept it.
    Refused,
    /// It was stored, and had to go when the store was reduced.
    Evicted {
        /// When, in seconds since 1970.
        at: u64,
    },
    /// Nothing is stored of this function.
    FirstCall,
    /// The same arguments are stored with a result of other code.
    CodeChanged {
        /// When that result was stored.
        stored: Option<SystemTime>,
    },
    /// No call with these arguments is stored.
    ArgumentsDiffer {
        /// The stored call that differs least.
        nearest: CallId,
        /// Whether its code is the same.
        same_code: bool,
        /// What differs.
        differences: Vec<Difference>,
    },
}

/// One thing that differs between two calls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Where: an argument, or a part of it, such as `settings.rates[2]`.
    pub path: String,
    /// How, in words.
    pub what: String,
    /// Whether it looks like a rounding error.
    pub is_rounding: bool,
}

impl Asked<'_> {
    /// Why the result is stored or not.
    pub fn explain(
        self,
        arguments: impl FnOnce(Arguments) -> Arguments,
        notes: impl FnOnce() -> Notes,
    ) -> Explanation {
        let Some(view) = self.view() else {
            return Explanation { id: None, reason: Reason::Disabled };
        };
        match self.id(arguments) {
            Ok(id) => {
                let reason = reason(&view, &id, &notes())
                    .unwrap_or_else(|error| Reason::Failed(report::chain(&error)));
                Explanation { id: Some(id), reason }
            }
            Err(error) => Explanation { id: None, reason: Reason::Failed(report::chain(&error)) },
        }
    }
}

impl Memory {
    /// The result of `function` that was stored last, whatever its code was.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed.
    pub fn newest(&self, function: &Function) -> Result<Option<EntryInfo>> {
        let Some(view) = self.view() else { return Ok(None) };
        let entries = view.inner.store.list(Some(function))?;
        let last = entries.iter().map(|entry| entry.stored).max();
        let entries = entries.into_iter().filter(|entry| Some(entry.stored) == last);
        Ok(entries.max_by_key(|entry| moment(&view, &entry.id)))
    }

    /// Why a stored result had to be computed when it was: the nearest of the results that were
    /// stored before it, and what differs. Nothing if it is not there.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn why(&self, id: &CallId) -> Result<Option<Explanation>> {
        let Some(view) = self.view() else { return Ok(None) };
        let Some(stored) = view.inner.store.peek(id)? else { return Ok(None) };
        let metadata = entry::read_metadata(stored, id)?;
        let mut entries = view.inner.store.list(Some(&id.function))?;
        let Some(this) = entries.iter().position(|entry| entry.id == *id) else { return Ok(None) };
        let this = entries.swap_remove(this);
        entries.retain(|entry| is_before(&view, entry, (&this, &metadata)));
        let notes = Notes { texts: metadata.arguments, parts: metadata.parts };
        let reason = of_missing(&view, id, &notes, entries, None);
        Ok(Some(Explanation { id: Some(id.clone()), reason }))
    }
}

/// Whether `entry` was stored before `this`. Clocks of file systems tick in milliseconds or
/// seconds, so that the moments in the entries decide between equal times.
fn is_before(view: &View, entry: &EntryInfo, this: (&EntryInfo, &Metadata)) -> bool {
    if entry.stored != this.0.stored {
        return entry.stored < this.0.stored;
    }
    moment(view, &entry.id).is_some_and(|moment| moment <= this.1.moment)
}

/// When a result was stored, as its entry says.
fn moment(view: &View, id: &CallId) -> Option<u64> {
    let stored = view.inner.store.peek(id).ok()??;
    Some(entry::read_metadata(stored, id).ok()?.moment)
}

fn reason(view: &View, id: &CallId, notes: &Notes) -> Result<Reason> {
    if let Some(stored) = view.inner.store.peek(id)? {
        return match entry::read_metadata(stored, id) {
            Ok(metadata) => Ok(of_stored(view, &metadata)),
            Err(error @ Error::Damaged { .. }) => Ok(Reason::Damaged(report::chain(&error))),
            Err(error) => Err(error),
        };
    }
    let entries = view.inner.store.list(Some(&id.function))?;
    let evicted = view.inner.location.as_deref().and_then(|place| evictions::find(place, id));
    Ok(of_missing(view, id, notes, entries, evicted))
}

/// Why a result is missing, given the results that are there.
pub(crate) fn of_missing(
    view: &View,
    id: &CallId,
    notes: &Notes,
    entries: Vec<EntryInfo>,
    evicted: Option<u64>,
) -> Reason {
    if let Some(at) = evicted {
        return Reason::Evicted { at };
    }
    if let Some(entry) = entries.iter().find(|entry| entry.id.arguments == id.arguments) {
        return Reason::CodeChanged { stored: entry.stored };
    }
    nearest(view, id, notes, entries).unwrap_or(Reason::FirstCall)
}

fn of_stored(view: &View, metadata: &Metadata) -> Reason {
    let now = clock::now();
    match view.options.refusal(metadata, now) {
        None => Reason::Stored,
        Some(Refusal::Refused) => Reason::Refused,
        Some(Refusal::Expired) => Reason::Expired {
            age: now.and_then(|now| age(metadata, now)).unwrap_or_default(),
            limit: view.options.expires_after.unwrap_or_default(),
        },
    }
}

/// The stored call that differs least. With the same code, if there is any.
fn nearest(view: &View, id: &CallId, notes: &Notes, mut entries: Vec<EntryInfo>) -> Option<Reason> {
    entries.sort_by_key(|entry| (entry.id.code != id.code, std::cmp::Reverse(entry.used)));
    let compared = entries.into_iter().take(MOST_COMPARED).filter_map(|entry| {
        let stored = view.inner.store.peek(&entry.id).ok()??;
        let metadata = entry::read_metadata(stored, &entry.id).ok()?;
        Some((entry.id, differences(&metadata, notes)))
    });
    let (nearest, differences) =
        compared.min_by_key(|(other, found)| (other.code != id.code, distance(found)))?;
    let same_code = nearest.code == id.code;
    Some(Reason::ArgumentsDiffer { nearest, same_code, differences })
}

/// Number of arguments that differ by more than rounding, of all that differ, of parts.
fn distance(differences: &[Difference]) -> (usize, usize, usize) {
    let argument = |difference: &Difference| -> String {
        difference.path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut arguments: Vec<(String, bool)> =
        differences.iter().map(|found| (argument(found), found.is_rounding)).collect();
    arguments.sort();
    arguments.dedup_by(|one, other| one.0 == other.0);
    let grave = arguments.iter().filter(|(_, is_rounding)| !is_rounding).count();
    (grave, arguments.len(), differences.len())
}

/// What differs between a stored call and this one.
pub(crate) fn differences(old: &Metadata, new: &Notes) -> Vec<Difference> {
    let mut found = Vec::new();
    for (position, (name, text)) in new.texts.iter().enumerate() {
        let Some(at) = old.arguments.iter().position(|(old, _)| old == name) else {
            found.push(Difference::new(name, format!("{text}, was not there"), false));
            continue;
        };
        let none = Vec::new();
        let parts = (old.parts.get(at).unwrap_or(&none), &new.parts[position]);
        if parts.0.is_empty() && parts.1.is_empty() {
            found.extend(Difference::of_texts(name, &old.arguments[at].1, text));
        } else {
            differences_of_parts(name, parts.0, parts.1, &mut found);
        }
    }
    found
}

fn differences_of_parts(
    name: &str,
    old: &[(String, Part)],
    new: &[(String, Part)],
    found: &mut Vec<Difference>,
) {
    for (path, part) in new {
        let full = format!("{name}{path}");
        match old.iter().find(|(other, _)| other == path) {
            Some((_, other)) => found.extend(Difference::of_parts(&full, other, part)),
            None => found.push(Difference::new(&full, format!("{part}, was not there"), false)),
        }
    }
    for (path, part) in old {
        if !new.iter().any(|(other, _)| other == path) {
            found.push(Difference::new(
                &format!("{name}{path}"),
                format!("gone, was {part}"),
                false,
            ));
        }
    }
}

impl Difference {
    fn new(path: &str, what: String, is_rounding: bool) -> Self {
        Self { path: path.to_owned(), what, is_rounding }
    }

    fn of_texts(path: &str, old: &str, new: &str) -> Option<Self> {
        if old == new {
            return None;
        }
        let numbers = old.parse::<f64>().ok().zip(new.parse::<f64>().ok());
        let near =
            numbers.is_some_and(|(old, new)| is_rounding(old, new)) && old.contains(['.', 'e']);
        Some(Self::new(path, format!("{new}, was {old}"), near))
    }

    fn of_parts(path: &str, old: &Part, new: &Part) -> Option<Self> {
        let (Part::Array(before), Part::Array(after)) = (old, new) else {
            return Self::of_texts(path, &old.to_string(), &new.to_string());
        };
        if before == after {
            return None;
        }
        let Some(found) = after.difference(before) else {
            return Some(Self::new(path, format!("{new}, was {old}"), false));
        };
        let mut what = match (found.elements, found.samples) {
            (Some((one, all)), _) if one == all => format!("{one} elements differ"),
            (Some((some, most)), _) => format!("between {some} and {most} elements differ"),
            (None, (all, some)) => format!("many elements differ ({some} of {all} looked at)"),
        };
        if let Some((old, new)) = found.largest {
            let difference = (new - old).abs();
            what.push_str(&format!(", the largest known difference is {difference:e}"));
        }
        Some(Self::new(path, format!("{what}, in an {}", after.describe()), found.is_rounding))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Array(sketch) => f.write_str(&sketch.describe()),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)?;
        if self.is_rounding {
            f.write_str(" (looks like rounding)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = &self.id {
            write!(f, "{}: ", id.function)?;
        }
        self.reason.fmt(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("the memory is disabled"),
            Self::Stored => f.write_str("the result is stored"),
            Self::Failed(why) => write!(f, "the store cannot tell: {why}"),
            Self::Damaged(why) => f.write_str(why),
            Self::Expired { age, limit } => {
                write!(f, "the result is {} old and expires after {}", shown(*age), shown(*limit))
            }
            Self::Refused => f.write_str("the result is stored, and `validate` does not accept it"),
            Self::Evicted { at } => {
                let now = clock::now()
                    .and_then(|now| now.duration_since(SystemTime::UNIX_EPOCH).ok())
                    .unwrap_or_default();
                let ago = now.saturating_sub(Duration::from_secs(*at));
                write!(f, "the result was evicted {} ago, when the store was reduced", shown(ago))
            }
            Self::FirstCall => f.write_str("nothing is stored of this function"),
            Self::CodeChanged { .. } => {
                f.write_str("the code has changed: a result of other code has these arguments")
            }
            Self::ArgumentsDiffer { same_code, differences, .. } => {
                f.write_str("no call with these arguments is stored; the nearest one differs in")?;
                for difference in differences {
                    write!(f, "\n  {difference}")?;
                }
                if differences.is_empty() {
                    f.write_str("\n  something that was not noted")?;
                }
                if !same_code {
                    f.write_str("\n  its code")?;
                }
                Ok(())
            }
        }
    }
}

/// A duration in its largest unit.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86400),
    }
}
