//! One call of a cached function: look, compute, store.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Stopwatch;
use crate::entry;
use crate::flights::Flight;
use crate::hash::Arguments;
use crate::memory::Inner;
use crate::metadata::Metadata;
use crate::outcome::Outcome;
use crate::render::render;
use crate::shelved::Shelved;
use crate::store::{Claim, HeldClaim};
use crate::{CallId, Digest, Error, Function, Memory, Result, report};

/// A question about one call.
#[derive(Debug)]
pub struct Asked<'a> {
    memory: &'a Memory,
    function: &'a Function,
    code: Digest,
    may_wait: bool,
}

/// The answer.
#[derive(Debug)]
pub enum Found<V, P> {
    /// It is stored.
    Stored(V),
    /// It is not, and has to be computed.
    Nothing(P),
}

impl<'a> Asked<'a> {
    /// Asks `memory` about a call of `function`. Without `may_wait` the call does not wait for
    /// others who compute the same, nor they for it.
    #[must_use]
    pub fn new(memory: &'a Memory, function: &'a Function, code: Digest, may_wait: bool) -> Self {
        Self { memory, function, code, may_wait }
    }

    /// Looks for the result, or claims to compute it. With `recompute` it does not look.
    pub fn find<O: Outcome>(
        self,
        recompute: bool,
        arguments: impl FnOnce() -> Arguments,
    ) -> Found<O::Returned, Pending<O>> {
        let found = self.find_by(recompute, arguments, |inner, id| load(inner, id));
        match found {
            Found::Stored(value) => Found::Stored(O::restore(value)),
            Found::Nothing(pending) => Found::Nothing(pending),
        }
    }

    /// Looks whether there is a result, or claims to compute it.
    pub fn find_shelved<O: Outcome>(
        self,
        arguments: impl FnOnce() -> Arguments,
    ) -> Found<O::Shelved, Pending<O>> {
        let found = self.find_by(false, arguments, |inner, id| {
            let reference = || Shelved::in_store(Arc::clone(inner), id.clone());
            Ok(inner.store.touch(id)?.then(reference))
        });
        match found {
            Found::Stored(reference) => Found::Stored(O::shelved(reference)),
            Found::Nothing(pending) => Found::Nothing(pending),
        }
    }

    /// Whether there is a result.
    pub fn is_cached(self, arguments: impl FnOnce() -> Arguments) -> bool {
        let Some(inner) = self.memory.inner() else { return false };
        match self.id(arguments).and_then(|id| inner.store.touch(&id)) {
            Ok(there) => there,
            Err(error) => {
                inner.warn_once(&error);
                false
            }
        }
    }

    fn id(&self, arguments: impl FnOnce() -> Arguments) -> Result<CallId> {
        let arguments = arguments().digest()?;
        Ok(CallId { function: self.function.clone(), code: self.code, arguments })
    }

    fn find_by<O: Outcome, V>(
        self,
        recompute: bool,
        arguments: impl FnOnce() -> Arguments,
        look: impl Fn(&Arc<Inner>, &CallId) -> Result<Option<V>>,
    ) -> Found<V, Pending<O>> {
        let Some(inner) = self.memory.inner() else { return Found::Nothing(Pending::new(None)) };
        let mut call = match self.id(arguments) {
            Ok(id) => Call::new(Arc::clone(inner), id),
            Err(error) => {
                inner.warn_once(&error);
                inner.count(false);
                return Found::Nothing(Pending::new(None));
            }
        };
        let found = if recompute {
            call.replaces = true;
            Ok(None)
        } else {
            call.look(self.may_wait, look)
        };
        inner.count(matches!(found, Ok(Some(_))));
        match found {
            Ok(Some(value)) => {
                report::found(inner, &call.id);
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

fn load<T: DeserializeOwned>(inner: &Inner, id: &CallId) -> Result<Option<T>> {
    match inner.store.get(id)? {
        Some(stored) => entry::read(stored, id, &inner.options).map(Some),
        None => Ok(None),
    }
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
    inner: Arc<Inner>,
    id: CallId,
    /// Whether an entry that is there already is to be deleted.
    replaces: bool,
    arguments: Vec<(String, String)>,
    stopwatch: Stopwatch,
    // Released in this order: whoever waits for the flight finds the claim free.
    claim: Option<HeldClaim>,
    flight: Option<Flight>,
}

impl Call {
    fn new(inner: Arc<Inner>, id: CallId) -> Self {
        Self {
            inner,
            id,
            replaces: false,
            arguments: Vec::new(),
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
        look: impl Fn(&Arc<Inner>, &CallId) -> Result<Option<V>>,
    ) -> Result<Option<V>> {
        let mut found = look(&self.inner, &self.id);
        if may_wait && matches!(found, Ok(None) | Err(Error::Damaged { .. })) {
            self.claim();
            found = look(&self.inner, &self.id);
        }
        match found {
            Err(error @ Error::Damaged { .. }) => {
                log::warn!("{}", report::chain(&error));
                self.replaces = true;
                Ok(None)
            }
            found => found,
        }
    }

    fn claim(&mut self) {
        let patience = self.inner.options.patience;
        let Some(flight) = self.inner.flights.enter(&self.id, patience) else { return };
        let wait = !flight.is_nested() && !patience.is_zero();
        match self.inner.store.claim(&self.id, wait) {
            Ok(Claim::Held(claim)) => self.claim = Some(claim),
            Ok(Claim::Taken | Claim::Unsupported) => {}
            Err(error) => self.inner.warn_once(&error),
        }
        flight.start();
        self.flight = Some(flight);
    }

    /// Stores the result; says whether it is there now.
    fn store<T: Serialize>(&self, value: &T) -> bool {
        let stored = self.try_store(value);
        if let Err(error) = &stored {
            self.inner.warn_once(error);
        }
        stored.is_ok()
    }

    fn try_store<T: Serialize>(&self, value: &T) -> Result<()> {
        let store = &self.inner.store;
        if self.replaces {
            store.delete(&self.id)?;
        }
        let metadata = Metadata::new(&self.id, &self.arguments, self.stopwatch.elapsed());
        let options = &self.inner.options;
        store.put_if_absent(&self.id, &mut |writer| {
            entry::write(value, &metadata, options, writer)
        })?;
        Ok(())
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

    /// Notes an argument, for people who look into the store.
    pub fn argument<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        if let Some(call) = &mut self.call {
            call.arguments.push((name.to_owned(), render(value)));
        }
    }

    /// From now on the time counts.
    pub fn start(&mut self) {
        if let Some(call) = &mut self.call {
            report::calling(&call.inner, &call.id, &call.arguments);
            call.stopwatch = Stopwatch::start();
        }
    }

    /// Stores what the function returned, and returns it.
    #[must_use]
    pub fn finish(self, returned: O::Returned) -> O::Returned {
        let Some(call) = self.call else { return returned };
        report::called(&call.inner, &call.id, call.stopwatch.elapsed());
        let stored = O::stored(&returned).is_some_and(|value| call.store(value));
        // What every later call returns: the mapped result and not the computed one.
        if stored
            && call.inner.options.mmap_mode.is_some()
            && let Ok(Some(value)) = load(&call.inner, &call.id)
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
            report::called(&call.inner, &call.id, call.stopwatch.elapsed());
        }
        O::shelve(returned, |value| match call {
            Some(call) if call.store(&value) => {
                Shelved::in_store(Arc::clone(&call.inner), call.id.clone())
            }
            _ => Shelved::held(&value),
        })
    }
}
