//! What threads synchronise with, from one place: `xtask/schedules` compiles this crate with
//! primitives that let a test choose which thread goes on at each of them.

#[cfg(not(shuttle))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard, atomic, mpsc},
    thread, thread_local,
};

#[cfg(shuttle)]
pub(crate) use shuttle::{
    sync::{Mutex, MutexGuard, atomic, mpsc},
    thread, thread_local,
};

/// Locks `mutex`. Nothing but pushing and taking happens under our locks, or what panics is caught
/// inside: a poisoned value is a whole one.
pub(crate) fn lock<X>(mutex: &Mutex<X>) -> MutexGuard<'_, X> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What `mutex` held, whole even if it is poisoned.
pub(crate) fn into_inner<X>(mutex: Mutex<X>) -> X {
    mutex.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poisoned_value_is_a_whole_one() {
        let mutex = Mutex::new(1);
        let poisoned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = mutex.lock();
            std::panic::resume_unwind(Box::new("poison"));
        }));
        assert!(poisoned.is_err() && mutex.lock().is_err());
        *lock(&mutex) += 1;
        assert_eq!(into_inner(mutex), 2);
    }
}
