//! What every [`Backend`](crate::Backend) must do, as tests anyone can run.
//!
//! Expand [`backend_conformance!`](crate::backend_conformance) once per backend; each property
//! becomes one `#[test]` with a backend of its own, so a failure names both the backend and the
//! property. Properties that need a [capability](crate::Capabilities) pass at once on a backend
//! that does not claim it.
//!
//! ```
//! use joblib_backends::Sequential;
//!
//! joblib_backends::backend_conformance!(sequential, Sequential);
//! # fn main() {}
//! ```
//!
//! Nothing here waits for a time to pass, but for the limit of a task. Tasks that have to run at the same moment, or to be running while
//! something else happens, wait at a gate until the property lets them go. What a backend never
//! does ends in a panic after [`LIMIT`] instead of a hang.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests: a panic is how they report"
)]

mod answers;
mod control;
mod deaths;
mod gate;
mod stress;
mod trial;

use std::time::Duration;

pub use answers::*;
pub use control::*;
pub use deaths::*;
pub use stress::*;

/// How long a property waits for what must happen before it fails.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Writes a module `$module` with one `#[test]` per property of
/// [`conformance`](crate::conformance); the expression makes the backend, once per test.
#[macro_export]
macro_rules! backend_conformance {
    ($module:ident, $backend:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "the expression may need what is in scope outside")]
            use super::*;

            $crate::backend_conformance!(@each $backend;
                says_who_it_is_and_how_many,
                answers_every_task_once,
                answers_batches_of_many_sizes,
                carries_large_frames_both_ways,
                reports_a_panic_and_keeps_its_neighbours,
                answers_what_cannot_travel,
                answers_what_cannot_be_encoded,
                keeps_results_for_batches_to_come,
                lets_batches_submit_while_they_end,
                runs_as_many_as_it_says,
                gives_what_waits_to_idle_workers,
                completes_nested_calls,
                helps_on_its_own_threads_only,
                aborts_what_waits_and_nothing_else,
                abort_kills_what_runs,
                stops_a_task_at_its_limit,
                lets_a_task_finish_before_it_shuts_down,
                shutdown_kills_what_outlasts_the_grace,
                settles_what_comes_after_the_shutdown,
                a_death_costs_the_running_task_alone,
                a_death_leaves_other_calls_alone,
                settles_calls_that_overlap,
            );
        }
    };
    (@each $backend:expr; $($property:ident,)+) => {
        $(
            #[test]
            fn $property() {
                $crate::conformance::$property(::std::sync::Arc::new($backend));
            }
        )+
    };
}
