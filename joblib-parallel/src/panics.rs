//! Panics of the user's code as values.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use joblib_backends::Failure;

/// Calls `work`; a panic is a failure.
pub(crate) fn attempt<R>(work: impl FnOnce() -> R) -> Result<R, Failure> {
    // Tasks are consumed: nobody sees what a panic left half done, except through what a task
    // borrowed, and that is guarded as between any threads (a poisoned mutex, say).
    catch_unwind(AssertUnwindSafe(work)).map_err(failure)
}

/// Drops `value` and swallows what its destructor throws.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        log::error!("a destructor panicked: {}", message(&*payload));
        discard(payload);
    }
}

#[cold]
fn failure(payload: Box<dyn Any + Send>) -> Failure {
    let message = message(&*payload);
    discard(payload);
    Failure::Panic { message }
}

/// The text given to `panic!`.
fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a value that is no text)".to_owned()
    }
}

/// A payload is user code too: what its destructor throws is forgotten, because it could throw
/// again and again.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct ThrowsAgain;

    impl Drop for ThrowsAgain {
        fn drop(&mut self) {
            std::panic::panic_any(ThrowsAgain);
        }
    }

    #[test]
    fn a_panic_is_its_message() {
        for (task, said) in [(1, "one"), (2, "two 2")] {
            let failure = attempt(|| match task {
                1 => panic!("one"),
                n => panic!("two {n}"),
            });
            let Err::<(), _>(Failure::Panic { message }) = failure else { panic!("no failure") };
            assert_eq!(message, said);
        }
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_contained() {
        let failure = attempt(|| std::panic::panic_any(ThrowsAgain)).map(|(): ()| ());
        assert!(matches!(failure, Err(Failure::Panic { .. })));
        drop_quietly(ThrowsAgain);
    }
}
