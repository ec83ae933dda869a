//! Workers without work. They belong to no feeder, so that a pool of another size finds them, too.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::process::InnerThreads;
use super::session::Session;
use crate::options::Lifetime;

/// Who has worked so short a time ago is taken to be alive: to ask the system for each small batch costs
/// more than to find out by sending one.
const JUST_NOW: Duration = Duration::from_millis(1);

/// The idle workers of one kind.
#[derive(Default)]
pub(super) struct Idle(Mutex<Vec<Resting>>);

struct Resting {
    /// `None` while its feeder may want it back at once.
    since: Option<Instant>,
    session: Box<Session>,
}

impl Idle {
    /// Those that all shared pools have in common whose workers live as `lifetime` says.
    pub(super) fn shared(lifetime: &Lifetime) -> Arc<Self> {
        static KINDS: Mutex<Vec<(Lifetime, Arc<Idle>)>> = Mutex::new(Vec::new());
        let mut kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, idle)) = kinds.iter().find(|(kind, _)| kind == lifetime) {
            return Arc::clone(idle);
        }
        let idle = Arc::<Self>::default();
        kinds.push((lifetime.clone(), Arc::clone(&idle)));
        idle
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a worker with nothing under way to whoever needs one. Often that is who had it, at once:
    /// so nothing else is done, before [`settle_down`](Self::settle_down).
    pub(super) fn put(&self, session: Box<Session>) {
        self.lock().push(Resting { since: None, session });
    }

    /// There is no work for those that were put here last.
    pub(super) fn settle_down(&self) {
        let mut all = self.lock();
        for Resting { since, session } in all.iter_mut().filter(|one| one.since.is_none()) {
            session.rest();
            *since = Some(Instant::now());
        }
    }

    /// The living worker with so many threads that has rested least, so that those too many rest until
    /// their time is over.
    pub(super) fn take(&self, threads: InnerThreads) -> Option<Box<Session>> {
        loop {
            let mut all = self.lock();
            let at = all.iter().rposition(|one| one.session.inner_threads() == threads)?;
            let Resting { since, session } = all.remove(at);
            drop(all);
            if since.is_none_or(|since| since.elapsed() < JUST_NOW) || session.lives() {
                return Some(session);
            }
        }
    }

    /// Ends one with another number of threads, for which a new one was started: libraries do not change
    /// that.
    pub(super) fn end_other_than(&self, threads: InnerThreads) {
        let mut all = self.lock();
        let at = all.iter().position(|one| one.session.inner_threads() != threads);
        let other = at.map(|at| all.remove(at));
        drop(all);
        end(other.into_iter().collect());
    }

    /// What tells the end of each.
    pub(super) fn handles(&self) -> Vec<Arc<OwnedFd>> {
        self.lock().iter().map(|one| Arc::clone(one.session.handle())).collect()
    }

    /// Lets those go that have died.
    pub(super) fn bury(&self) {
        let dead: Vec<_> = self.lock().extract_if(.., |one| !one.session.lives()).collect();
        // Not under the lock.
        drop(dead);
    }

    /// After how long the next one will have rested for `limit`.
    pub(super) fn next_end(&self, limit: Option<Duration>) -> Option<Duration> {
        let since = self.lock().first()?.since;
        let rested = since.map_or(Duration::ZERO, |since| since.elapsed());
        limit.map(|limit| limit.saturating_sub(rested))
    }

    /// Ends those that have rested for `limit`.
    pub(super) fn end_after(&self, limit: Duration) {
        let rested = |one: &mut Resting| one.since.is_some_and(|since| since.elapsed() >= limit);
        let old = self.lock().extract_if(.., rested).collect();
        end(old);
    }

    /// Ends all of them.
    pub(super) fn end_all(&self) {
        let all = std::mem::take(&mut *self.lock());
        end(all);
    }
}

/// Not under the lock: each may take a while.
fn end(workers: Vec<Resting>) {
    workers.into_iter().for_each(|one| one.session.leave());
}

#[cfg(test)]
mod tests {
    use super::super::process::tests::impostor;
    use super::super::sys::{self, Awaited};
    use super::*;
    use std::num::NonZeroUsize;

    fn session(script: &str) -> Box<Session> {
        Box::new(Session::new(impostor(script).with_threads(1), None))
    }

    fn threads(count: usize) -> InnerThreads {
        InnerThreads::of(1, NonZeroUsize::new(count))
    }

    #[test]
    fn the_worker_that_worked_last_works_next_and_no_dead_one_does() {
        let idle = Idle::default();
        idle.put(session("exec cat"));
        let dead = session("exit 1");
        while dead.lives() {
            std::thread::yield_now();
        }
        let last = session("exec cat");
        let id = last.id();
        idle.put(dead);
        idle.put(last);
        idle.settle_down();
        std::thread::sleep(2 * JUST_NOW);
        assert_eq!(idle.take(threads(1)).unwrap().id(), id);
        assert!(idle.take(threads(1)).unwrap().lives());
        assert!(idle.take(threads(1)).is_none());
    }

    #[test]
    fn only_those_that_rested_long_enough_are_ended() {
        let idle = Idle::default();
        assert_eq!(idle.next_end(Some(Duration::ZERO)), None);
        idle.put(session("exec cat"));
        idle.end_after(Duration::ZERO);
        idle.settle_down();
        idle.end_after(Duration::from_secs(3600));
        assert_eq!(idle.next_end(None), None);
        assert!(idle.next_end(Some(Duration::from_secs(3600))).unwrap() > Duration::from_secs(1));
        idle.end_after(Duration::ZERO);
        assert!(idle.take(threads(1)).is_none());
        idle.put(session("exec cat"));
        idle.end_all();
        assert!(idle.take(threads(1)).is_none());
    }

    #[test]
    fn a_worker_with_another_number_of_threads_makes_room_for_a_new_one() {
        let idle = Idle::default();
        idle.put(session("exec cat"));
        idle.put(Box::new(Session::new(impostor("exec cat").with_threads(2), None)));
        idle.settle_down();
        assert!(idle.take(threads(3)).is_none());
        idle.end_other_than(threads(2));
        assert_eq!(idle.handles().len(), 1, "one makes room for one");
        assert!(idle.take(threads(1)).is_none());
        idle.end_other_than(threads(2));
        assert!(idle.take(threads(2)).is_some());
    }

    #[test]
    fn who_dies_while_resting_is_buried() {
        let idle = Idle::default();
        idle.put(session("exec cat"));
        let dies = session("exec cat");
        let id = dies.id();
        idle.put(dies);
        idle.settle_down();
        idle.bury();
        let handles = idle.handles();
        assert_eq!(handles.len(), 2, "both live");
        std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status().unwrap();
        let ready = sys::wait(Awaited { others: &handles, ..Awaited::default() });
        assert!(ready.other_ended);
        idle.bury();
        assert_eq!(idle.handles().len(), 1);
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "it is a zombie");
        let nobody = sys::wait(Awaited {
            others: &idle.handles(),
            timeout: Some(Duration::ZERO),
            ..Awaited::default()
        });
        assert!(!nobody.other_ended);
    }

    #[test]
    fn pools_share_the_workers_of_one_kind() {
        let kind = |limit| Lifetime { idle_timeout: Some(limit), ..Lifetime::default() };
        let one = Idle::shared(&kind(Duration::from_secs(7001)));
        assert!(Arc::ptr_eq(&one, &Idle::shared(&kind(Duration::from_secs(7001)))));
        assert!(!Arc::ptr_eq(&one, &Idle::shared(&kind(Duration::from_secs(7002)))));
    }
}
