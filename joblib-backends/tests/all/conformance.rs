#![allow(clippy::unwrap_used, reason = "these are tests: a panic is how they report")]

use joblib_backends::{Sequential, backend_conformance};

backend_conformance!(sequential, Sequential);

#[cfg(feature = "threads")]
mod threads {
    use std::num::NonZeroUsize;

    use joblib_backends::{Threads, backend_conformance};

    fn threads(n: usize) -> Threads {
        Threads::new(NonZeroUsize::new(n).unwrap()).unwrap()
    }

    backend_conformance!(one, super::threads(1));
    backend_conformance!(three, super::threads(3));
}

#[cfg(all(feature = "processes", target_os = "linux"))]
mod processes {
    use std::num::NonZeroUsize;

    use joblib_backends::{Processes, backend_conformance};

    fn processes(n: usize) -> Processes {
        Processes::new(NonZeroUsize::new(n).unwrap()).unwrap()
    }

    backend_conformance!(one, super::processes(1));
    backend_conformance!(three, super::processes(3));
}
