//! Bytes that have arrived and are not used yet.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

use super::sys::{self, Mode};

/// What an idle buffer may keep.
pub(super) const KEEP: usize = 1 << 20;

/// Bytes that have arrived and are not used yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    used: usize,
    /// Files that came along, in their order.
    pub(super) files: VecDeque<File>,
}

impl Inbox {
    /// What has not been used yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.used..]
    }

    /// The same, and the files that came along.
    pub(super) fn content(&mut self) -> (&[u8], &mut VecDeque<File>) {
        (&self.bytes[self.used..], &mut self.files)
    }

    /// Marks the first `n` unread bytes as used.
    pub(super) fn consume(&mut self, n: usize) {
        self.used += n;
        debug_assert!(self.used <= self.bytes.len());
        if self.used == self.bytes.len() {
            self.used = 0;
            self.bytes.clear();
        } else if self.used > self.bytes.len() / 2 {
            // Moves less than was consumed since the last time.
            self.bytes.drain(..self.used);
            self.used = 0;
        }
    }

    /// Gives a large buffer back, if nothing is in it. Between large frames it is kept: touching
    /// fresh memory for each costs as much as copying it.
    pub(super) fn rest(&mut self) {
        if self.bytes.is_empty() && self.is_large() {
            self.bytes = Vec::new();
        }
    }

    /// Whether there is something to give back.
    pub(super) fn is_large(&self) -> bool {
        self.bytes.capacity() > KEEP
    }

    /// Takes in what has arrived; 0 means that the other end is closed.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>, mode: Mode) -> io::Result<usize> {
        sys::receive(socket, &mut self.bytes, &mut self.files, mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn unread_bytes_stay_in_order_however_they_are_consumed() {
        let (mut far, near) = UnixStream::pair().unwrap();
        let mut inbox = Inbox::default();
        far.write_all(b"abcdef").unwrap();
        assert_eq!(inbox.receive(near.as_fd(), Mode::Wait).unwrap(), 6);
        inbox.consume(2);
        assert_eq!(inbox.unread(), b"cdef");
        inbox.consume(2);
        far.write_all(b"gh").unwrap();
        inbox.receive(near.as_fd(), Mode::Wait).unwrap();
        assert_eq!(inbox.unread(), b"efgh");
        inbox.consume(4);
        assert!(inbox.unread().is_empty());
    }

    #[test]
    fn a_closed_end_gives_zero_and_an_empty_socket_an_error() {
        let (far, near) = UnixStream::pair().unwrap();
        let mut inbox = Inbox::default();
        let error = inbox.receive(near.as_fd(), Mode::NoWait).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        drop(far);
        assert_eq!(inbox.receive(near.as_fd(), Mode::NoWait).unwrap(), 0);
    }
}
