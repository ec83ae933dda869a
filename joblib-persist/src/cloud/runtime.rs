//! One thread that does all network work of this process, for callers that block.

use std::future::Future;
use std::io;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

/// What was begun on the thread and will be waited for.
#[derive(Debug)]
pub(super) struct Pending<T>(Receiver<T>);

impl<T> Pending<T> {
    /// Blocks until it is done. The thread itself never calls this, so nothing waits for itself;
    /// inside another runtime it holds up that runtime's thread, as any file access does.
    pub(super) fn wait(self) -> io::Result<T> {
        self.0.recv().map_err(|_| io::Error::other("a panic ended a network request"))
    }

    /// Blocks for at most `patience`.
    pub(super) fn wait_for(self, patience: Duration) -> Option<T> {
        self.0.recv_timeout(patience).ok()
    }
}

/// Begins `work`, which goes on whether or not somebody waits for it.
pub(super) fn begin<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> io::Result<Pending<T>> {
    let (answer, receiver) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        // Whoever asked may not be interested any more.
        let _ = answer.send(work.await);
    });
    Ok(Pending(receiver))
}

/// Does `work` on the thread and waits for it.
pub(super) fn block_on<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> io::Result<T> {
    begin(work)?.wait()
}

/// The runtime, started on first use, and again on the next if that failed.
fn handle() -> io::Result<Handle> {
    static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);
    let mut running = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*running {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("joblib-cloud".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(running.insert(handle).clone())
}
