//! Server programs that end with us.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Result, workspace};

/// How long a server may take until it is there.
const START_LIMIT: Duration = Duration::from_secs(90);

/// A program and what it has started. Dropped: killed.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command`, its output going to a file below `target/engines`.
    pub(super) fn start(name: &str, mut command: Command) -> Result<Self> {
        let log = folder()?.join(format!("{name}.log"));
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // A group of its own, so that what it starts can be ended with it.
        let child = command.process_group(0).spawn().map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { child, log })
    }

    /// The number of its group of processes.
    pub(super) fn group(&self) -> u32 {
        self.child.id()
    }

    /// What came out so far.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits for its end; `None` if it takes longer than `limit`.
    pub(super) fn ends_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let end = Instant::now() + limit;
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || Instant::now() > end {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the output contains `text`.
    pub(super) fn says(mut self, text: &str) -> Result<Self> {
        let end = Instant::now() + START_LIMIT;
        loop {
            let said = self.said();
            if said.contains(text) {
                return Ok(self);
            }
            let ended = self.child.try_wait()?.is_some();
            if ended || Instant::now() > end {
                println!("{said}");
                let what = if ended { "ended" } else { "took too long" };
                return Err(format!("{} {what} before it said `{text}`", self.log.display()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        for signal in ["-TERM", "-KILL"] {
            Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status().ok();
            for _ in 0..40 {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    break;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        self.child.wait().ok();
    }
}

/// Where servers write what they write.
pub(super) fn folder() -> Result<PathBuf> {
    let folder = workspace::target().join("engines");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// An empty folder below that.
pub(super) fn fresh(name: &str) -> Result<PathBuf> {
    let folder = folder()?.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_ends_with_what_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo child $!; echo ready; wait"]);
        let server = Server::start("test-server", command).unwrap().says("ready").unwrap();
        let said = fs::read_to_string(&server.log).unwrap();
        let child = said.split_whitespace().nth(1).unwrap().to_owned();
        // What has ended stays listed as `Z` until whoever adopted it looks.
        let runs = || {
            let status = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            status
                .rsplit(") ")
                .next()
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
        };
        assert!(runs());
        drop(server);
        // A signal is on its way when `kill` returns.
        let end = Instant::now() + Duration::from_secs(60);
        while runs() {
            assert!(Instant::now() < end, "it still runs");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_does_not_end_in_time_is_told_from_what_does() {
        let start = |text: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", text]);
            Server::start("test-limit", command).unwrap()
        };
        let mut endless = start("sleep 1000");
        assert!(endless.ends_within(Duration::from_millis(1)).unwrap().is_none());
        drop(endless);
        let mut short = start("echo three; exit 3");
        let status = short.ends_within(START_LIMIT).unwrap().unwrap();
        assert_eq!((status.code(), &*short.said()), (Some(3), "three\n"));
    }

    #[test]
    fn a_server_that_ends_at_once_is_no_server() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no"]);
        let error = Server::start("test-end", command).unwrap().says("ready").err().unwrap();
        assert!(error.to_string().ends_with("ended before it said `ready`"), "{error}");
    }
}
