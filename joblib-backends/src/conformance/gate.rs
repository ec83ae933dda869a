//! Where tasks wait, in whatever process they are, until a property lets them go.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::LIMIT;

/// A place where tasks wait to be let go.
#[derive(Debug)]
pub(super) struct Gate {
    port: u16,
    visitors: Receiver<TcpStream>,
}

/// A task that waits at a gate. It goes on when this is dropped.
#[derive(Debug)]
pub(super) struct Visitor {
    _stream: TcpStream,
}

impl Gate {
    pub(super) fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, visitors) = channel();
        // Ends when the gate is gone and one more connection comes, or with the test.
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if send.send(stream).is_err() {
                    break;
                }
            }
        });
        Self { port, visitors }
    }

    /// What a task needs to come here.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the next task to arrive.
    pub(super) fn await_visitor(&self) -> Visitor {
        let stream = self.visitors.recv_timeout(LIMIT).expect("no task has come to the gate");
        Visitor { _stream: stream }
    }

    /// Whether a further task has arrived.
    pub(super) fn has_visitor(&self) -> bool {
        self.visitors.try_recv().is_ok()
    }
}

/// In a task: waits at the gate with that port.
pub(super) fn visit(port: u16) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    // The visitor is dropped (an end of file) or its process has died (perhaps an error).
    stream.read_exact(&mut [0]).ok();
}
