//! `cargo xtask servers`: the tests of remote stores, against real server programs on the loopback.

mod process;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use self::process::Server;
use crate::{Result, python, workspace};

/// How long the tests of one service may take.
const TESTS: Duration = Duration::from_secs(900);

const AZURITE: &str = "azurite@3.37.0";

/// A service, and how to have it here.
struct Service {
    about: &'static str,
    start: fn() -> Result<Running>,
}

/// A server that runs, and what the tests have to be told.
struct Running {
    server: Server,
    bucket: String,
    /// Tests of what the service cannot do.
    skipped: &'static [&'static str],
    variables: Vec<(&'static str, String)>,
}

const SERVICES: &[Service] = &[
    Service { about: "S3 (moto)", start: moto },
    Service { about: "Azure (Azurite)", start: azurite },
    Service { about: "Google Cloud Storage (moto, under Google's names)", start: google },
    Service { about: "WebDAV (WsgiDAV)", start: webdav },
];

pub(crate) fn run(_: &[String]) -> Result {
    for service in SERVICES {
        println!("== {}", service.about);
        match (service.start)() {
            Ok(running) => test(running)?,
            Err(error) => println!("   skipped: {error}"),
        }
    }
    Ok(())
}

/// Runs the tests with a server, which is stopped whatever becomes of them.
fn test(running: Running) -> Result {
    let line = "test --quiet --package joblib-memory --features cloud --test cloud";
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(line.split(' ')).current_dir(workspace::root()).stdin(Stdio::null());
    command.arg("--").args(running.skipped.iter().flat_map(|test| ["--skip", test]));
    // What cargo says of xtask itself makes build scripts run again,
    // and with them a hundred crates that the command line has compiled already.
    for (name, _) in std::env::vars_os() {
        let own = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if name.to_str().is_some_and(|name| own.iter().any(|start| name.starts_with(start))) {
            command.env_remove(name);
        }
    }
    command.env("JOBLIB_TEST_SERVICE", running.bucket).envs(running.variables);
    println!("   $ cargo {line}");
    let ended = process::run(&mut command, TESTS)?;
    drop(running.server);
    if ended { Ok(()) } else { Err(format!("the tests failed: cargo {line}").into()) }
}

/// moto's server for S3, which also is how Google's endpoint for S3 clients is spoken to.
fn moto() -> Result<Running> {
    let interpreter = python::environment("requirements-servers")?;
    let port = process::free_port()?;
    let mut command = Command::new(interpreter);
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    let server = Server::start(command, "moto", port)?;
    let created = process::request(port, "PUT /joblib-test HTTP/1.1", &[])?;
    if !created.starts_with("HTTP/1.1 200") {
        return Err(format!("moto did not make a bucket: {created}").into());
    }
    let variables = vec![
        ("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ];
    Ok(Running { server, bucket: "s3://joblib-test".to_owned(), skipped: &[], variables })
}

/// No emulator of Google's service knows the requests that our client makes, but they are S3's under
/// other names, which a small program puts back.
fn google() -> Result<Running> {
    let interpreter = python::environment("requirements-servers")?;
    let port = process::free_port()?;
    let mut command = Command::new(interpreter);
    command.arg(python::script("gcs_server.py")).arg(port.to_string());
    let server = Server::start(command, "google", port)?;
    let created = process::request(port, "PUT /joblibtest HTTP/1.1", &[])?;
    if !created.starts_with("HTTP/1.1 200") {
        return Err(format!("moto did not make a bucket: {created}").into());
    }
    let key = format!(
        r#"{{"gcs_base_url": "http://127.0.0.1:{port}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}"#
    );
    let variables =
        vec![("GOOGLE_SERVICE_ACCOUNT_KEY", key), ("GOOGLE_ALLOW_HTTP", "true".to_owned())];
    Ok(Running { server, bucket: "gs://joblibtest".to_owned(), skipped: &[], variables })
}

/// Microsoft's own emulator of its service.
fn azurite() -> Result<Running> {
    let program = azurite_program()?;
    let port = process::free_port()?;
    let mut command = Command::new("node");
    command.arg(program).args(["--skipApiVersionCheck", "--inMemoryPersistence", "--silent"]);
    command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
    let server = Server::start(command, "azurite", port)?;
    make_container(port)?;
    let variables = vec![
        ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
        ("AZURITE_BLOB_STORAGE_URL", format!("http://127.0.0.1:{port}")),
        ("AZURE_ALLOW_HTTP", "true".to_owned()),
    ];
    Ok(Running { server, bucket: "az://joblib-test".to_owned(), skipped: &[], variables })
}

/// A file server without conditions: nobody can claim anything there, and what is being replaced can
/// be read half.
fn webdav() -> Result<Running> {
    let interpreter = python::environment("requirements-servers")?;
    let root = workspace::target().join("servers/webdav");
    fs::create_dir_all(root.join("joblib-test"))?;
    let port = process::free_port()?;
    let mut command = Command::new(interpreter.with_file_name("wsgidav"));
    command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--auth", "anonymous"]);
    command.args(["--server", "cheroot", "--root"]).arg(&root);
    let server = Server::start(command, "webdav", port)?;
    let skipped = &[
        "lets_one_of_many_writers_win",
        "tears_nothing_under_writers_and_deleters",
        "one_process_computes_and_the_others_wait",
    ];
    let bucket = format!("http://127.0.0.1:{port}/joblib-test");
    Ok(Running { server, bucket, skipped, variables: Vec::new() })
}

/// Azurite, installed below `target` on first use.
fn azurite_program() -> Result<PathBuf> {
    let folder = workspace::target().join("node").join(AZURITE);
    let program = folder.join("node_modules/azurite/dist/src/blob/main.js");
    if !program.exists() {
        fs::create_dir_all(&folder)?;
        println!("   installing {AZURITE} in {}", folder.display());
        let mut command = Command::new("npm");
        command.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]);
        command.arg(&folder).arg(AZURITE).stdin(Stdio::null());
        let installed = command.status().map_err(|error| format!("npm cannot be run: {error}"))?;
        if !installed.success() {
            return Err(format!("npm could not install {AZURITE}").into());
        }
    }
    Ok(program)
}

/// Has a small program of Python sign the request that makes the container.
fn make_container(port: u16) -> Result {
    let mut command = Command::new(python::interpreter()?);
    command.arg(python::script("azure_container.py")).arg(port.to_string()).arg("joblib-test");
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let problem = String::from_utf8_lossy(&output.stderr);
    Err(format!("Azurite did not make a container: {problem}").into())
}
