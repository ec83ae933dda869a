//! What a call wishes of its backend and of the workers.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use joblib_backends::{ArrayMode, WorkerOptions};

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

/// What is wished of workers, as far as somebody said so.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerWishes {
    pub(crate) options: Option<WorkerOptions>,
    pub(crate) max_nbytes: Option<Option<u64>>,
    pub(crate) mmap_mode: Option<ArrayMode>,
    pub(crate) temp_folder: Option<PathBuf>,
    pub(crate) inner_threads: Option<NonZeroUsize>,
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
        }
    }

    /// The options that grant them.
    pub(crate) fn options(self) -> WorkerOptions {
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
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wish_is_granted_by_its_option() {
        let wishes = WorkerWishes {
            options: None,
            max_nbytes: Some(None),
            mmap_mode: Some(ArrayMode::Copy),
            temp_folder: Some("/tmp/arrays".into()),
            inner_threads: NonZeroUsize::new(3),
        };
        let granted = WorkerOptions::new()
            .max_nbytes(None)
            .mmap_mode(ArrayMode::Copy)
            .temp_folder(Some("/tmp/arrays".into()))
            .inner_max_num_threads(NonZeroUsize::new(3));
        assert_eq!(wishes.clone().options(), granted);
        assert_eq!(WorkerWishes::default().options(), WorkerOptions::new());
        // What is closer goes first, the rest comes from around.
        let closer = WorkerWishes { max_nbytes: Some(Some(7)), ..WorkerWishes::default() };
        assert_eq!(closer.or(wishes).options(), granted.max_nbytes(Some(7)));
    }
}
