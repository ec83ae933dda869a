//! Loops that go on where they were interrupted.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::clock::Stopwatch;
use crate::hash::Arguments;
use crate::lookup::{Look, View, load, put};
use crate::metadata::Metadata;
use crate::notes::Notes;
use crate::{CallId, Digest, Function, Memory, Result, report};

/// How often a state is stored, if nothing else is said.
const INTERVAL: Duration = Duration::from_secs(30);

/// A loop whose state is stored now and then, from [`Memory::checkpoint`].
#[derive(Debug)]
#[must_use = "nothing runs before `run`"]
pub struct Checkpoint<'m, S> {
    memory: &'m Memory,
    name: String,
    version: String,
    initial: S,
    steps: u64,
    interval: Duration,
}

/// What is stored: the state after so many steps.
#[derive(Serialize, Deserialize)]
struct Saved<S> {
    steps: u64,
    state: S,
}

impl Memory {
    /// A loop of `steps` steps over a state, which goes on where it was when the program ended,
    /// however that happened.
    ///
    /// The state is stored every 30 seconds and at the end; [`every`](Checkpoint::every) says
    /// otherwise. It is found again by name, version, initial state and number of steps, so a loop with
    /// another beginning is another loop. A step that is a function of the state and its number
    /// alone gives the same bits as without an interruption; a random number generator belongs into
    /// the state, and is stored with it.
    ///
    /// ```
    /// use joblib_memory::Memory;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = folder.path();
    /// let memory = Memory::new(location);
    /// let root = memory.checkpoint("newton", 1.0, 20, |x: &mut f64, _step| *x = (*x + 3.0 / *x) / 2.0);
    /// assert_eq!(root, 3.0_f64.sqrt());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A store that does not work costs a warning: the loop then begins anew each time. Two processes that
    /// run the same loop at the same time both compute it.
    pub fn checkpoint<S, F>(&self, name: &str, initial: S, steps: u64, step: F) -> S
    where
        S: Serialize + DeserializeOwned,
        F: FnMut(&mut S, u64),
    {
        self.checkpointed(name, initial, steps).run(step)
    }

    /// As [`checkpoint`](Self::checkpoint), with more to say before the loop runs.
    pub fn checkpointed<S>(&self, name: &str, initial: S, steps: u64) -> Checkpoint<'_, S>
    where
        S: Serialize + DeserializeOwned,
    {
        let (name, version) = (name.to_owned(), String::new());
        Checkpoint { memory: self, name, version, initial, steps, interval: INTERVAL }
    }
}

impl<S: Serialize + DeserializeOwned> Checkpoint<'_, S> {
    /// Stores the state after the first step that ends so long after the last one was stored; zero
    /// stores it after each step. 30 seconds by default.
    pub fn every(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Names the version of the loop's code: states of another version are not found.
    pub fn version(self, version: impl std::fmt::Display) -> Self {
        Self { version: version.to_string(), ..self }
    }

    /// Runs the steps that are missing. `step` is given the state and the number of the step, from
    /// 0 on; the state after the last one is returned.
    pub fn run(self, mut step: impl FnMut(&mut S, u64)) -> S {
        self.try_run(|state, number| {
            step(state, number);
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap_or_else(|never| match never {})
    }

    /// As [`run`](Self::run), for steps that can fail.
    ///
    /// # Errors
    ///
    /// The first error of `step`. The next run goes on from the state that was stored last.
    pub fn try_run<E>(self, mut step: impl FnMut(&mut S, u64) -> Result<(), E>) -> Result<S, E> {
        let mut place = self.place();
        let saved = place.as_mut().and_then(Place::load);
        let mut at = saved.unwrap_or(Saved { steps: 0, state: self.initial });
        let mut stored = Stopwatch::start();
        while at.steps < self.steps {
            step(&mut at.state, at.steps)?;
            at.steps += 1;
            if at.steps == self.steps || stored.elapsed() >= self.interval {
                if let Some(place) = &mut place {
                    place.store(&at);
                }
                stored = Stopwatch::start();
            }
        }
        Ok(at.state)
    }

    /// Where the state lies; nothing if it cannot be stored.
    fn place(&self) -> Option<Place> {
        let view = self.memory.view()?;
        let arguments = Arguments::new(view.inner.algorithm)
            .argument("initial", &self.initial)
            .argument("steps", &self.steps)
            .digest();
        match arguments {
            Ok(arguments) => {
                let code = Digest::from_u128(xxh3_128(self.version.as_bytes()));
                let function = Function::new(&self.name);
                let slots = [0, 1].map(|slot| {
                    let arguments = arguments.numbered(slot);
                    CallId { function: function.clone(), code, arguments }
                });
                Some(Place { view, slots, current: 0 })
            }
            Err(error) => {
                view.inner.warn_once(&error);
                None
            }
        }
    }
}

/// Two entries, written in turns: whenever the process dies, one of them is whole.
struct Place {
    view: View,
    slots: [CallId; 2],
    /// Where the last state lies.
    current: usize,
}

impl Place {
    /// The state after more steps.
    fn load<S: DeserializeOwned>(&mut self) -> Option<Saved<S>> {
        let mut found: Option<Saved<S>> = None;
        for (slot, id) in self.slots.iter().enumerate() {
            match load(&self.view, id) {
                Ok(Look::Found(saved)) => {
                    let saved: Saved<S> = saved;
                    if found.as_ref().is_none_or(|found| saved.steps > found.steps) {
                        self.current = slot;
                        found = Some(saved);
                    }
                }
                Ok(Look::Absent | Look::Refused(_)) => {}
                Err(error) => {
                    log::warn!("a stored state of a loop is not used: {}", report::chain(&error));
                }
            }
        }
        found
    }

    fn store<S: Serialize>(&mut self, saved: &Saved<S>) {
        let notes = Notes::new().argument("steps", &saved.steps);
        let next = 1 - self.current;
        let metadata = Metadata::new(&self.slots[next], &notes, Duration::ZERO);
        match put(&self.view, &self.slots[next], true, saved, &metadata) {
            Ok(()) => {
                // If it stays, the state of more steps is taken all the same.
                let _ = self.view.inner.store.delete(&self.slots[self.current]);
                self.current = next;
            }
            Err(error) => self.view.inner.warn_once(&error),
        }
    }
}
