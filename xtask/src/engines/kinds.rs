//! How each engine is started, with two workers of one core.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::server::{Server, fresh};
use crate::Result;

/// An engine that we know how to start.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Small enough for every test run.
    pub(super) small: bool,
    /// Its packages: a file of `xtask/python`, without the extension.
    pub(super) requirements: &'static str,
    /// A program that has to be there besides.
    needs: Option<&'static str>,
    pub(super) start: fn(python: &Path) -> Result<Engine>,
}

/// A running engine.
pub(crate) struct Engine {
    pub(crate) address: String,
    /// In the order in which they are ended.
    servers: Vec<Server>,
}

impl Engine {
    /// The group of processes without which the workers know nothing.
    pub(super) fn scheduler(&self) -> Option<u32> {
        self.servers.last().map(Server::group)
    }
}

impl Kind {
    /// What this machine lacks, for one line.
    pub(super) fn missing(&self) -> Option<String> {
        let program = self.needs?;
        let found = Command::new(program).arg("-version").output().is_ok();
        (!found).then(|| format!("there is no `{program}`"))
    }
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "dask",
        small: true,
        requirements: "requirements-engines",
        needs: None,
        start: dask,
    },
    Kind {
        name: "ipyparallel",
        small: true,
        requirements: "requirements-engines",
        needs: None,
        start: ipyparallel,
    },
    Kind { name: "ray", small: false, requirements: "requirements-ray", needs: None, start: ray },
    Kind {
        name: "spark",
        small: false,
        requirements: "requirements-spark",
        needs: Some("java"),
        start: spark,
    },
    Kind {
        name: "tls",
        small: false,
        requirements: "requirements-engines",
        needs: Some("openssl"),
        start: tls,
    },
    Kind {
        name: "mpi",
        small: false,
        requirements: "requirements-mpi",
        needs: Some("mpiexec"),
        start: mpi,
    },
];

/// A program beside the interpreter of a virtual environment.
fn beside(python: &Path, name: &str) -> Command {
    Command::new(python.with_file_name(name))
}

fn dask(python: &Path) -> Result<Engine> {
    let servers = dask_servers(python, "dask", "tcp://127.0.0.1:18786", &[])?;
    Ok(Engine { address: "dask://127.0.0.1:18786".to_owned(), servers })
}

/// Dask whose parts know each other by one certificate.
fn tls(python: &Path) -> Result<Engine> {
    let folder = fresh("tls")?;
    let place = |name: &str| folder.join(name).display().to_string();
    let (certificate, key) = (place("certificate.pem"), place("key.pem"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]);
    command.args(["-subj", "/CN=localhost", "-keyout", &key, "-out", &certificate]);
    if !command.output()?.status.success() {
        return Err("openssl could not make a certificate".into());
    }
    let options = [("ca-file", &certificate), ("cert", &certificate), ("key", &key)];
    let options = options.map(|(name, file)| format!("--tls-{name}={file}"));
    let servers = dask_servers(python, "dask-tls", "tls://127.0.0.1:18787", &options)?;
    let files =
        format!("tls_ca_file={certificate}&tls_client_cert={certificate}&tls_client_key={key}");
    Ok(Engine { address: format!("tls://127.0.0.1:18787?{files}"), servers })
}

/// A scheduler at `address` and two workers.
fn dask_servers(
    python: &Path,
    name: &str,
    address: &str,
    options: &[String],
) -> Result<Vec<Server>> {
    let folder = fresh(name)?;
    let mut command = beside(python, "dask");
    command.args(["scheduler", "--host", address, "--no-dashboard"]).args(options);
    let scheduler = Server::start(&format!("{name}-scheduler"), command)?.says("Scheduler at:")?;
    let mut servers = Vec::new();
    for n in 0..2 {
        let mut command = beside(python, "dask");
        command.args(["worker", address, "--host", "127.0.0.1", "--no-dashboard"]).args(options);
        command
            .args(["--nthreads", "1", "--death-timeout", "10", "--local-directory"])
            .arg(&folder);
        let worker = Server::start(&format!("{name}-worker-{n}"), command)?;
        servers.push(worker.says("Registered to:")?);
    }
    // Workers first: without a scheduler they would linger.
    servers.push(scheduler);
    Ok(servers)
}

fn ipyparallel(python: &Path) -> Result<Engine> {
    let profile = fresh("ipyparallel")?;
    let place = |command: &mut Command| {
        command.arg(format!("--profile-dir={}", profile.display()));
    };
    let mut command = beside(python, "ipcontroller");
    command.args(["--ip=127.0.0.1", "--location=127.0.0.1"]);
    place(&mut command);
    let controller = Server::start("ipcontroller", command)?.says("client::client")?;
    let file = |name: &str| profile.join("security").join(format!("ipcontroller-{name}.json"));
    let mut servers = Vec::new();
    for n in 0..2 {
        let mut command = beside(python, "ipengine");
        command.arg(format!("--file={}", file("engine").display()));
        place(&mut command);
        servers.push(
            Server::start(&format!("ipengine-{n}"), command)?.says("Completed registration")?,
        );
    }
    servers.push(controller);
    let address = format!("ipyparallel://{}", file("client").display());
    Ok(Engine { address, servers })
}

fn ray(python: &Path) -> Result<Engine> {
    let folder = fresh("ray")?;
    let mut command = beside(python, "ray");
    command.args(["start", "--head", "--block", "--port=6399", "--num-cpus=2"]);
    command.args(["--include-dashboard=false", "--disable-usage-stats"]);
    command.arg("--object-store-memory=300000000").arg(format!("--temp-dir={}", folder.display()));
    let head = Server::start("ray", command)?.says("Ray runtime started")?;
    Ok(Engine { address: "ray://127.0.0.1:6399".to_owned(), servers: vec![head] })
}

/// Spark within the side process: a master and workers of its own would take a minute to start.
fn spark(_: &Path) -> Result<Engine> {
    let options = "spark.driver.bindAddress=127.0.0.1&spark.driver.host=127.0.0.1";
    Ok(Engine { address: format!("spark:local[2]?{options}"), servers: Vec::new() })
}

/// An MPI job of the side process, which starts its workers as it needs them.
fn mpi(python: &Path) -> Result<Engine> {
    // OpenMPI asks twice whether root may, and counts cores; tests run anywhere.
    let variables = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
                     OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_tcp_if_include=lo \
                     OMPI_MCA_mpi_yield_when_idle=1";
    let script = fresh("mpi")?.join("python");
    fs::write(&script, format!("#!/bin/sh\nexec env {variables} {} \"$@\"\n", python.display()))?;
    fs::set_permissions(&script, PermissionsExt::from_mode(0o700))?;
    let options = format!("max_workers=2&python={}", script.display());
    let address = format!("python:mpi4py.futures:MPIPoolExecutor?{options}");
    Ok(Engine { address, servers: Vec::new() })
}
