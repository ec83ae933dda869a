//! A worker process as its parent sees it: started, greeted, ended.

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::entry::{self, Invitation};
use super::image::Image;
use super::status::{self, Page};
use super::sys::{self, Awaited};
use super::wire::{self, HANDSHAKE};
use crate::cpu_count;
use crate::options::Lifetime;

/// How long a worker may take from its start to the handshake. It usually takes 2 ms.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a worker may take to leave when asked to.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// Libraries that start threads of their own take their number from these variables. As loky
/// does, workers get their share of the cores, unless the user has set the variable or asked for another.
const INNER_THREADS: [&str; 8] = [
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
];

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(
        "`/proc/self/exe` could not be started again (Linux 5.3 or newer with `/proc` is needed)"
    )]
    Spawn(#[source] io::Error),
    #[error("the memory shared with it could not be had")]
    Memory(#[source] io::Error),
    #[error("it ended before the handshake: {status}")]
    Ended { status: String },
    #[error("no handshake within {0:?}")]
    Silent(Duration),
    #[error("it did not greet as a worker of this build")]
    OtherBuild,
}

/// A running worker process. Dropped: killed and reaped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Tells the end of the process, even if something it has started keeps the socket open.
    handle: Arc<OwnedFd>,
    socket: UnixStream,
    inner_threads: InnerThreads,
    /// What it shares with us.
    pub(super) page: Page,
}

impl Process {
    /// Starts this executable again, as one of `workers`.
    pub(super) fn start(workers: usize, lifetime: &Lifetime) -> Result<Self, StartError> {
        let memory = sys::shared_memory(status::LEN).map_err(StartError::Memory)?;
        let page = Page::map(memory.as_fd()).map_err(StartError::Memory)?;
        let (near, far) = UnixStream::pair().map_err(StartError::Spawn)?;
        let invitation = Invitation {
            parent: std::process::id(),
            page: memory.as_raw_fd(),
            // One of so many workers has one of so many cores, unless it was given more.
            cores: lifetime.inner_threads.unwrap_or(NonZeroUsize::MIN),
            memory_limit: lifetime.memory_limit.unwrap_or(0),
        };
        let threads = InnerThreads::of(workers, lifetime.inner_threads);
        let child = command(invitation, threads, lifetime.inner_threads.is_some())
            .stdin(Stdio::from(OwnedFd::from(far)))
            .spawn()
            .map_err(StartError::Spawn)?;
        let mut process = Self::of(child, near, page)?;
        process.inner_threads = threads;
        let process = process.greeted(START_LIMIT)?;
        // Dropped only now: the worker opens it through our descriptor.
        drop(memory);
        Ok(process)
    }

    fn of(mut child: Child, socket: UnixStream, page: Page) -> Result<Self, StartError> {
        match sys::process(child.id()) {
            Ok(handle) => Ok(Self {
                child,
                handle: Arc::new(handle),
                socket,
                inner_threads: InnerThreads(None),
                page,
            }),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                Err(StartError::Spawn(error))
            }
        }
    }

    /// Waits for the handshake.
    fn greeted(mut self, limit: Duration) -> Result<Self, StartError> {
        self.socket.set_read_timeout(Some(limit)).map_err(StartError::Spawn)?;
        let mut greeting = [0; HANDSHAKE];
        match self.socket.read_exact(&mut greeting) {
            Ok(()) if greeting == wire::handshake(Image::of_this_process().identity()) => Ok(self),
            Ok(()) => Err(StartError::OtherBuild),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(StartError::Silent(limit))
            }
            Err(_) => Err(StartError::Ended { status: self.kill() }),
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What can be waited for to see its end.
    pub(super) fn handle(&self) -> &Arc<OwnedFd> {
        &self.handle
    }

    pub(super) fn inner_threads(&self) -> InnerThreads {
        self.inner_threads
    }

    /// Kills the process if it still runs, and says how it ended. That a process has closed its
    /// socket shows that its end is decided, so the kill does not change what is said.
    pub(super) fn kill(&mut self) -> String {
        self.child.kill().ok();
        self.child.wait().map_or_else(|_| "unknown".into(), describe)
    }

    /// Asks an idle process to leave, and waits for it.
    pub(super) fn leave(self) {
        self.socket.shutdown(std::net::Shutdown::Write).ok();
        let process = Some(self.handle.as_fd());
        sys::wait(Awaited { process, timeout: Some(LEAVE_LIMIT), ..Awaited::default() });
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// How many threads libraries in a worker are told to start; `None`: what the user's variables say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InnerThreads(Option<usize>);

impl InnerThreads {
    /// That of one of `workers`, which may be given so many `threads`.
    pub(super) fn of(workers: usize, threads: Option<NonZeroUsize>) -> Self {
        let by_user = INNER_THREADS.iter().all(|variable| std::env::var_os(variable).is_some());
        let equal = (!by_user).then(|| (cpu_count().get() / workers.max(1)).max(1));
        Self(threads.map(NonZeroUsize::get).or(equal))
    }
}

/// `over`: the threads count more than what the user's variables say.
fn command(invitation: Invitation, threads: InnerThreads, over: bool) -> Command {
    let mut command = Command::new("/proc/self/exe");
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    command.env(entry::VARIABLE, invitation.to_text());
    for variable in INNER_THREADS {
        if let Some(threads) = threads.0.filter(|_| over || std::env::var_os(variable).is_none()) {
            command.env(variable, threads.to_string());
        }
    }
    command
}

/// How a process ended, for messages.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal} ({})", sys::signal_name(signal)),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A process that is no worker but runs `script`, with the socket as its standard input.
    pub(in super::super) fn impostor(script: &str) -> Process {
        let memory = sys::shared_memory(status::LEN).unwrap();
        let page = Page::map(memory.as_fd()).unwrap();
        let (socket, far) = UnixStream::pair().unwrap();
        let child = Command::new("sh").args(["-c", script]).stdin(OwnedFd::from(far)).spawn();
        Process::of(child.unwrap(), socket, page).unwrap()
    }

    impl Process {
        /// As if libraries in it had been told to start so many threads.
        pub(in super::super) fn with_threads(mut self, threads: usize) -> Self {
            self.inner_threads = InnerThreads(Some(threads));
            self
        }
    }

    fn greeting(script: &str, limit: Duration) -> String {
        impostor(script).greeted(limit).unwrap_err().to_string()
    }

    #[test]
    fn whoever_ends_before_the_handshake_is_named_with_its_end() {
        let error = greeting("exit 5", START_LIMIT);
        assert_eq!(error, "it ended before the handshake: exit code 5");
        let error = greeting("printf short >&0; kill -TERM $$", START_LIMIT);
        assert_eq!(error, "it ended before the handshake: signal 15 (SIGTERM)");
    }

    #[test]
    fn another_build_is_refused() {
        let error = greeting("printf joblibW1................ >&0; cat", START_LIMIT);
        assert_eq!(error, "it did not greet as a worker of this build");
    }

    #[test]
    fn silence_is_an_error() {
        let error = greeting("cat", Duration::from_millis(10));
        assert!(error.starts_with("no handshake within"), "{error}");
    }
}
