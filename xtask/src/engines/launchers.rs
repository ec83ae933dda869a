//! Commands that start workers: how what is behind them is started, on this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::server::{Server, fresh};
use crate::Result;

/// How long servers may take until they are there.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What tests on a launcher are about: those of the commands themselves need none.
const TESTS: &[&str] = &["conformance::two", "ends::", "inside::", "nodes::"];
/// The machines that Slurm believes to have, of one core each.
const NODES: &[&str] = &["n1", "n2"];

/// A launcher that we know how to prepare.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Programs that have to be there, and where they come from.
    needs: &'static [&'static str],
    package: &'static str,
    prepare: fn() -> Result<Prepared>,
}

/// A launcher that can be used.
struct Prepared {
    words: String,
    /// What has to be in the environment of those who use it.
    environment: Vec<(&'static str, String)>,
    /// A command within which it is used, too.
    within: &'static [&'static str],
    /// In the order in which they are ended.
    _servers: Vec<Server>,
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "slurm",
        needs: &["munged", "slurmctld", "slurmd", "srun", "salloc", "ip"],
        package: "slurmctld slurmd slurm-client munge iproute2",
        prepare: slurm,
    },
    Kind {
        name: "ssh",
        needs: &["sshd", "ssh", "ssh-keygen"],
        package: "openssh-server openssh-client",
        prepare: ssh,
    },
];

impl Kind {
    /// What this machine lacks, for one line.
    pub(super) fn missing(&self) -> Option<String> {
        let program = self.needs.iter().find(|program| find(program).is_none())?;
        Some(format!("there is no `{program}` (packages of Debian: {})", self.package))
    }

    /// Runs the tests of launched workers, and the example, whose table has to be `table`.
    pub(super) fn run(&self, tests: &str, example: &str, table: &str) -> Result {
        let prepared = (self.prepare)()?;
        prepared.suite(tests, &[])?;
        if !prepared.within.is_empty() {
            prepared.suite(tests, prepared.within)?;
        }
        let mut command = Command::new(example);
        command.envs(prepared.environment.clone());
        let theirs = super::table_of(command, &format!("launch:{}", prepared.words))?;
        if theirs != table {
            let name = self.name;
            return Err(format!("{name}: the example's table differs from that on threads").into());
        }
        Ok(())
    }
}

impl Prepared {
    fn suite(&self, tests: &str, within: &[&str]) -> Result {
        let mut words = within.iter().copied().chain([tests]);
        let mut command = Command::new(words.next().unwrap_or(tests));
        // One after the other: each counts on all workers.
        command.args(words).args(TESTS).arg("--test-threads=1").stdin(Stdio::null());
        command.envs(self.environment.clone()).env("JOBLIB_TEST_LAUNCHER", &self.words);
        let Output { status, stdout, stderr } = command.output()?;
        let text = String::from_utf8_lossy(&stdout);
        if status.success() && text.contains("test result: ok") {
            return Ok(());
        }
        println!("{text}{}", String::from_utf8_lossy(&stderr));
        Err(format!("the tests failed on `{}` within {within:?}", self.words).into())
    }
}

/// Where a program is: servers lie where users do not look.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn command(program: &str) -> Result<Command> {
    Ok(Command::new(find(program).ok_or_else(|| format!("there is no `{program}`"))?))
}

fn done(mut command: Command) -> Result {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}

fn await_that(what: &str, mut is_so: impl FnMut() -> bool) -> Result {
    let end = Instant::now() + START_LIMIT;
    while !is_so() {
        if Instant::now() > end {
            return Err(format!("{what} was not there within {START_LIMIT:?}").into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Two nodes on this machine, whose servers listen to it alone if there is nothing else.
fn slurm() -> Result<Prepared> {
    let folder = fresh("slurm")?;
    give_the_network_an_address()?;
    let at = |name: &str| folder.join(name);
    fs::write(at("key"), std::iter::repeat_n("joblib", 200).collect::<String>())?;
    fs::set_permissions(at("key"), fs::Permissions::from_mode(0o400))?;
    fs::create_dir(at("state"))?;
    let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
    fs::write(at("slurm.conf"), slurm_conf(&folder, host.trim()))?;

    let mut munged = command("munged")?;
    munged.args(["--force", "--foreground"]);
    for (option, name) in
        [("key", "key"), ("pid", "munged.pid"), ("log", "munged.log"), ("seed", "munged.seed")]
    {
        munged.arg(format!("--{option}-file={}", at(name).display()));
    }
    munged.arg(format!("--socket={}", at("munge.sock").display()));
    let munged = Server::start("munged", munged)?;
    await_that("munged", || at("munge.sock").exists())?;
    let server = |program: &str, arguments: &[&str]| {
        let mut command = command(program)?;
        command.args(arguments).env("SLURM_CONF", at("slurm.conf"));
        Server::start(&[&[program], arguments].concat().join(""), command)
    };
    let control = server("slurmctld", &["-D", "-c"])?;
    let mut servers = Vec::new();
    for node in NODES {
        fs::create_dir(at(&format!("spool.{node}")))?;
        servers.push(server("slurmd", &["-D", "-N", node])?);
    }
    await_that("a node of Slurm", || {
        let mut sinfo = Command::new("sinfo");
        sinfo.args(["-h", "-N", "-o", "%t"]).env("SLURM_CONF", at("slurm.conf"));
        let idle = "idle\n".repeat(NODES.len());
        sinfo.output().is_ok_and(|output| output.stdout == idle.as_bytes())
    })?;
    servers.extend([control, munged]);
    Ok(Prepared {
        words: "srun -Q -N1 -n1 --exact --unbuffered".to_owned(),
        environment: vec![
            ("SLURM_CONF", at("slurm.conf").display().to_string()),
            ("JOBLIB_TEST_NODES", NODES.join(",")),
        ],
        within: &["salloc", "-Q", "-n2"],
        _servers: servers,
    })
}

/// Slurm wants an address besides the loopback, which a network namespace does not have.
fn give_the_network_an_address() -> Result {
    let interfaces = fs::read_to_string("/proc/net/dev")?;
    if interfaces.lines().skip(2).any(|line| !line.trim_start().starts_with("lo:")) {
        return Ok(());
    }
    for words in [
        "link add v0 type veth peer name v1",
        "addr add 10.77.0.1/24 dev v0",
        "link set v0 up",
        "link set v1 up",
    ] {
        let mut ip = command("ip")?;
        ip.args(words.split(' '));
        done(ip)?;
    }
    Ok(())
}

fn slurm_conf(folder: &Path, host: &str) -> String {
    let folder = folder.display();
    let nodes: String = (16818..).zip(NODES).map(|(port, node)| {
        format!("NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 State=UNKNOWN\n")
    }).collect();
    format!(
        "ClusterName=joblib\n\
         SlurmctldHost={host}(127.0.0.1)\n\
         SlurmUser=root\n\
         SlurmdUser=root\n\
         AuthType=auth/munge\n\
         AuthInfo=socket={folder}/munge.sock\n\
         CryptoType=crypto/munge\n\
         SlurmctldPort=16817\n\
         SlurmctldPidFile={folder}/slurmctld.pid\n\
         SlurmdPidFile={folder}/slurmd.%n.pid\n\
         SlurmdSpoolDir={folder}/spool.%n\n\
         StateSaveLocation={folder}/state\n\
         ProctrackType=proctrack/linuxproc\n\
         TaskPlugin=task/none\n\
         MpiDefault=none\n\
         SelectType=select/cons_tres\n\
         SelectTypeParameters=CR_Core\n\
         SwitchType=switch/none\n\
         AccountingStorageType=accounting_storage/none\n\
         JobAcctGatherType=jobacct_gather/none\n\
         ReturnToService=2\n\
         KillWait=2\n\
         SlurmdParameters=config_overrides\n\
         {nodes}\
         PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
    )
}

/// A server of our own, which lets in whoever has a key that was made for it.
fn ssh() -> Result<Prepared> {
    let folder = fresh("ssh")?;
    let at = |name: &str| folder.join(name);
    for key in ["host_key", "user_key"] {
        let mut keygen = command("ssh-keygen")?;
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(key));
        done(keygen)?;
    }
    fs::write(
        at("sshd_config"),
        format!(
            "Port 12222\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
             PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nMaxStartups 100\n",
            at("host_key").display(),
            at("user_key.pub").display()
        ),
    )?;
    // Where the server locks itself in, if it is root's.
    fs::create_dir_all("/run/sshd").ok();
    let mut sshd = command("sshd")?;
    sshd.args(["-D", "-e", "-f"]).arg(at("sshd_config"));
    let server = Server::start("sshd", sshd)?.says("Server listening")?;
    let words = format!(
        "ssh -F none -p 12222 -i {} -o BatchMode=yes -o StrictHostKeyChecking=no \
         -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR 127.0.0.1",
        at("user_key").display()
    );
    Ok(Prepared { words, environment: Vec::new(), within: &[], _servers: vec![server] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let kind = Kind {
            name: "none",
            needs: &["sh", "no-such-program"],
            package: "no-package",
            prepare: || Err("".into()),
        };
        let missing = kind.missing().unwrap();
        assert_eq!(missing, "there is no `no-such-program` (packages of Debian: no-package)");
        assert!(find("sh").is_some());
    }
}
