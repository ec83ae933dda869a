//! How workers are started elsewhere: the words in front of our executable.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use crate::processes::remote;
use crate::{Error, Result, cpu_count};

/// How long a worker may take to be there: a queue may be in front of it.
const START_LIMIT: Duration = Duration::from_secs(300);

/// The commands with which [`Launched`](crate::Launched) starts workers: whatever passes standard
/// input, output and error on to a program that it is given as its last arguments.
///
/// ```
/// use joblib_backends::Launcher;
///
/// let slurm = Launcher::new(["srun", "-Q", "-n1", "--exact", "--unbuffered"]);
/// assert_eq!("srun -Q -n1 --exact --unbuffered".parse::<Launcher>()?, slurm);
///
/// let machines = Launcher::new(["ssh", "left"]).and(["ssh", "right"]);
/// assert_eq!("ssh left; ssh right".parse::<Launcher>()?, machines);
/// # Ok::<(), joblib_backends::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a launcher does nothing until a backend is made with it"]
pub struct Launcher {
    prefixes: Vec<Vec<OsString>>,
    executable: Option<PathBuf>,
    start_limit: Option<Duration>,
}

impl Launcher {
    /// Workers started with these words in front: a program and its arguments, none of which a shell
    /// looks at.
    pub fn new<W: Into<OsString>>(prefix: impl IntoIterator<Item = W>) -> Self {
        Self { prefixes: Vec::new(), executable: None, start_limit: Some(START_LIMIT) }.and(prefix)
    }

    /// A further prefix: the workers of a pool take turns among all.
    pub fn and<W: Into<OsString>>(mut self, prefix: impl IntoIterator<Item = W>) -> Self {
        self.prefixes.push(prefix.into_iter().map(Into::into).collect());
        self
    }

    /// Where this program lies on the other machines. Default: at the same path as here.
    pub fn executable(mut self, path: impl Into<PathBuf>) -> Self {
        self.executable = Some(path.into());
        self
    }

    /// How long a worker may take to be there, `None`: for ever. Default: 300 s. With Slurm, outside
    /// of an allocation, this covers the time in the queue.
    pub fn start_limit(mut self, limit: Option<Duration>) -> Self {
        self.start_limit = limit;
        self
    }

    /// How long to wait for a worker.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.start_limit
    }

    /// How many workers `n_jobs = -1` means: those of the allocation for `srun`, else the cores here.
    pub(super) fn all_workers(&self) -> NonZeroUsize {
        let tasks = || env::var("SLURM_NTASKS").ok()?.parse().ok();
        let slurm = self.prefixes.iter().all(|prefix| is_called(prefix, "srun"));
        slurm.then(tasks).flatten().unwrap_or_else(cpu_count)
    }

    /// The command of the worker with this number.
    pub(super) fn command(&self, worker: usize) -> io::Result<Command> {
        let prefix = &self.prefixes[worker % self.prefixes.len()];
        let executable = match &self.executable {
            Some(path) => path.clone(),
            None => env::current_exe()?,
        };
        let mut words = prefix.iter().map(OsString::as_os_str);
        let mut command = Command::new(words.next().unwrap_or(OsStr::new("env")));
        command.args(words).arg("env").arg(remote::relay_invitation());
        // Whatever `ssh` is given, it joins to one line for a shell.
        command.arg(if is_called(prefix, "ssh") { quoted(&executable) } else { executable.into() });
        Ok(command)
    }

    /// The words in front of the worker with this number, for messages.
    pub(super) fn shown(&self, worker: usize) -> String {
        let prefix = &self.prefixes[worker % self.prefixes.len()];
        let words: Vec<_> = prefix.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    /// Refuses what is no command.
    pub(super) fn checked(self) -> Result<Self> {
        if self.prefixes.iter().any(Vec::is_empty) { Err(Error::NoCommand) } else { Ok(self) }
    }
}

impl FromStr for Launcher {
    type Err = Error;

    /// Words are separated by spaces, prefixes by semicolons. There are no quotes.
    ///
    /// # Errors
    ///
    /// [`Error::NoCommand`] if a prefix has no word.
    fn from_str(text: &str) -> Result<Self> {
        let mut prefixes = text.split(';').map(str::split_whitespace);
        let first = Self::new(prefixes.next().ok_or(Error::NoCommand)?);
        prefixes.fold(first, Self::and).checked()
    }
}

/// Whether the program of a prefix has this name.
fn is_called(prefix: &[OsString], name: &str) -> bool {
    prefix.first().is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new(name)))
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> OsString {
    let mut word = vec![b'\''];
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'\'' => word.extend(b"'\\''"),
            byte => word.push(*byte),
        }
    }
    word.push(b'\'');
    OsString::from_vec(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(launcher: &Launcher, worker: usize) -> Vec<String> {
        let command = launcher.command(worker).unwrap();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_executable_is_started_as_a_relay_behind_the_prefix() {
        let launcher = "srun -n1".parse::<Launcher>().unwrap().executable("/a b/c");
        assert_eq!(line(&launcher, 3), ["srun", "-n1", "env", "JOBLIB_WORKER=relay", "/a b/c"]);
        let own = env::current_exe().unwrap();
        assert_eq!(line(&Launcher::new(["env"]), 0).pop(), own.to_str().map(str::to_owned));
    }

    #[test]
    fn workers_take_turns_among_prefixes() {
        let launcher: Launcher = " ssh a;ssh  b ".parse().unwrap();
        let hosts: Vec<_> = (0..3).map(|worker| line(&launcher, worker).remove(1)).collect();
        assert_eq!(hosts, ["a", "b", "a"]);
        assert_eq!(launcher.shown(1), "ssh b");
    }

    #[test]
    fn what_a_remote_shell_reads_is_quoted() {
        let launcher = Launcher::new(["/usr/bin/ssh", "a"]).executable("/it's here/c");
        assert_eq!(line(&launcher, 0).pop().unwrap(), r"'/it'\''s here/c'");
    }

    #[test]
    fn a_prefix_without_words_is_refused() {
        for text in ["", " ", "ssh a;", ";ssh a"] {
            assert!(matches!(text.parse::<Launcher>(), Err(Error::NoCommand)), "{text}");
        }
        assert!(Launcher::new([""; 0]).checked().is_err());
    }
}
