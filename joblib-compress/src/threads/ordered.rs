//! Threads that work side by side and answer in order.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Items given to each thread before the first of them is waited for: one to work on, and one
/// that is ready when it is done.
pub(crate) const AHEAD: usize = 2;

/// The most threads that one stream gets, whatever was asked for.
pub(crate) const MOST_THREADS: usize = 256;

/// What a thread does, and what it keeps from item to item.
pub(crate) trait Work {
    type Item: Send + 'static;
    type Output: Send + 'static;

    fn work(&mut self, item: Self::Item) -> io::Result<Self::Output>;
}

/// A queue of items, worked on by several threads, whose results come in the order of the items.
///
/// Threads start when there is something to do for them, and end with this.
pub(crate) struct Ordered<W: Work> {
    make: Arc<dyn Fn() -> W + Send + Sync>,
    most: usize,
    threads: Vec<JoinHandle<()>>,
    items: Option<Sender<Job<W>>>,
    queue: Arc<Queue<W>>,
    results: VecDeque<Receiver<io::Result<W::Output>>>,
}

struct Job<W: Work> {
    item: W::Item,
    answer: SyncSender<io::Result<W::Output>>,
}

/// Where the threads find their items.
struct Queue<W: Work> {
    jobs: Mutex<Receiver<Job<W>>>,
    /// Nobody waits for results any more.
    given_up: AtomicBool,
}

impl<W: Work + 'static> Ordered<W> {
    /// `make` is called once by each of at most `threads` threads.
    pub(crate) fn new(threads: usize, make: impl Fn() -> W + Send + Sync + 'static) -> Self {
        let (items, jobs) = channel();
        let queue = Queue { jobs: Mutex::new(jobs), given_up: AtomicBool::new(false) };
        Self {
            make: Arc::new(make),
            most: threads.clamp(1, MOST_THREADS),
            threads: Vec::new(),
            items: Some(items),
            queue: Arc::new(queue),
            results: VecDeque::new(),
        }
    }

    /// Items whose results were not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.results.len()
    }

    /// Whether a result should be taken before another item is given.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting() >= self.most * AHEAD
    }

    /// Puts `item` at the end of the queue.
    pub(crate) fn give(&mut self, item: W::Item) -> io::Result<()> {
        if self.threads.len() < self.most && self.threads.len() <= self.waiting() {
            self.start_thread()?;
        }
        let (answer, result) = sync_channel(1);
        let items = self.items.as_ref().expect("taken when dropped");
        items.send(Job { item, answer }).expect("the queue lives as long as this");
        self.results.push_back(result);
        Ok(())
    }

    /// Waits for the result of the oldest item.
    pub(crate) fn take(&mut self) -> Option<io::Result<W::Output>> {
        let result = self.results.pop_front()?.recv();
        Some(result.unwrap_or_else(|_| Err(io::Error::other("a thread ended before its time"))))
    }

    /// What a thread would make of `item`, made by the caller: for one that is alone.
    pub(crate) fn work_here(&self, item: W::Item) -> io::Result<W::Output> {
        (self.make)().work(item)
    }

    fn start_thread(&mut self) -> io::Result<()> {
        let (make, queue) = (Arc::clone(&self.make), Arc::clone(&self.queue));
        let builder = Builder::new().name("joblib-compress".to_owned());
        self.threads.push(builder.spawn(move || queue.serve(&*make))?);
        Ok(())
    }
}

impl<W: Work> Queue<W> {
    fn serve(&self, make: &dyn Fn() -> W) {
        let mut worker = make();
        while let Some(job) = self.next() {
            if self.given_up.load(Ordering::Relaxed) {
                continue;
            }
            let result = catch_unwind(AssertUnwindSafe(|| worker.work(job.item)));
            let result = result.unwrap_or_else(|panic| {
                worker = make();
                Err(panicked(&*panic))
            });
            // Whoever asked may be gone.
            let _ = job.answer.send(result);
        }
    }

    /// The next item; `None` when there will be no more.
    fn next(&self) -> Option<Job<W>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }
}

impl<W: Work> Drop for Ordered<W> {
    fn drop(&mut self) {
        self.queue.given_up.store(true, Ordering::Relaxed);
        self.items = None;
        for thread in self.threads.drain(..) {
            // It catches the panics of its work; a panic of `make` was reported by `take`.
            let _ = thread.join();
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> io::Error {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    io::Error::other(format!("a thread panicked: {}", message.unwrap_or("without a message")))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Runs the function that is the item.
    struct Runs(Arc<AtomicUsize>);

    type Task = Box<dyn FnOnce() -> io::Result<usize> + Send>;

    impl Work for Runs {
        type Item = Task;
        type Output = usize;

        fn work(&mut self, item: Task) -> io::Result<usize> {
            item()
        }
    }

    impl Drop for Runs {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// The queue, and how many workers there are.
    fn queue(threads: usize) -> (Ordered<Runs>, Arc<AtomicUsize>) {
        let alive = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&alive);
        let make = move || {
            count.fetch_add(1, Ordering::SeqCst);
            Runs(Arc::clone(&count))
        };
        (Ordered::new(threads, make), alive)
    }

    #[test]
    fn threads_work_at_the_same_time_and_results_keep_their_order() {
        let (mut queue, alive) = queue(3);
        let meet = Arc::new(Barrier::new(3));
        for number in 0..6 {
            let meet = Arc::clone(&meet);
            let task = Box::new(move || {
                meet.wait();
                Ok(number)
            });
            queue.give(task).unwrap();
        }
        assert!(queue.is_full());
        let results: Vec<usize> = (0..6).map(|_| queue.take().unwrap().unwrap()).collect();
        assert_eq!(results, [0, 1, 2, 3, 4, 5]);
        assert!(queue.take().is_none());
        drop(queue);
        assert_eq!(alive.load(Ordering::SeqCst), 0, "no thread outlives the queue");
    }

    #[test]
    fn a_panic_is_an_error_in_its_place_and_the_thread_goes_on() {
        let (mut queue, _) = queue(1);
        queue.give(Box::new(|| panic!("no luck with {}", 7))).unwrap();
        queue.give(Box::new(|| Ok(8))).unwrap();
        let error = queue.take().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "a thread panicked: no luck with 7");
        assert_eq!(queue.take().unwrap().unwrap(), 8);
    }

    #[test]
    fn dropped_early_it_waits_for_what_runs_and_not_for_what_is_queued() {
        let (mut queue, alive) = queue(1);
        let (begun, begins) = channel();
        let done = Arc::new(AtomicUsize::new(0));
        let (go, goes) = channel::<()>();
        let finished = Arc::clone(&done);
        let first = move || {
            begun.send(()).unwrap();
            goes.recv().unwrap();
            finished.fetch_add(1, Ordering::SeqCst);
            Ok(0)
        };
        queue.give(Box::new(first)).unwrap();
        let finished = Arc::clone(&done);
        let second = move || {
            finished.fetch_add(10, Ordering::SeqCst);
            Ok(0)
        };
        queue.give(Box::new(second)).unwrap();
        begins.recv().unwrap();
        let release = std::thread::spawn({
            let queue = Arc::clone(&queue.queue);
            move || {
                while !queue.given_up.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                go.send(()).unwrap();
            }
        });
        drop(queue);
        release.join().unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 1);
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn no_more_threads_start_than_there_are_items() {
        let (mut queue, alive) = queue(100);
        for number in 0..2 {
            queue.give(Box::new(move || Ok(number))).unwrap();
            assert_eq!(queue.take().unwrap().unwrap(), number);
        }
        assert_eq!(queue.threads.len(), 1);
        assert_eq!(alive.load(Ordering::SeqCst), 1);
    }
}
