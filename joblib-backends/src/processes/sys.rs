//! The system calls that the standard library does not offer, behind safe functions.

#![allow(unsafe_code, reason = "calls into libc")]

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Room for bytes to arrive in, at least.
const READ_AHEAD: usize = 64 << 10;

/// Whether a call may wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    Wait,
    NoWait,
}

impl Mode {
    fn flag(self) -> libc::c_int {
        if self == Mode::NoWait { libc::MSG_DONTWAIT } else { 0 }
    }
}

/// The time since some fixed moment, the same for every process of the machine.
pub(super) fn monotonic() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer, and this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// A counter that wakes whoever waits for it to be readable.
pub(super) fn event_counter() -> io::Result<File> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    owned(fd).map(File::from)
}

/// Memory without a name in the file system, as an empty file.
pub(super) fn memory_file() -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a C string.
    owned(unsafe { libc::memfd_create(c"joblib".as_ptr(), flags) })
}

/// `len` bytes of zeroed memory that can be mapped into several processes and never shrinks.
pub(super) fn shared_memory(len: usize) -> io::Result<OwnedFd> {
    let file = File::from(memory_file()?);
    file.set_len(len as u64)?;
    // Shrinking it would turn the parent's next look into a SIGBUS.
    keep_size(&file)?;
    Ok(file.into())
}

/// Nobody can change the size of a memory file any more.
pub(super) fn keep_size(file: &File) -> io::Result<()> {
    seal(file, libc::F_SEAL_SHRINK | libc::F_SEAL_GROW)
}

/// Nobody can change the contents of a memory file any more. It must not be mapped for writing.
pub(super) fn make_constant(file: &File) -> io::Result<()> {
    let all = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // For `F_SEAL_WRITE` the system looks at every page, which the newer seal does without.
    match seal(file, all | libc::F_SEAL_FUTURE_WRITE) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            seal(file, all | libc::F_SEAL_WRITE)
        }
        sealed => sealed,
    }
}

fn seal(file: &File, seals: libc::c_int) -> io::Result<()> {
    // SAFETY: no pointers are passed.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) };
    checked(result).map(drop)
}

/// What to wait for. What is not given is not waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Awaited<'a> {
    /// To be read.
    pub(super) socket: Option<BorrowedFd<'a>>,
    /// And whether to be written, too.
    pub(super) output: bool,
    /// To have ended; from [`process`].
    pub(super) process: Option<BorrowedFd<'a>>,
    /// To ring.
    pub(super) bell: Option<BorrowedFd<'a>>,
    /// One of them to have ended; from [`process`].
    pub(super) others: &'a [Arc<OwnedFd>],
    pub(super) timeout: Option<Duration>,
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    pub(super) readable: bool,
    pub(super) writable: bool,
    pub(super) ended: bool,
    pub(super) rung: bool,
    pub(super) other_ended: bool,
}

impl Ready {
    /// Whether anything was there.
    pub(super) fn any(self) -> bool {
        self.readable || self.writable || self.ended || self.rung || self.other_ended
    }
}

/// Waits until something is there of what is awaited, or the time is over.
pub(super) fn wait(awaited: Awaited<'_>) -> Ready {
    let entry = |fd: Option<BorrowedFd<'_>>, events| {
        // A negative descriptor is passed over.
        let fd = fd.map_or(-1, |fd| fd.as_raw_fd());
        libc::pollfd { fd, events, revents: 0 }
    };
    let write = if awaited.output { libc::POLLOUT } else { 0 };
    let mut fds = [
        entry(awaited.socket, libc::POLLIN | write),
        entry(awaited.process, libc::POLLIN),
        entry(awaited.bell, libc::POLLIN),
    ];
    let timeout = awaited.timeout.map_or(-1, milliseconds);
    let mut other_ended = false;
    if awaited.others.is_empty() {
        poll(&mut fds, timeout);
    } else {
        let others = awaited.others.iter().map(|other| entry(Some(other.as_fd()), libc::POLLIN));
        let mut all: Vec<_> = fds.into_iter().chain(others).collect();
        poll(&mut all, timeout);
        let others = all.split_off(fds.len());
        fds.copy_from_slice(&all);
        other_ended = others.iter().any(|other| other.revents != 0);
    }
    let [socket, process, bell] = fds.map(|entry| entry.revents);
    Ready {
        // An error or a hang-up is found by reading.
        readable: socket & !libc::POLLOUT != 0,
        writable: socket & libc::POLLOUT != 0,
        ended: process != 0,
        rung: bell != 0,
        other_ended,
    }
}

fn poll(fds: &mut [libc::pollfd], timeout: libc::c_int) {
    // SAFETY: `fds` is an array of that many entries. A failure (a signal) leaves `revents` zero,
    // and the caller looks again.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) };
}

/// Waits until the other end of `socket` is closed, at most `limit`; says whether it is.
pub(super) fn wait_for_hangup(socket: BorrowedFd<'_>, limit: Duration) -> bool {
    let mut fd = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: one entry, as announced.
    unsafe { libc::poll(&raw mut fd, 1, milliseconds(limit)) };
    fd.revents != 0
}

/// A child process as something that can be waited for.
pub(super) fn process(id: u32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed; the answer is a descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(id), 0) };
    owned(fd as libc::c_int)
}

/// Rounded up: rounding down would spin through the last millisecond.
fn milliseconds(limit: Duration) -> libc::c_int {
    limit.as_nanos().div_ceil(1_000_000).min(1 << 30) as libc::c_int
}

/// Appends what has arrived at `socket` to `buffer`, and files that came along to `files`; 0 means that
/// the other end is closed.
pub(super) fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut Vec<u8>,
    files: &mut VecDeque<File>,
    mode: Mode,
) -> io::Result<usize> {
    // Doubles as it fills, and no length that a frame claims is ever trusted with memory.
    buffer.reserve(READ_AHEAD);
    let room = buffer.spare_capacity_mut();
    let mut piece = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    let mut control = Control::default();
    let mut message = message(&mut piece, &mut control, size_of::<Control>());
    let flags = mode.flag() | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: `room` and `control` are writable memory of their lengths.
    let n = retried(|| unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) })?;
    // SAFETY: the call has just filled `n` bytes behind the length.
    unsafe { buffer.set_len(buffer.len() + n) };
    // SAFETY: the system has just written the message and its control data.
    unsafe { take_files(&message, files) };
    if message.msg_flags & libc::MSG_CTRUNC != 0 {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    Ok(n)
}

/// Room for what travels beside the bytes: as many descriptors as the system sends at once.
#[repr(C, align(8))]
struct Control([u8; 1040]);

impl Default for Control {
    fn default() -> Self {
        Self([0; 1040])
    }
}

/// A message of one piece with so many bytes of control data.
fn message(piece: &mut libc::iovec, control: &mut Control, len: usize) -> libc::msghdr {
    // SAFETY: all zeros is an empty message.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (piece, 1);
    if len > 0 {
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = len as _;
    }
    message
}

/// Takes the descriptors that came with `message`.
///
/// # Safety
///
/// The system has just filled it.
unsafe fn take_files(message: &libc::msghdr, files: &mut VecDeque<File>) {
    // SAFETY: these walk over what the system wrote; each descriptor in it is new, and ours alone.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(part) = header.as_ref() {
            if (part.cmsg_level, part.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
                let len = part.cmsg_len - libc::CMSG_LEN(0) as usize;
                let first = libc::CMSG_DATA(header).cast::<libc::c_int>();
                for index in 0..len / size_of::<libc::c_int>() {
                    files.push_back(File::from_raw_fd(first.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
}

/// Sends a part of `bytes`, at least one, together with `files`.
pub(super) fn send_with(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    files: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let descriptors = size_of_val(files) as libc::c_uint;
    // SAFETY: these only compute lengths.
    let (space, len) = unsafe { (libc::CMSG_SPACE(descriptors), libc::CMSG_LEN(descriptors)) };
    let mut control = Control::default();
    if space as usize > size_of::<Control>() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut piece =
        libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let message = message(&mut piece, &mut control, space as usize);
    // SAFETY: the control data has room for a header and the descriptors, as just checked, and is
    // aligned for it.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = len as _;
        let first = libc::CMSG_DATA(header).cast::<libc::c_int>();
        for (index, file) in files.iter().enumerate() {
            first.add(index).write_unaligned(file.as_raw_fd());
        }
    }
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: `bytes` is only read, and all of the message outlives the call.
    retried(|| unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, flags) })
}

/// Sends a part of `bytes` and says how much; a closed other end is an error and no signal.
pub(super) fn send(socket: BorrowedFd<'_>, bytes: &[u8], mode: Mode) -> io::Result<usize> {
    let flags = mode.flag() | libc::MSG_NOSIGNAL;
    // SAFETY: `bytes` is readable memory of that length.
    retried(|| unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Calls again what a signal interrupted.
fn retried(mut call: impl FnMut() -> libc::ssize_t) -> io::Result<usize> {
    loop {
        if let Ok(n) = usize::try_from(call()) {
            return Ok(n);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Lets descriptor `number` of this process be another one of `file`.
pub(super) fn put_at(file: BorrowedFd<'_>, number: libc::c_int) -> io::Result<()> {
    // SAFETY: no pointers are passed. Only standard streams are replaced, which nobody owns.
    checked(unsafe { libc::dup2(file.as_raw_fd(), number) }).map(drop)
}

/// The process that started this one.
pub(super) fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// Ends the process at once: nothing is flushed, no handler runs.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` does not return and touches no memory of ours.
    unsafe { libc::_exit(code) }
}

/// From now on this process gets no more than `bytes` of memory of its own; 0 is no limit. What it
/// shares with others does not count.
pub(super) fn limit_memory(bytes: u64) {
    if bytes > 0 {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: a valid limit. Lowering one is always allowed.
        unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) };
    }
}

/// How many descriptors a process may have, this one or one that it starts.
pub(super) fn most_descriptors() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

/// The name of a signal, as `kill -l` has it.
pub(super) fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGALRM => "SIGALRM",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGSYS => "SIGSYS",
        libc::SIGTERM => "SIGTERM",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        _ => "unnamed",
    }
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: a descriptor that the system has just made for us has no other owner.
    checked(fd).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}
