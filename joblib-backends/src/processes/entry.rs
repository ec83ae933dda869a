//! How a process becomes a worker: before `main`, if its parent invited it.

#![allow(unsafe_code, reason = "an entry in the table of functions that run before `main`")]

use std::ffi::{c_char, c_int};
use std::fs::OpenOptions;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

use super::image::Image;
use super::peak::peak_memory;
use super::status::Page;
use super::{sys, worker};

/// The variable that holds the invitation.
pub(super) const VARIABLE: &str = "JOBLIB_WORKER";
/// What the variable holds in a relay, whose parent may be on another machine.
pub(super) const RELAY: &str = "relay";
/// The exit code of a worker that could not set itself up.
const SET_UP_FAILED: i32 = 71;

/// What the loader gives to each function of the table.
type Start = extern "C" fn(c_int, *const *const c_char, *const *const c_char);

#[used]
// SAFETY: the section is a table of such functions, called once each before `main`.
#[unsafe(link_section = ".init_array")]
static ENTER: Start = enter;

/// Tells a worker who called it and where the status page is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Invitation {
    /// The process id of the parent.
    pub(super) parent: u32,
    /// The parent's descriptor of the status page.
    pub(super) page: i32,
    /// How many cores its tasks may use.
    pub(super) cores: NonZeroUsize,
    /// How many bytes of its own memory it may have; 0: as many as the system gives.
    pub(super) memory_limit: u64,
}

impl Invitation {
    pub(super) fn to_text(self) -> String {
        format!("{}:{}:{}:{}", self.parent, self.page, self.cores, self.memory_limit)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let invitation = Self {
            parent: parts.next()?.parse().ok()?,
            page: parts.next()?.parse().ok()?,
            cores: parts.next()?.parse().ok()?,
            memory_limit: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(invitation)
    }

    /// The invitation in the environment, if this very process is meant and not one of its
    /// descendants that inherited the variable.
    pub(super) fn of_this_process() -> Option<Self> {
        let invitation = Self::parse(&std::env::var(VARIABLE).ok()?)?;
        (invitation.parent == sys::parent_id()).then_some(invitation)
    }
}

/// Whether this code is part of the main executable, so that a worker enters here, too.
pub(super) fn is_in_executable() -> bool {
    Image::of_this_process().is_code(enter as *const () as usize)
}

/// Returns at once in an ordinary process, and never in a worker.
extern "C" fn enter(argc: c_int, argv: *const *const c_char, envp: *const *const c_char) {
    let Some(invitation) = Invitation::of_this_process() else {
        if std::env::var_os(VARIABLE).is_some_and(|value| value == RELAY) {
            become_ours();
            sys::exit_now(crate::launched::relay());
        }
        return;
    };
    become_ours();
    crate::inside::set(invitation.cores);
    sys::limit_memory(invitation.memory_limit);
    run_later_constructors(argc, argv, envp);
    match set_up(invitation) {
        Ok((socket, page, watch)) => {
            let watch = WATCH.get_or_init(|| watch);
            last_words();
            worker::work(socket, page, watch)
        }
        // The parent reports the code; the user's stderr is not ours before the handshake.
        Err(_) => sys::exit_now(SET_UP_FAILED),
    }
}

/// What differs from an ordinary program from here on.
fn become_ours() {
    // SAFETY: before `main` there is one thread. Without the variable, what a task starts is an
    // ordinary program again.
    unsafe { std::env::remove_var(VARIABLE) };
    // SAFETY: as the runtime does before `main`: a closed pipe is an error, not a death.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    outlive_interrupts();
}

/// Ctrl-C reaches every process of the terminal; what it means is the parent's business, and if that
/// ends, so does the worker. What a task starts is not affected, because a handler, unlike an ignored
/// signal, does not outlast `exec`.
fn outlive_interrupts() {
    extern "C" fn nothing(_: c_int) {}
    // SAFETY: a handler that does nothing is safe at any moment. `signal` makes interrupted calls
    // start again. What was ignored before stays so.
    unsafe {
        if libc::signal(libc::SIGINT, nothing as extern "C" fn(c_int) as libc::sighandler_t)
            == libc::SIG_IGN
        {
            libc::signal(libc::SIGINT, libc::SIG_IGN);
        }
    }
}

/// A second view of the status page, for the thread that does not run tasks.
static WATCH: OnceLock<Page> = OnceLock::new();

/// Whoever aborts, because of the memory limit for instance, still tells how much memory it had.
fn last_words() {
    extern "C" fn tell(_: c_int) {
        if let Some(page) = WATCH.get() {
            page.set_peak_memory(peak_memory());
        }
    }
    // SAFETY: the handler allocates nothing, takes no lock and writes an atomic. When it returns,
    // `abort` goes on and ends the process.
    unsafe { libc::signal(libc::SIGABRT, tell as extern "C" fn(c_int) as libc::sighandler_t) };
}

fn set_up(invitation: Invitation) -> io::Result<(OwnedFd, Page, Page)> {
    let socket = take_stdin()?;
    let Invitation { parent, page, .. } = invitation;
    let page =
        OpenOptions::new().read(true).write(true).open(format!("/proc/{parent}/fd/{page}"))?;
    // SAFETY: the name is a C string; it is what `ps` and `top` show.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"joblib-worker".as_ptr()) };
    Ok((socket, Page::map(page.as_fd())?, Page::map(page.as_fd())?))
}

/// Moves the socket away from descriptor 0, where tasks may read, and puts `/dev/null` there.
pub(super) fn take_stdin() -> io::Result<OwnedFd> {
    let null = OpenOptions::new().read(true).open("/dev/null")?;
    let stdin = io::stdin();
    let socket = stdin.as_fd().try_clone_to_owned()?;
    sys::put_at(null.as_fd(), libc::STDIN_FILENO)?;
    Ok(socket)
}

/// Runs the functions of the table behind ours, which the loader will not come to: constructors
/// of other libraries in the executable, on which tasks may rely.
fn run_later_constructors(argc: c_int, argv: *const *const c_char, envp: *const *const c_char) {
    let table = Image::of_this_process().constructors();
    for address in behind(table, enter as *const () as usize) {
        // Linkers write 0 or -1 for an empty place.
        if *address != 0 && *address != usize::MAX {
            // SAFETY: the table holds functions of this type, not called so far.
            let constructor = unsafe { std::mem::transmute::<usize, Start>(*address) };
            constructor(argc, argv, envp);
        }
    }
}

/// The part of `table` behind `own`; empty if that is not in it.
fn behind(table: &[usize], own: usize) -> &[usize] {
    let own = table.iter().position(|address| *address == own);
    own.map_or(&[], |own| &table[own + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_comes_back() {
        let cores = NonZeroUsize::new(2).unwrap();
        let invitation = Invitation { parent: 12, page: 3, cores, memory_limit: 1 << 40 };
        assert_eq!(Invitation::parse(&invitation.to_text()), Some(invitation));
        for wrong in ["", "1", "12:3", "12:3:0:0", "12:3:4:", "12:3:4:5:6", "a:b:c:d"] {
            assert_eq!(Invitation::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_is_behind_the_entry_is_left_to_run() {
        assert_eq!(behind(&[1, 2, 3, 4], 2), [3, 4]);
        assert!(behind(&[1, 2], 2).is_empty() && behind(&[1, 2], 3).is_empty());
    }

    #[test]
    fn the_entry_is_in_the_executable_and_its_table() {
        assert!(is_in_executable());
        let table = Image::of_this_process().constructors();
        assert_eq!(table.iter().filter(|a| **a == enter as *const () as usize).count(), 1);
    }
}
