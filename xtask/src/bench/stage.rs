//! The engine that a scenario runs on, started before it and ended after the last one that needs it.

use super::scenario::Area;
use crate::engines::{self, Engine};
use crate::{Result, python};

/// Tells processes where the engine is.
pub(super) const ADDRESS: &str = "JOBLIB_BENCH_ENGINE";

/// What scenarios need besides their data.
pub(super) struct Stage<'a> {
    area: &'a Area,
    running: Option<(&'static str, Engine)>,
}

impl<'a> Stage<'a> {
    pub(super) fn of(area: &'a Area) -> Self {
        Self { area, running: None }
    }

    /// Has the engine run that the scenario of this name needs, and no other.
    pub(super) fn prepare(&mut self, scenario: &str) -> Result {
        let wanted = engine(scenario);
        if self.running.as_ref().map(|(name, _)| *name) != wanted {
            // One ends before the next begins.
            self.running = None;
            if let Some(name) = wanted {
                let python = python::environment(self.area.requirements)?;
                self.running = Some((name, engines::start(name, &python)?));
            }
        }
        Ok(())
    }

    /// The variables for those who use it.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let Some((_, engine)) = &self.running else { return Vec::new() };
        let python = python::environment(self.area.requirements);
        let python = python.map(|path| path.display().to_string()).unwrap_or_default();
        vec![(ADDRESS, engine.address.clone()), ("JOBLIB_PYTHON", python)]
    }
}

/// The engine that a scenario begins its name with.
fn engine(scenario: &str) -> Option<&'static str> {
    let (first, _) = scenario.split_once(": ")?;
    ["dask", "ipyparallel", "ray"].into_iter().find(|name| *name == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_name_their_engine_first() {
        assert_eq!(engine("dask: a task"), Some("dask"));
        assert_eq!(engine("a task, on dask"), None);
        assert_eq!(engine("other: a task"), None);
    }
}
