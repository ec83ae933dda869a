//! Programs that run beside us, with an end.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Result, workspace};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(120);

/// How long a request for preparation may take.
const REQUEST: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(100);

/// A server, killed when dropped.
pub(super) struct Server(Child);

impl Server {
    /// Starts it and waits until it listens. What it prints goes to a file below `target`.
    pub(super) fn start(command: Command, name: &str, port: u16) -> Result<Self> {
        let folder = workspace::target().join("servers");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.log"));
        let log = File::create(&path)?;
        let mut command = dying_with_us(command);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir(&folder);
        let child = command.spawn().map_err(|error| format!("{name} cannot be run: {error}"))?;
        let mut server = Self(child);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = server.0.try_wait()? {
                return Err(format!("{name} ended with {status}: see {}", path.display()).into());
            }
            if started.elapsed() > START {
                return Err(format!("{name} does not listen: see {}", path.display()).into());
            }
            thread::sleep(PAUSE);
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The same command, ended by the system when we are, however that happens; where there is no
/// `setpriv` it is ended by our `Drop` alone.
fn dying_with_us(command: Command) -> Command {
    let setpriv = "setpriv";
    if !Command::new(setpriv).arg("--version").output().is_ok_and(|found| found.status.success()) {
        return command;
    }
    let mut wrapped = Command::new(setpriv);
    wrapped.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    wrapped
}

/// Runs a command to its end and says whether that was good; kills it after `limit`.
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<bool> {
    let mut running = Server(command.spawn()?);
    let started = Instant::now();
    loop {
        if let Some(status) = running.0.try_wait()? {
            return Ok(status.success());
        }
        if started.elapsed() > limit {
            return Err(format!("not done after {} s", limit.as_secs()).into());
        }
        thread::sleep(PAUSE);
    }
}

/// A port that nobody uses now.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Sends a request without a body and returns the answer.
pub(super) fn request(port: u16, line: &str, headers: &[&str]) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(REQUEST))?;
    let mut text = format!("{line}\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("Connection: close\r\n\r\n");
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
