//! What a thread knows about the parallel calls around it: the region's configuration, and whether
//! it is running a task.

use std::cell::RefCell;
use std::sync::Arc;

use joblib_backends::Backend;

use crate::config::Settings;
use crate::sync::thread_local;

/// What a task, or the input, may use when it makes parallel calls itself.
#[derive(Clone, Debug)]
pub(crate) struct Nesting(Option<Arc<Level>>);

/// The workers of the call around.
#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) workers: usize,
}

impl Nesting {
    /// Calls inside share `workers` workers of `backend`.
    pub(crate) fn shared(backend: Arc<dyn Backend>, workers: usize) -> Self {
        Self(Some(Arc::new(Level { backend, workers })))
    }

    /// Calls inside run in sequence.
    pub(crate) fn sequential() -> Self {
        Self(None)
    }

    /// The workers to share; `None`: run in sequence.
    pub(crate) fn level(&self) -> Option<&Level> {
        self.0.as_deref()
    }
}

/// The state of one thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// What the regions around ask for, if there are any; a task does not see those around its call.
    /// Shared, because a context is exchanged with each batch and settings are a long structure.
    settings: Option<Arc<Settings>>,
    /// Set while a task runs.
    pub(crate) nesting: Option<Nesting>,
}

impl Context {
    /// What the regions around ask for.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.as_deref().cloned().unwrap_or_default()
    }
}

thread_local! {
    static CONTEXT: RefCell<Context> = RefCell::default();
}

/// The state of this thread.
pub(crate) fn current() -> Context {
    // A thread that is being torn down has left every region.
    CONTEXT.try_with(|context| context.borrow().clone()).unwrap_or_default()
}

/// Marks this thread as running a task, until the guard is dropped.
pub(crate) fn enter(nesting: &Nesting) -> Inside {
    replace(Context { settings: None, nesting: Some(nesting.clone()) })
}

/// Puts `settings` in force on this thread, until the guard is dropped.
pub(crate) fn configure(settings: Settings) -> Inside {
    replace(Context { settings: Some(Arc::new(settings)), nesting: current().nesting })
}

fn replace(context: Context) -> Inside {
    Inside { before: CONTEXT.try_with(|current| current.replace(context)).ok() }
}

/// Restores what was before.
pub(crate) struct Inside {
    before: Option<Context>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            // What is replaced is dropped after the borrow: it may hold a backend.
            let _ = CONTEXT.try_with(|current| current.replace(before));
        }
    }
}
