//! What a worker process does: read a batch, run its tasks, send the answers, until the parent
//! hangs up.

#![allow(unsafe_code, reason = "turns an offset into a function")]

use std::any::Any;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use joblib_persist::MmapMode;

use super::arrays::Carrier;
use super::far;
use super::image::Image;
use super::inbox::{Inbox, KEEP};
use super::kept::Tidier;
use super::peak::peak_memory;
use super::result_files::ResultFiles;
use super::segment;
use super::status::Page;
use super::sys::{self, Awaited, Mode};
use super::vigil::Vigil;
use super::wire::{self, BatchHeader, Garbage, Kind, Record, RecordHeader};
use crate::{ArrayMode, CallFn, Failure, Frame, Payload};

/// The stack for tasks: as much as the main thread of a program usually has.
const STACK: usize = 8 << 20;
/// How long an orphan may take to leave by itself.
const LEAVE: Duration = Duration::from_millis(50);
/// How often a worker looks after itself: how long a shared value may outlive its last user, and how
/// old the memory mark may be that a dead worker leaves.
const TIDY: Duration = Duration::from_millis(100);

/// Serves the parent at the other end of `socket` and never returns.
///
/// A thread of its own runs the tasks (with a name for panic messages), and this one only waits
/// for the parent to hang up, so that a worker dies with its parent even in the middle of a task.
/// Now and then it tells in its page, `watch`, how much memory there is in use, and looks whether
/// shared values can be forgotten.
pub(super) fn work(socket: OwnedFd, page: Page, watch: &Page) -> ! {
    let served = socket.try_clone().and_then(|socket| {
        thread::Builder::new().name("joblib-worker".into()).stack_size(STACK).spawn(move || {
            let code = i32::from(serve(socket, page).is_err());
            std::process::exit(code)
        })
    });
    if served.is_ok() {
        while !sys::wait_for_hangup(socket.as_fd(), TIDY) {
            watch.set_peak_memory(peak_memory());
            segment::forget_gone(sys::parent_id());
        }
        // Between two tasks the other thread sees the end, too, and leaves in good order.
        thread::sleep(LEAVE);
    }
    sys::exit_now(1)
}

/// Why a worker ends before its parent hangs up.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the socket failed")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Garbage(#[from] Garbage),
}

fn serve(socket: OwnedFd, page: Page) -> Result<(), Broken> {
    let image = Image::of_this_process();
    let mut answers = Answers { socket, page };
    answers.send(&wire::handshake(image.identity()))?;
    let mut inbox = Inbox::default();
    let mut frame = Frame::default();
    let mut files = ResultFiles::default();
    let mut tidier = Tidier::new();
    let mut vigil = Vigil::default();
    loop {
        tidier.tidy();
        if inbox.unread().is_empty() {
            let look = || is_readable(&answers.socket, Some(Duration::ZERO)).then_some(());
            vigil.wait(look, || rest(&answers.socket, &mut tidier, &mut files));
        }
        let Some(header) = next_header(&mut inbox, &answers.socket)? else { return Ok(()) };
        let claimed = answers.page.claim(header.batch);
        if claimed {
            answers.page.begin_batch(header.batch);
        }
        let len = usize::try_from(header.len).map_err(|_| Garbage("the length of a batch"))?;
        if !await_bytes(&mut inbox, &answers.socket, len)? {
            return Ok(());
        }
        if claimed {
            frame.carrier = Some(Carrier::ToParent { max_nbytes: header.max_nbytes, files });
            run_batch(image, &header, &inbox.unread()[..len], &mut frame, &mut answers)?;
            files = result_files(&mut frame).map(std::mem::take).unwrap_or_default();
        }
        inbox.consume(len);
        io::stdout().flush().ok();
        rest_if_idle(&mut inbox, &mut frame, &answers.socket);
    }
}

/// Waits for something to read, or the end. Until it comes, what tasks need no more is let go.
fn rest(socket: &OwnedFd, tidier: &mut Tidier, files: &mut ResultFiles) {
    while tidier.has_work() || files.has_work() {
        if is_readable(socket, Some(Tidier::EVERY)) {
            return;
        }
        files.forget();
        tidier.tidy();
    }
    is_readable(socket, None);
}

/// Whether there is something to read, or the end; waits for it up to `limit`.
fn is_readable(socket: &OwnedFd, limit: Option<Duration>) -> bool {
    let awaited = Awaited { socket: Some(socket.as_fd()), timeout: limit, ..Awaited::default() };
    sys::wait(awaited).readable
}

/// The header of the next batch; `None` when the parent has hung up.
fn next_header(inbox: &mut Inbox, socket: &OwnedFd) -> Result<Option<BatchHeader>, Broken> {
    if !await_bytes(inbox, socket, BatchHeader::LEN)? {
        return Ok(None);
    }
    let header = BatchHeader::read(inbox.unread())?;
    inbox.consume(BatchHeader::LEN);
    Ok(header)
}

/// Waits for `n` unread bytes; false when the parent hung up before.
fn await_bytes(inbox: &mut Inbox, socket: &OwnedFd, n: usize) -> io::Result<bool> {
    while inbox.unread().len() < n {
        if inbox.receive(socket.as_fd(), Mode::Wait)? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives large buffers back, unless the next batch has arrived already.
fn rest_if_idle(inbox: &mut Inbox, frame: &mut Frame, socket: &OwnedFd) {
    if frame.bytes.capacity() > KEEP || inbox.is_large() {
        // Whatever it finds, the next read finds it again.
        inbox.receive(socket.as_fd(), Mode::NoWait).ok();
        if inbox.unread().is_empty() {
            inbox.rest();
            *frame = Frame::default();
        }
    }
}

fn run_batch(
    image: &Image,
    header: &BatchHeader,
    mut tasks: &[u8],
    frame: &mut Frame,
    answers: &mut Answers,
) -> Result<(), Broken> {
    // SAFETY: the parent took this offset from a `CallFn` of the same build, as both agreed in the
    // handshake, and the socket is private to the two.
    let function = unsafe { image.function_at(header.function) };
    far::set_places(&[])?;
    while !tasks.is_empty() {
        let task = Record::take(&mut tasks)?.ok_or(Garbage("the end of a batch"))?;
        if task.kind == Kind::Places {
            far::set_places(task.bytes)?;
            continue;
        }
        frame.bytes.clear();
        if answers.page.is_stopped(header.batch) {
            answers.push_failure(task.task, &Failure::NotRun)?;
            continue;
        }
        answers.page.begin_task(task.task);
        if let Some(files) = result_files(frame) {
            files.take_back(&answers.page);
        }
        // What could not be encoded travels as its own answer.
        let arguments = task.answer()?;
        let result = run_task(function, header, arguments, frame);
        match result {
            Ok(()) => answers.push_result(task.task, frame)?,
            Err(failure) => answers.push_failure(task.task, &failure)?,
        }
        if let Some(files) = result_files(frame) {
            files.end();
        }
    }
    answers.flush()?;
    Ok(())
}

/// What takes the arrays out of the results that are written into `frame`.
fn result_files(frame: &mut Frame) -> Option<&mut ResultFiles> {
    match &mut frame.carrier {
        Some(Carrier::ToParent { files, .. }) => Some(files),
        _ => None,
    }
}

fn run_task(
    function: Option<CallFn>,
    header: &BatchHeader,
    arguments: Result<&[u8], Failure>,
    frame: &mut Frame,
) -> Result<(), Failure> {
    let function = function.ok_or_else(|| Failure::Refused {
        message: "the function is not part of the worker's executable".into(),
    })?;
    let mode = match header.mode {
        ArrayMode::Copy => MmapMode::Copy,
        ArrayMode::Read | ArrayMode::InMemory => MmapMode::Read,
    };
    let fetch = |number| segment::array_at(number, mode);
    let mut arguments = Payload { fetch: Some(&fetch), ..Payload::new(arguments?) };
    catch_unwind(AssertUnwindSafe(|| function(header.fingerprint, &mut arguments, frame)))
        .unwrap_or_else(|panic| Err(Failure::Panic { message: panic_message(panic) }))
}

/// What a panic said.
pub(super) fn panic_message(panic: Box<dyn Any + Send>) -> String {
    let message = match panic.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "no message".into()),
    };
    // The value thrown may panic in its turn when it is dropped.
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second);
    }
    message
}

/// Answers on their way: recorded in the status page first, sent when the batch ends or the
/// journal is full.
struct Answers {
    socket: OwnedFd,
    page: Page,
}

impl Answers {
    fn push_failure(&mut self, task: u32, failure: &Failure) -> io::Result<()> {
        self.push(task, Kind::Failure, &wire::failure_bytes(failure))
    }

    fn push(&mut self, task: u32, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        let header = RecordHeader { task, kind, files: 0, len: bytes.len() as u64 }.to_bytes();
        if self.page.record([&header, bytes]) {
            return Ok(());
        }
        self.flush()?;
        if self.page.record([&header, bytes]) {
            return Ok(());
        }
        self.send(&header)?;
        self.send(bytes)
    }

    /// Takes a result, and sends it at once if some of its arrays are in files.
    fn push_result(&mut self, task: u32, frame: &mut Frame) -> io::Result<()> {
        let Some(Carrier::ToParent { files, .. }) = &mut frame.carrier else {
            return self.push(task, Kind::Value, &frame.bytes);
        };
        if files.is_empty() {
            return self.push(task, Kind::Value, &frame.bytes);
        }
        self.push_with(task, &frame.bytes, &files.new_files())?;
        files.keep();
        Ok(())
    }

    /// Sends a result some of whose arrays are in `files`. Those cannot be part of a journal.
    fn push_with(&mut self, task: u32, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.flush()?;
        let (count, len) = (files.len() as u16, bytes.len() as u64);
        let header = RecordHeader { task, kind: Kind::Value, files: count, len }.to_bytes();
        let n = sys::send_with(self.socket.as_fd(), &header, files)?;
        self.send(&header[n..])?;
        self.send(bytes)
    }

    /// Sends the journal. It is cleared only afterwards: after a death in between, the parent has
    /// answers twice, and knows them by their task.
    fn flush(&mut self) -> io::Result<()> {
        self.send(self.page.journal())?;
        self.page.clear();
        Ok(())
    }

    fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = sys::send(self.socket.as_fd(), bytes, Mode::Wait)?;
            bytes = &bytes[n..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::status;
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_could_not_be_sent_stays_in_the_journal() {
        let memory = sys::shared_memory(status::LEN).unwrap();
        let page = Page::map(memory.as_fd()).unwrap();
        let (near, far) = UnixStream::pair().unwrap();
        let mut answers = Answers { socket: near.into(), page };
        answers.push(0, Kind::Value, b"ready").unwrap();
        drop(far);
        assert!(answers.flush().is_err());
        let remains = answers.page.remains();
        let record = Record::take(&mut &remains[..]).unwrap().unwrap();
        assert_eq!((record.task, record.bytes), (0, &b"ready"[..]));
    }
}
