//! One call of a cached function: look, compute, store.

use std::io::{self, Write};
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Stopwatch;
use crate::entry::{self, Content};
use crate::flights::Flight;
use crate::hash::Arguments;
use crate::memory::Inner;
use crate::metadata::Metadata;
use crate::notes::Notes;
use crate::options::{Options, Refusal};
use crate::outcome::Outcome;
use crate::shelved::Shelved;
use crate::store::{Claim, HeldClaim};
use crate::{Algorithm, CallId, Digest, Error, Function, Memory, Result, clock, report};

/// A memory as one function sees it: with its own options.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) inner: Arc<Inner>,
    pub(crate) options: Arc<Options>,
}

/// A question about one call.
#[derive(Debug)]
pub struct Asked<'a> {
    memory: &'a Memory,
    function: &'a Function,
    code: Digest,
    may_wait: bool,
    options: Option<Arc<Options>>,
}

/// The answer.
#[derive(Debug)]
pub enum Found<V, P> {
    /// It is stored.
    Stored(V),
    /// It is not, and has to be computed.
    Nothing(P),
}

/// What is in the store.
pub(crate) enum Look<V> {
    Found(V),
    Absent,
    /// There is a result that must not be used.
    Refused(Refusal),
}

impl<'a> Asked<'a> {
    /// Asks `memory` about a call of `function`. Without `may_wait` the call does not wait for
    /// others who compute the same, nor they for it.
    #[must_use]
    pub fn new(memory: &'a Memory, function: &'a Function, code: Digest, may_wait: bool) -> Self {
        Self { memory, function, code, may_wait, options: None }
    }

    /// With other options than those of the memory.
    #[must_use]
    pub fn with(self, change: impl FnOnce(Options) -> Options) -> Self {
        let options = self.memory.inner().map(|inner| change((*inner.options).clone()));
        Self { options: options.map(Arc::new), ..self }
    }

    /// With these options, if there are any.
    pub(crate) fn options(self, options: Option<Arc<Options>>) -> Self {
        Self { options, ..self }
    }

    /// Looks for the result, or claims to compute it. With `recompute` it does not look.
    pub fn find<O: Outcome>(
        self,
        recompute: bool,
        arguments: impl FnOnce(Arguments) -> Arguments,
    ) -> Found<O::Returned, Pending<O>> {
        let found = self.find_by(recompute, arguments, load);
        match found {
            Found::Stored(value) => Found::Stored(O::restore(value)),
            Found::Nothing(pending) => Found::Nothing(pending),
        }
    }

    /// Looks whether there is a result, or claims to compute it.
    pub fn find_shelved<O: Outcome>(
        self,
        arguments: impl FnOnce(Arguments) -> Arguments,
    ) -> Found<O::Shelved, Pending<O>> {
        let found = self.find_by(false, arguments, |view, id| {
            Ok(match check(view, id)? {
                Look::Found(()) => Look::Found(Shelved::in_store(view.clone(), id.clone())),
                Look::Absent => Look::Absent,
                Look::Refused(why) => Look::Refused(why),
            })
        });
        match found {
            Found::Stored(reference) => Found::Stored(O::shelved(reference)),
            Found::Nothing(pending) => Found::Nothing(pending),
        }
    }

    /// Whether there is a result that would be used.
    pub fn is_cached(self, arguments: impl FnOnce(Arguments) -> Arguments) -> bool {
        let Some(view) = self.view() else { return false };
        match self.id(arguments).and_then(|id| check(&view, &id)) {
            Ok(look) => matches!(look, Look::Found(())),
            Err(error) => {
                view.inner.warn_once(&error);
                false
            }
        }
    }

    pub(crate) fn view(&self) -> Option<View> {
        let view = self.memory.view()?;
        let options = self.options.clone().unwrap_or(view.options);
        Some(View { options, ..view })
    }

    pub(crate) fn id(&self, arguments: impl FnOnce(Arguments) -> Arguments) -> Result<CallId> {
        let algorithm = self.memory.inner().map_or(Algorithm::Xxh3, |inner| inner.algorithm);
        let arguments = arguments(Arguments::new(algorithm)).digest()?;
        Ok(CallId { function: self.function.clone(), code: self.code, arguments })
    }

    fn find_by<O: Outcome, V>(
        self,
        recompute: bool,
        arguments: impl FnOnce(Arguments) -> Arguments,
        look: impl Fn(&View, &CallId) -> Result<Look<V>>,
    ) -> Found<V, Pending<O>> {
        let Some(view) = self.view() else { return Found::Nothing(Pending::new(None)) };
        let inner = Arc::clone(&view.inner);
        let asked = Stopwatch::start();
        let mut call = match self.id(arguments) {
            Ok(id) => Call::new(view, id),
            Err(error) => {
                inner.warn_once(&error);
                inner.counters.missed(self.function);
                return Found::Nothing(Pending::new(None));
            }
        };
        let found = if recompute {
            call.replaces = true;
            Ok(None)
        } else {
            call.look(self.may_wait, look)
        };
        match found {
            Ok(Some(_)) => inner.counters.hit(&call.id.function),
            _ => inner.counters.missed(&call.id.function),
        }
        match found {
            Ok(Some(value)) => {
                report::found(&call.view, &call.id, asked);
                inner.record(&call.view, &call.id, None);
                Found::Stored(value)
            }
            Ok(None) => Found::Nothing(Pending::new(Some(call))),
            // A store that cannot be read is not written to.
            Err(error) => {
                inner.warn_once(&error);
                Found::Nothing(Pending::new(None))
            }
        }
    }
}

/// The result, read and judged.
pub(crate) fn load<T: DeserializeOwned>(view: &View, id: &CallId) -> Result<Look<T>> {
    let Some(stored) = view.inner.store.get(id)? else { return Ok(Look::Absent) };
    let content = Content::of(stored)?;
    if let Some(refusal) = judge(view, id, &content)? {
        return Ok(Look::Refused(refusal));
    }
    let value = content.value(id, &view.options)?;
    if let Some(duration) = content.duration() {
        view.inner.counters.saved(&id.function, duration);
    }
    Ok(Look::Found(value))
}

/// What was stored just now.
fn reload<T: DeserializeOwned>(view: &View, id: &CallId) -> Result<Option<T>> {
    let Some(stored) = view.inner.store.peek(id)? else { return Ok(None) };
    Content::of(stored)?.value(id, &view.options).map(Some)
}

/// Whether there is a result, without reading it; a use of it.
pub(crate) fn check(view: &View, id: &CallId) -> Result<Look<()>> {
    if view.options.judges() {
        let Some(stored) = view.inner.store.peek(id)? else { return Ok(Look::Absent) };
        if let Some(refusal) = judge(view, id, &Content::of(stored)?)? {
            return Ok(Look::Refused(refusal));
        }
    }
    Ok(if view.inner.store.touch(id)? { Look::Found(()) } else { Look::Absent })
}

/// Whether what is stored must not be used.
fn judge(view: &View, id: &CallId, content: &Content) -> Result<Option<Refusal>> {
    if !view.options.judges() {
        return Ok(None);
    }
    Ok(view.options.refusal(&content.metadata(id)?, clock::now()))
}

/// A result to be computed, and, as long as it lives, the right to be the only one who does.
///
/// Without a call in it, nothing is stored.
#[derive(Debug)]
pub struct Pending<O> {
    call: Option<Call>,
    outcome: PhantomData<fn() -> O>,
}

/// A call whose result is wanted.
struct Call {
    view: View,
    id: CallId,
    /// Whether an entry that is there already is to be deleted.
    replaces: bool,
    notes: Notes,
    stopwatch: Stopwatch,
    // Released in this order: whoever waits for the flight finds the claim free.
    claim: Option<HeldClaim>,
    flight: Option<Flight>,
}

impl Call {
    fn new(view: View, id: CallId) -> Self {
        Self {
            view,
            id,
            replaces: false,
            notes: Notes::new(),
            stopwatch: Stopwatch::start(),
            claim: None,
            flight: None,
        }
    }

    /// Looks; if nothing is there, claims the computation and looks again, because somebody may
    /// have computed it since, or while this thread waited.
    fn look<V>(
        &mut self,
        may_wait: bool,
        look: impl Fn(&View, &CallId) -> Result<Look<V>>,
    ) -> Result<Option<V>> {
        let mut found = look(&self.view, &self.id);
        let is_missing = !matches!(found, Ok(Look::Found(_)));
        let is_readable = matches!(found, Ok(_) | Err(Error::Damaged { .. }));
        if may_wait && is_missing && is_readable {
            self.claim();
            found = look(&self.view, &self.id);
        }
        match found {
            Ok(Look::Found(value)) => return Ok(Some(value)),
            Ok(Look::Absent) => {}
            Ok(Look::Refused(_)) => self.replaces = true,
            Err(error @ Error::Damaged { .. }) => {
                log::warn!("{}", report::chain(&error));
                self.replaces = true;
            }
            Err(error) => return Err(error),
        }
        Ok(None)
    }

    fn claim(&mut self) {
        let patience = self.view.inner.patience;
        let Some(flight) = self.view.inner.flights.enter(&self.id, patience) else { return };
        let wait = !flight.is_nested() && !patience.is_zero();
        match self.view.inner.store.claim(&self.id, wait) {
            Ok(Claim::Held(claim)) => self.claim = Some(claim),
            Ok(Claim::Taken | Claim::Unsupported) => {}
            Err(error) => self.view.inner.warn_once(&error),
        }
        flight.start();
        self.flight = Some(flight);
    }

    /// The function has returned.
    fn called(&self) {
        let duration = self.stopwatch.elapsed();
        report::called(&self.view, &self.id, duration);
        self.view.inner.counters.computed(&self.id.function, duration);
    }

    /// Stores the result; says whether it is there now.
    fn store<T: Serialize>(&self, value: &T) -> bool {
        let stored = self.try_store(value);
        if let Err(error) = &stored {
            self.view.inner.warn_once(error);
        }
        stored.is_ok()
    }

    fn try_store<T: Serialize>(&self, value: &T) -> Result<()> {
        let metadata = Metadata::new(&self.id, &self.notes, self.stopwatch.elapsed());
        report::storing(&self.view, &self.id);
        put(&self.view, &self.id, self.replaces, value, &metadata)
    }
}

/// Stores a value unless there is one; with `replaces`, instead of what is there.
pub(crate) fn put<T: Serialize>(
    view: &View,
    id: &CallId,
    replaces: bool,
    value: &T,
    metadata: &Metadata,
) -> Result<()> {
    let View { inner, options } = view;
    if replaces {
        inner.store.delete(id)?;
    }
    let mut bytes = 0;
    let stored = inner.store.put_if_absent(id, &mut |writer| {
        let mut counted = Counted { writer, bytes: 0 };
        entry::write(value, metadata, options, &mut counted)?;
        bytes = counted.bytes;
        Ok(())
    })?;
    if let (true, Some(keeper)) = (stored, &inner.keeper) {
        keeper.stored(id, bytes);
    }
    Ok(())
}

/// Counts what is written.
struct Counted<'w> {
    writer: &'w mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("options", &self.options).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<O: Outcome> Pending<O> {
    fn new(call: Option<Call>) -> Self {
        Self { call, outcome: PhantomData }
    }

    /// Notes the arguments, for people who look into the store and for explanations.
    pub fn describe(&mut self, notes: impl FnOnce() -> Notes) {
        if let Some(call) = &mut self.call {
            call.notes = notes();
        }
    }

    /// From now on the time counts.
    pub fn start(&mut self) {
        if let Some(call) = &mut self.call {
            report::calling(&call.view, &call.id, &call.notes.texts);
            call.view.inner.record(&call.view, &call.id, Some(&call.notes));
            call.stopwatch = Stopwatch::start();
        }
    }

    /// Stores what the function returned, and returns it.
    #[must_use]
    pub fn finish(self, returned: O::Returned) -> O::Returned {
        let Some(call) = self.call else { return returned };
        call.called();
        let stored = O::stored(&returned).is_some_and(|value| call.store(value));
        // What every later call returns: the mapped result and not the computed one.
        if stored
            && call.view.options.mmap_mode.is_some()
            && let Ok(Some(value)) = reload(&call.view, &call.id)
        {
            return O::restore(value);
        }
        returned
    }

    /// Stores what the function returned, and returns a reference.
    #[must_use]
    pub fn shelve(self, returned: O::Returned) -> O::Shelved {
        let call = self.call;
        if let Some(call) = &call {
            call.called();
        }
        O::shelve(returned, |value| match call {
            Some(call) if call.store(&value) => {
                Shelved::in_store(call.view.clone(), call.id.clone())
            }
            _ => Shelved::held(&value),
        })
    }
}
