//! Where tasks wait, in whatever process they are, until a property lets them go.

use std::collections::VecDeque;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::LIMIT;

/// A place where tasks wait to be let go. A property that fails lets everybody go.
#[derive(Debug)]
pub(super) struct Gate {
    port: u16,
    arrivals: Arc<Arrivals>,
}

#[derive(Debug, Default)]
struct Arrivals {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    waiting: VecDeque<TcpStream>,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everybody go, from now on.
    fn open(&self) {
        let mut state = self.lock();
        state.open = true;
        state.waiting.clear();
    }

    fn arrive(&self, stream: TcpStream) {
        let mut state = self.lock();
        if !state.open {
            state.waiting.push_back(stream);
        }
        self.arrived.notify_all();
    }
}

/// A task that waits at a gate. It goes on when this is dropped.
#[derive(Debug)]
pub(super) struct Visitor {
    _stream: TcpStream,
    arrivals: Arc<Arrivals>,
}

impl Drop for Visitor {
    fn drop(&mut self) {
        if thread::panicking() {
            self.arrivals.open();
        }
    }
}

impl Gate {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrivals = Arc::<Arrivals>::default();
        let gate = Self { port, arrivals: Arc::clone(&arrivals) };
        // Ends with the test process.
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                arrivals.arrive(stream);
            }
        });
        gate
    }

    /// What a task needs to come here.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the next task to arrive.
    pub(super) fn await_visitor(&self) -> Visitor {
        let nobody = |state: &mut State| state.waiting.is_empty();
        let (mut state, _) = self
            .arrivals
            .arrived
            .wait_timeout_while(self.arrivals.lock(), LIMIT, nobody)
            .unwrap_or_else(PoisonError::into_inner);
        let stream = state.waiting.pop_front();
        drop(state);
        let Some(stream) = stream else {
            self.arrivals.open();
            panic!("no task has come to the gate");
        };
        Visitor { _stream: stream, arrivals: Arc::clone(&self.arrivals) }
    }

    /// Whether a further task has arrived.
    pub(super) fn has_visitor(&self) -> bool {
        !self.arrivals.lock().waiting.is_empty()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.arrivals.open();
    }
}

/// In a task: waits at the gate with that port.
pub(super) fn visit(port: u16) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    // The visitor is dropped (an end of file) or its process has died (perhaps an error).
    stream.read_exact(&mut [0]).ok();
}
