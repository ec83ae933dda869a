//! What a call wishes of its backend and of the workers.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use joblib_backends::{ArrayMode, Failure, Frame, Target, WorkerOptions};

use crate::{Error, Result, Task};

/// Which kind of workers is preferred where nobody chose a backend; see
/// [`Parallel::prefer`](crate::Parallel::prefer).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Prefer {
    /// Threads of this process.
    Threads,
    /// Worker processes.
    Processes,
}

/// What a call cannot do without; see [`Parallel::require`](crate::Parallel::require).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Require {
    /// Tasks see the memory of the caller.
    SharedMemory,
}

/// A call that workers make before their first task, or why it cannot travel to them.
#[derive(Clone, Debug)]
pub(crate) struct Setup(Result<(Target, Arc<Frame>), Failure>);

impl Setup {
    pub(crate) fn of<T: Task>(call: &T) -> Self {
        let Some(wire) = T::portable() else {
            let message = "a closure cannot travel to worker processes: write \
                           `delayed!(function(arguments))`";
            return Self(Err(Failure::Refused { message: message.to_owned() }));
        };
        let mut arguments = Frame::default();
        let written = (wire.encode)(call, &mut arguments);
        Self(written.map(|()| (wire.target, Arc::new(arguments))))
    }
}

/// What is wished of workers, as far as somebody said so.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerWishes {
    pub(crate) options: Option<WorkerOptions>,
    pub(crate) max_nbytes: Option<Option<u64>>,
    pub(crate) mmap_mode: Option<ArrayMode>,
    pub(crate) temp_folder: Option<PathBuf>,
    pub(crate) inner_threads: Option<NonZeroUsize>,
    pub(crate) initializer: Option<Setup>,
}

impl WorkerWishes {
    /// These wishes, with gaps filled from `outer`.
    pub(crate) fn or(self, outer: Self) -> Self {
        Self {
            options: self.options.or(outer.options),
            max_nbytes: self.max_nbytes.or(outer.max_nbytes),
            mmap_mode: self.mmap_mode.or(outer.mmap_mode),
            temp_folder: self.temp_folder.or(outer.temp_folder),
            inner_threads: self.inner_threads.or(outer.inner_threads),
            initializer: self.initializer.or(outer.initializer),
        }
    }

    /// The options that grant them.
    ///
    /// # Errors
    ///
    /// [`Error::Initializer`] if the first call of workers cannot travel to them.
    pub(crate) fn options(self) -> Result<WorkerOptions> {
        let mut options = self.options.unwrap_or_default();
        if let Some(bytes) = self.max_nbytes {
            options = options.max_nbytes(bytes);
        }
        if let Some(mode) = self.mmap_mode {
            options = options.mmap_mode(mode);
        }
        if self.temp_folder.is_some() {
            options = options.temp_folder(self.temp_folder);
        }
        if self.inner_threads.is_some() {
            options = options.inner_max_num_threads(self.inner_threads);
        }
        if let Some(Setup(setup)) = self.initializer {
            let (function, arguments) = setup.map_err(Error::Initializer)?;
            options = options.initializer(function, arguments);
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_is_no_first_call_of_workers() {
        let initializer = Some(Setup::of(&crate::delayed(|| ())));
        let wishes = WorkerWishes { initializer, ..WorkerWishes::default() };
        let error = wishes.options().unwrap_err().to_string();
        assert!(error.starts_with("`initializer`: a closure cannot travel"), "{error}");
    }

    #[test]
    fn each_wish_is_granted_by_its_option() {
        let wishes = WorkerWishes {
            options: None,
            max_nbytes: Some(None),
            mmap_mode: Some(ArrayMode::Copy),
            temp_folder: Some("/tmp/arrays".into()),
            inner_threads: NonZeroUsize::new(3),
            initializer: None,
        };
        let granted = WorkerOptions::new()
            .max_nbytes(None)
            .mmap_mode(ArrayMode::Copy)
            .temp_folder(Some("/tmp/arrays".into()))
            .inner_max_num_threads(NonZeroUsize::new(3));
        assert_eq!(wishes.clone().options().unwrap(), granted);
        assert_eq!(WorkerWishes::default().options().unwrap(), WorkerOptions::new());
        // What is closer goes first, the rest comes from around.
        let closer = WorkerWishes { max_nbytes: Some(Some(7)), ..WorkerWishes::default() };
        assert_eq!(closer.or(wishes).options().unwrap(), granted.max_nbytes(Some(7)));
    }
}
